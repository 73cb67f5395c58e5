"""A run's folder: whose it is, and what stands in it."""

import json
import logging
import pathlib

import ml_collections

from hybridret_jax.assembly import check_inputs, model, training_data
from hybridret_jax.data import sources, tokenizer_made
from hybridret_jax.ground import faults, writing
from hybridret_jax.parallel import hosts

_LOG = logging.getLogger(__name__)
CONFIG = "config.json"
# Settings that may differ when a run goes on: they do not change its numbers.
_FREE = (
  "cache",
  "evaluation",
  "export",
  "mesh",
  "data.folder",
  "train.log_every",
  "train.keep",
)


def claim(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
  """Writes the config into a fresh run, or checks that it is the same run's.

  Raises:
    ValueError: the folder holds a run of other settings; each is named.
  """
  path = workdir / CONFIG
  if path.is_file() and (workdir / "checkpoints").is_dir():
    before = _flat(json.loads(path.read_text("utf-8")))
    now = _flat(json.loads(config.to_json()))
    different = [
      f"{key} was {before.get(key)!r} and is {now.get(key)!r}"
      # A setting younger than the run is not held against it.
      for key in sorted(before)
      if before[key] != now.get(key)
      and not any(key == f or key.startswith(f + ".") for f in _FREE)
    ]
    if different:
      raise ValueError(
        f"{workdir} holds a run of other settings: {'; '.join(different)}."
        " Give another --workdir, or the same settings to go on"
      )
  if hosts.is_first():
    writing.write(path, config.to_json_best_effort(indent=2) + "\n")


def tokenizer(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  corpus: sources.Corpus | None = None,
) -> pathlib.Path | None:
  """Folder of a trained tokenizer, trained now if it is not there; else None.

  Raises:
    ValueError: it was never trained, and no corpus is given.
  """
  if config.model.tokenizer != model.TRAIN_TOKENIZER:
    return None
  folder = workdir / "tokenizer"
  if corpus is not None and hosts.is_first():
    training_data.train_tokenizer(config, corpus, folder)
  if corpus is not None:
    hosts.sync("tokenizer")
  if not (folder / "tokenizer.json").is_file():
    raise ValueError(f"{folder}: no tokenizer yet; run --mode=train first")
  # Runs of before that was written down have no hash of it.
  if (folder / tokenizer_made.FILE).is_file():
    whole = tokenizer_made.is_trained(folder)
  else:
    whole = (folder / "tokenizer_config.json").is_file()
  if not whole:
    raise faults.Fault(
      folder,
      "the tokenizer is not the one that was trained",
      "bring its files back, or train in a new --workdir",
    )
  return folder


def describe(
  config: ml_collections.ConfigDict, data: training_data.TrainingData
) -> None:
  """Logs what is trained on, what was cut or left out, and what is not used."""
  corpus = data.corpus
  _LOG.info(
    "%d rows of %d groups in %s; %d rows held out.",
    len(corpus),
    len(set(corpus.group_row.tolist())),
    " ".join(corpus.languages),
    len(data.held),
  )
  for note in (*corpus.notes, *check_inputs.unused(config, corpus)):
    _LOG.info("%s.", note)
  for what, count in corpus.skipped.items():
    _LOG.info("Left out: %d x %s.", count, what)
  for side, count in data.tokens.cut.items():
    if count:
      _LOG.info("%d %s texts are cut at their maximum length.", count, side)
  for pack, shapes in zip(data.layout.packs, data.layout.shapes, strict=True):
    _LOG.info(
      "Rows of %s tokens (%s), how many by shape: %s.",
      " and ".join(map(str, data.layout.row_lengths)),
      pack,
      " ".join("+".join(map(str, shape)) for shape in shapes),
    )


def _flat(tree, prefix=""):
  if not isinstance(tree, dict):
    return {prefix[:-1]: tree}
  return {
    key: value
    for name, child in tree.items()
    for key, value in _flat(child, f"{prefix}{name}.").items()
  }
