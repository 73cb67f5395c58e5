"""The card of an exported model, from what its own run or folder says."""

import logging
import pathlib
from collections.abc import Sequence
from typing import Any

from hybridret_jax.assembly import model, own_settings, run_record
from hybridret_jax.ground import languages
from hybridret_jax.models import huggingface
from hybridret_jax.reporting import model_card, results

_LOG = logging.getLogger(__name__)
_OF_TRAINING = ("batches", "loss", "optimizer", "seed")


def of_run(
  workdir: pathlib.Path,
  settings: dict[str, Any],
  made: model.Model,
  step: int,
) -> str:
  """The card of a run's checkpoint.

  Args:
    workdir: of the run, whose results of that checkpoint are told.
    settings: the run's own, nested.
    made: the model.
    step: of the checkpoint.
  """
  init = str(settings["model"]["init"])
  data = settings["data"]
  return model_card.card(
    name=f"{workdir.name} (step {step})",
    results=_judged(workdir, step),
    prefixes=made.prefixes,
    max_lengths=made.lengths,
    pooling=made.module.pooling,
    dimension=_dimension(made),
    training=model_card.Training(
      languages=languages.distinct(data["languages"], "data.languages"),
      lengths={side: data[f"{side}_length"] for side in ("query", "passage")},
      sources=_sources(workdir, data["sources"]),
      settings={key: settings[key] for key in _told(settings)},
      start="" if init == model.SCRATCH else _hub_id(init) or _name(init),
    ),
    base_model=_hub_id(init),
    notes=made.notes,
  )


def of_folder(
  init: str, made: model.Model, languages: Sequence[str] = ()
) -> str:
  """The card of a model as it came, from the folder or hub id `init`."""
  return model_card.card(
    name=f"{_name(init)}, as it was",
    results=(),
    languages=languages,
    prefixes=made.prefixes,
    max_lengths=made.lengths,
    pooling=made.module.pooling,
    dimension=_dimension(made),
    base_model=_hub_id(init),
    notes=made.notes,
  )


def _told(settings) -> tuple[str, ...]:
  """Sections of a run that its card tells of."""
  adapted = settings.get("lora", {}).get("rank")
  return (*_OF_TRAINING, *(("lora",) if adapted else ()))


def _dimension(made: model.Model) -> int:
  return made.module.dimension


def _name(init: str) -> str:
  """The name of a folder: where it lay is nobody else's business."""
  return pathlib.Path(init).absolute().name


def _sources(workdir: pathlib.Path, named: Sequence[str]) -> dict[str, str]:
  """What a run was trained on, as its config names it, with its SHA-256."""
  record = run_record.load(workdir)
  if record is None:
    return dict.fromkeys(named, "")
  hashed = [one["sha256"] for one in record["sources"]]
  return dict(zip(named, hashed, strict=True))


def _hub_id(init: str) -> str | None:
  is_id = not pathlib.Path(init).exists() and huggingface.is_hub_id(init)
  return init if is_id else None


def _judged(workdir: pathlib.Path, step: int) -> list[dict[str, Any]]:
  """The run's results that are of what is exported."""
  found = []
  for path in sorted((workdir / "results").glob(f"*/{results.FILE}")):
    saved = results.load(path.parent)
    other = own_settings.unlike(saved["settings"], workdir)
    judged = saved["model"].get("best_step")
    if judged != step:
      what = "the start alone" if judged is None else f"step {judged}"
      other = [f"it judged {what}", *other]
    if other:
      _LOG.warning(
        "%s is not of the exported model (%s): left out of its card; run"
        " --mode=evaluate again.",
        path,
        "; ".join(other),
      )
      continue
    found.append(saved)
  return found
