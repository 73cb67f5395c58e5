"""A checkpoint to a Hugging Face folder that was loaded back and compared."""

import importlib.util
import logging
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.assembly import (
  judging,
  model,
  own_settings,
  places,
  probes,
  run_folder,
  settled,
  trained,
  training_data,
)
from hybridret_jax.ground import languages, writing
from hybridret_jax.models import folder as folders
from hybridret_jax.models import huggingface
from hybridret_jax.parallel import hosts
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.reporting import model_card, results

_LOG = logging.getLogger(__name__)


def export(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  inputs: inputs_lib.Inputs | None = None,
) -> None:
  """Writes the best checkpoint as a folder, once it agrees with itself.

  The folder is written aside, loaded back (through sentence-transformers too,
  where that is installed) with nothing but what it says itself, and compared
  on the texts of `probes`; only then does it appear under its name. What it
  takes the place of is an export, see `places.export_target`. The run's own
  settings and inputs hold, and its card tells of them.

  Args:
    config: the whole config.
    workdir: folder of the run.
    inputs: what was read of the config's sources, if anything was.

  Raises:
    Fault: settings, data, tokenizer or start are not those of the run.
    ValueError: no checkpoint, a place that may not be written, or a loaded-back
      model that does not agree.
  """
  places.export_target(workdir, config.export.folder)
  config = settled.of(own_settings.bound(config, workdir))
  mesh = meshes.make(**config.mesh)
  made = model.make(config, run_folder.tokenizer(config, workdir))
  run_folder.check_made_of(
    workdir,
    corpus=_corpus(config, workdir, inputs or inputs_lib.Inputs()),
    made=made,
  )
  params, step = trained.parameters(config, made, mesh, workdir)
  asked = probes.make(made.tokenizer, max(made.lengths.values()))
  encode_texts = judging.encoder(config, made, mesh)
  expected = probes.embed(encode_texts, params, asked)
  params = hosts.whole(params)
  if hosts.is_first():
    _export(config, workdir, made, params, step, asked, expected)
  # JAX's shutdown waits minutes only, and the others are there already.
  hosts.sync("exported")


def _corpus(config, workdir, inputs):
  """The run's data, where they are at hand: an export needs none itself."""
  if not run_folder.has_record(workdir):
    return None
  absent = training_data.absent(config)
  if absent:
    _LOG.warning(
      "Whether the data are what they were is not known: %s %s not here.",
      " ".join(absent),
      "is" if len(absent) == 1 else "are",
    )
    return None
  return inputs.corpus(config)


def _export(config, workdir, made, params, step, asked, expected):
  target = places.export_target(workdir, config.export.folder)
  name = f"{workdir.name} (step {step})"
  with writing.replacing_folder(target) as folder:
    _write(made, params, folder)
    _check(config, folder, asked, expected)
    card = _card(
      own_settings.described(config, workdir),
      made,
      _judged(workdir, step),
      name,
    )
    for place in _towers(folder).values():
      writing.show(place / "README.md", card)
    places.mark(folder, step=step)
    # Somebody may have put something there meanwhile.
    places.export_target(workdir, config.export.folder)
  print(f"Exported step {step} to {target}")


def _write(made, params, folder):
  for name, tower in params.items():
    place = folder if made.module.tied else folder / name
    place.mkdir(exist_ok=True)
    folders.write(
      place,
      tower,
      made.module.encoder,
      pooling=made.module.pooling,
      tokenizer_files=made.tokenizer.files(made.lengths["passage"]),
      prompts=made.prefixes,
      max_lengths=made.lengths,
      pad_id=made.tokenizer.pad_id,
      lower_case=made.tokenizer.lower_case,
    )


def _towers(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """Where each side's model lies: the folder itself if they are tied."""
  if (folder / "modules.json").is_file():
    return {"both": folder}
  return {side: folder / side for side in ("query", "passage")}


def _check(config, folder, asked, expected):
  mesh = meshes.local()  # The first process is alone here.
  # What the folder says itself is what others will go by.
  opened = settled.opened(config)
  with opened.unlocked():
    opened.model.init = str(folder)
    opened.model.tokenizer = ""
  made = model.make(opened)
  params = jax.device_put(made.start(seed=0), meshes.replicated(mesh))
  encode_texts = judging.encoder(opened, made, mesh)
  found = probes.embed(encode_texts, params, asked)
  _agree("read back", config, asked, expected, found)
  if importlib.util.find_spec("sentence_transformers") is None:
    _LOG.info("sentence-transformers is not installed: not compared.")
    return
  import sentence_transformers  # pyright: ignore[reportMissingImports]

  found = {}
  for side in ("query", "passage"):
    towers = _towers(folder)
    library = sentence_transformers.SentenceTransformer(
      str(towers.get(side, towers.get("both"))), device="cpu"
    )
    encode = library.encode_query
    if side == "passage":
      encode = library.encode_document
    found[side] = np.asarray(
      encode(list(asked.texts), batch_size=4, show_progress_bar=False)
    )
  text, context = asked.pair
  features = library.tokenizer(
    [made.prefixes["passage"] + text],
    [context],
    truncation="longest_first",
    max_length=made.lengths["passage"],
    return_tensors="pt",
  )
  pair_1D = library(dict(features))["sentence_embedding"].detach().numpy()
  found["passage"] = np.concatenate([found["passage"], pair_1D])
  _agree("loaded by sentence-transformers", config, asked, expected, found)


def _agree(
  how: str,
  config: ml_collections.ConfigDict,
  asked: probes.Probes,
  expected: dict[str, np.ndarray],
  found: dict[str, np.ndarray],
) -> None:
  texts: Sequence[Any] = (*asked.texts, asked.pair)
  for side, z_ND in expected.items():
    cosine_N = np.sum(z_ND * found[side], axis=-1)
    worst = int(np.argmin(cosine_N))
    if not cosine_N[worst] >= config.export.cosine:
      raise ValueError(
        f"the export, {how}, gives {texts[worst]!r} as a {side} a vector of"
        f" cosine {cosine_N[worst]:.6f} with the trained one, below"
        f" {config.export.cosine}; nothing is written"
      )


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


def _card(
  settings: dict[str, Any],
  made: model.Model,
  judged: list[dict[str, Any]],
  name: str,
) -> str:
  """The card of a run with these settings, its own."""
  init = str(settings["model"]["init"])
  shape = made.module.encoder
  data = settings["data"]
  return model_card.card(
    name=name,
    results=judged,
    training_languages=languages.distinct(data["languages"], "data.languages"),
    prefixes=made.prefixes,
    max_lengths={
      "query": data["query_length"],
      "passage": data["passage_length"],
    },
    pooling=made.module.pooling,
    dimension=made.module.projection or shape.hidden_size,
    settings={
      key: settings[key] for key in ("batches", "loss", "optimizer", "seed")
    },
    base_model=init
    if not pathlib.Path(init).exists() and huggingface.is_hub_id(init)
    else None,
    notes=made.notes,
  )
