"""The card of an exported model, from what its own run or folder says."""

import logging
import pathlib
from typing import Any

from hybridret_jax.assembly import model, own_settings
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
    training_languages=languages.distinct(data["languages"], "data.languages"),
    prefixes=made.prefixes,
    max_lengths={
      "query": data["query_length"],
      "passage": data["passage_length"],
    },
    pooling=made.module.pooling,
    dimension=_dimension(made),
    settings={key: settings[key] for key in _OF_TRAINING},
    base_model=_hub_id(init),
    notes=made.notes,
  )


def of_folder(init: str, made: model.Model) -> str:
  """The card of a model as it came, from the folder or hub id `init`."""
  return model_card.card(
    name=f"{pathlib.PurePath(init).name}, as it was",
    results=(),
    training_languages=(),
    prefixes=made.prefixes,
    max_lengths=made.lengths,
    pooling=made.module.pooling,
    dimension=_dimension(made),
    settings={},
    base_model=_hub_id(init),
    notes=made.notes,
  )


def _dimension(made: model.Model) -> int:
  return made.module.projection or made.module.encoder.hidden_size


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
