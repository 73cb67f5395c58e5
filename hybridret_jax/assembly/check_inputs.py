"""What a config names on disk, read whole before anything is computed."""

from collections.abc import Iterator, Sequence

import ml_collections

from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.assembly import tasks, training_data
from hybridret_jax.data import composer, lexicons, sources

_UNREADABLE = (ValueError, OSError)


def problems(
  config: ml_collections.ConfigDict,
  modes: Sequence[str],
  inputs: inputs_lib.Inputs,
) -> Iterator[str]:
  """What is wrong with the sources and tasks that these modes will read.

  Args:
    config: the whole config.
    modes: out of train, evaluate and export.
    inputs: keeps what is read, for those who use it.
  """
  if "train" in modes:
    yield from _of_sources(config, inputs)
    yield from _of_lexicons(config, inputs)
  weights = config.data.source_weights
  if weights and len(weights) != len(config.data.sources):
    yield (
      f"data.source_weights has {len(weights)} numbers for"
      f" {len(config.data.sources)} sources; give one each"
    )
  yield from _of_tasks(config, modes, inputs)


def of_batches(
  config: ml_collections.ConfigDict, inputs: inputs_lib.Inputs
) -> Iterator[str]:
  """Why batches cannot be composed of the sources; none if they can be read."""
  try:
    corpus = inputs.corpus(config)
  except _UNREADABLE:
    return
  corpus, _ = training_data.split(config, corpus)
  yield from composer.feasibility(
    corpus, source_weights=tuple(config.data.source_weights), **config.batches
  )


def unused(
  config: ml_collections.ConfigDict, corpus: sources.Corpus
) -> list[str]:
  """What data offer and the config leaves, a sentence each."""
  found = []
  counts, used = corpus.negative_counts, config.batches.negatives
  rows = int((counts > used).sum())
  if rows and not used:
    found.append(
      f"{rows} rows name hard negatives (up to {counts.max()} each) and none is"
      " used: batches.negatives is 0"
    )
  few = int((counts < used).sum())
  if few:
    found.append(
      f"{few} rows name fewer than batches.negatives {used} hard negatives and"
      " give no query"
    )
  weights = tuple(config.data.source_weights)
  for name, weight in zip(corpus.sources, weights, strict=False):
    if not weight:
      found.append(f"source {name} is not used: its source weight is 0")
  return found


def unswitched(
  corpus: sources.Corpus, found: lexicons.Lexicons | None
) -> list[str]:
  """What lexicons are of no use for, or not there for, a sentence each."""
  if found is None:
    return []
  of_use = [tag for tag in corpus.languages if found.targets(tag)]
  rest = [tag for tag in corpus.languages if tag not in of_use]
  told = [
    f"words of {tag} are replaced by those of {', '.join(found.targets(tag))}"
    for tag in of_use
  ]
  if rest:
    told.append(f"texts in {', '.join(rest)} are in no lexicon and stay")
  return told


def _of_sources(config, inputs):
  """One problem a source, where there are any."""
  specs = config.data.sources
  if not specs:
    yield "data.sources is empty; name folders or files of rows (docs/data.md)"
    return
  missing = [_missing(config, spec) for spec in specs]
  yield from (problem for problem in missing if problem)
  if any(missing):
    specs = [s for s, gone in zip(specs, missing, strict=True) if not gone]
    yield from _each(config, specs)
    return
  try:
    inputs.corpus(config)
  except _UNREADABLE as error:
    yield from dict.fromkeys([*_each(config, specs), str(error)])


def _of_lexicons(config, inputs):
  """What is wrong with lexicons, or that none is of the data's languages."""
  try:
    found = inputs.lexicons(config)
    into = training_data.languages(config)
  except _UNREADABLE as error:
    yield str(error)
    return
  if found is not None and not any(map(found.targets, into)):
    known = ", ".join(sorted({source for source, _ in found.words}))
    yield (
      f"code_switching.lexicons translate from {known}, and data.languages are"
      f" {', '.join(into)}; name lexicons of one of these"
    )


def _each(config, specs):
  for spec in specs:
    try:
      sources.read(
        [training_data.place(config, spec)],
        languages=training_data.languages(config),
      )
    except _UNREADABLE as error:
      yield str(error)


def _of_tasks(config, modes, inputs):
  evaluated = [*config.evaluation.tasks] if "evaluate" in modes else []
  wanted = dict.fromkeys(evaluated)
  if "train" in modes and config.validation.task:
    wanted |= dict.fromkeys([config.validation.task, *config.validation.also])
  unknown = []
  for spec in wanted:
    try:
      tasks.name(config, spec)
    except _UNREADABLE as error:
      unknown.append(spec)
      yield str(error)
  try:
    tasks.distinct(config, [spec for spec in wanted if spec not in unknown])
  except ValueError as error:
    yield str(error)
  for spec in wanted:
    if spec == tasks.HELD_OUT:
      if not config.validation.share:
        yield "validation.share is 0, so no block is held out; use 0.02 or so"
    elif spec not in unknown:
      yield from _of_task(config, spec, tasks.kind(config, spec)[1], inputs)


def _of_task(config, spec, folder, inputs):
  missing = None
  if not spec.startswith(training_data.CLDR):
    missing = _missing(config, folder)
  try:
    if not missing:
      inputs.task(config, spec)
  except _UNREADABLE as error:
    missing = f"task {spec}: {error}"
  if missing:
    yield missing


def _missing(config, spec):
  """What to say of a path that is not there; None if it is."""
  try:
    path = training_data.path(config, spec)
  except ValueError as error:
    return str(error)
  if path is None or path.exists():
    return None
  return (
    f"{path}: no such file or folder; relative paths start at data.folder"
    f" ({config.data.folder}): set --config.data.folder"
  )
