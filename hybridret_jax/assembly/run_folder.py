"""A run's folder: whose it is, what it was made from, and its tokenizer."""

import json
import logging
import pathlib

import ml_collections

from hybridret_jax.assembly import (
  binding,
  check_inputs,
  model,
  own_settings,
  run_record,
  training_data,
)
from hybridret_jax.data import lexicons as lexicons_lib
from hybridret_jax.data import sources, tokenizer_made
from hybridret_jax.ground import faults, writing
from hybridret_jax.parallel import hosts

_LOG = logging.getLogger(__name__)


def claim(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
  """Writes the config into a fresh run, or checks that it is the same run's.

  Raises:
    Fault: the folder holds a run of other settings; each is named.
  """
  settings = own_settings.settings(config)
  if own_settings.holds_run(workdir):
    settings = own_settings.going_on(config, workdir)
  if hosts.is_first():
    writing.write(
      workdir / own_settings.CONFIG,
      json.dumps(settings, indent=2, ensure_ascii=False) + "\n",
    )


def keep_record(
  workdir: pathlib.Path,
  corpus: sources.Corpus,
  made: model.Model,
  found: lexicons_lib.Lexicons | None = None,
) -> None:
  """Keeps what a fresh run is made from, or checks that it is the same still.

  Args:
    workdir: of the run.
    corpus: the data.
    made: the model.
    found: lexicons, where texts are code-switched.

  Raises:
    Fault: data, tokenizer or start are not what the run was trained with.
  """
  if own_settings.holds_run(workdir):
    check_made_of(workdir, corpus=corpus, made=made, lexicons=found)
  elif hosts.is_first():
    run_record.save(workdir, run_record.of(corpus, made, found))


def agree(
  config: ml_collections.ConfigDict,
  corpus: sources.Corpus,
  made: model.Model,
  found: lexicons_lib.Lexicons | None = None,
) -> None:
  """Checks that all processes of a job train the same on the same.

  Args:
    config: the whole config.
    corpus: the data.
    made: the model.
    found: lexicons, where texts are code-switched.

  Raises:
    Fault: in every process, naming those that have something else.
  """
  settings = binding.flat(own_settings.settings(config))
  bound = {
    key: value
    for key, value in settings.items()
    if binding.kind(key) != binding.TODAY and key not in binding.PLACES
  }
  hosts.agree("settings", json.dumps(bound, sort_keys=True))
  record = run_record.of(corpus, made, found)
  for what in ("sources", "lexicons", "tokenizer", "start"):
    hosts.agree(what, json.dumps(record[what], sort_keys=True))


def has_record(workdir: pathlib.Path) -> bool:
  """Whether the folder holds a run that says what it was made from."""
  return (
    own_settings.holds_run(workdir) and run_record.load(workdir) is not None
  )


def check_made_of(
  workdir: pathlib.Path,
  *,
  corpus: sources.Corpus | None = None,
  lexicons: lexicons_lib.Lexicons | None = None,
  made: model.Model | None = None,
  weights: bool = True,
) -> None:
  """Checks that what is used of a run's inputs is what it was trained with.

  A folder without a run has no inputs of its own, and a run of an older version
  kept no record of them, which is said.

  Args:
    workdir: of the run.
    corpus: the data, where they are used.
    lexicons: of code-switching, where they are used.
    made: the model, for its tokenizer and start.
    weights: whether the start's weights are used.

  Raises:
    Fault: naming every source and file that is not what it was.
  """
  if not own_settings.holds_run(workdir):
    return
  record = run_record.load(workdir)
  if record is None:
    _LOG.warning(
      "%s has no %s, being a run of an older version: whether its data,"
      " tokenizer and start are what they were is not known.",
      workdir,
      run_record.FILE,
    )
    return
  run_record.check(
    workdir,
    record,
    corpus=corpus,
    lexicons=lexicons,
    made=made,
    weights=weights,
  )


def tokenizer_folder(workdir: pathlib.Path) -> pathlib.Path:
  """Where a run keeps a tokenizer that it trained."""
  return workdir / own_settings.TOKENIZER


def needs_tokenizer(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> bool:
  """Whether a tokenizer is to be trained before anything else."""
  return (
    config.model.tokenizer == model.TRAIN_TOKENIZER
    and not (tokenizer_folder(workdir) / "tokenizer.json").is_file()
  )


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
  folder = tokenizer_folder(workdir)
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
  config: ml_collections.ConfigDict,
  data: training_data.TrainingData,
  found: lexicons_lib.Lexicons | None = None,
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
  for guess in corpus.guesses:
    _LOG.info("%s", guess)
  for note in (*corpus.notes, *check_inputs.unused(config, corpus)):
    _LOG.info("%s.", note)
  for note in (
    *data.composer.unserved,
    *check_inputs.unswitched(corpus, found),
  ):
    _LOG.info("%s.", note)
  left_out = corpus.skipped | data.composer.left_out
  for what, count in left_out.items():
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
