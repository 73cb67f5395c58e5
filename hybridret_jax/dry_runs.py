"""What a verb would do, told after all its checks; nothing is written."""

import pathlib
from collections.abc import Callable
from typing import Any

from hybridret_jax import checked, library
from hybridret_jax.assembly import (
  nonfinite,
  own_settings,
  places,
  pushing,
  settled,
  tasks,
)
from hybridret_jax.assembly import systems as system_names
from hybridret_jax.reporting import training_log
from hybridret_jax.retrieval import corpora, indexes
from hybridret_jax.training import checkpoint
from hybridret_jax.verbs import convert, inspect
from hybridret_jax.verbs import mine as mining_verb


def told(mode: str | None, **given: Any) -> str:
  """A few lines on what a verb would read and write.

  Args:
    mode: the verb; None is train, evaluate and export in turn.
    **given: as its function of `library` takes it.

  Raises:
    ValueError: what the verb itself would raise before it begins.
  """
  lines = _LINES[mode](**given)
  return "\n".join([*lines, "A dry run: nothing was done."])


def _train(config, workdir) -> list[str]:
  config, folder, read = checked.begin(config, workdir, ["train"])
  return _of_training(config, folder, read)


def _evaluate(config, workdir, vectors=(), normalize=False) -> list[str]:
  config, folder, read = checked.begin(
    config, workdir, ["evaluate"], vectors=vectors, normalize=normalize
  )
  lines = _of_evaluation(config, folder, read)
  return lines + [
    f"Given vectors: {one.name} of {one.folder}." for one in vectors
  ]


def _export(config, workdir, push=None) -> list[str]:
  if push:
    pushing.check_name(push)
  config, folder, _ = checked.begin(config, workdir, ["export"])
  lines = _of_export(config, folder)
  target = places.export_target(folder, config.export.folder)
  if push and (target / places.MARK).is_file():
    there = library.push(target, push, dry_run=True)
    lines += [
      f"Would then push, as of the export that is there:\n{there.told()}"
    ]
  elif push:
    lines.append(f"Would then push it to {push}.")
  return lines


def _in_turn(config, workdir) -> list[str]:
  modes = ["train", "evaluate", "export"]
  config, folder, read = checked.begin(config, workdir, modes)
  return [
    *_of_training(config, folder, read),
    *_of_evaluation(config, folder, read),
    *_of_export(config, folder, trains=True),
  ]


def _search(config, workdir, query) -> list[str]:
  config, folder, read = checked.begin(config, workdir, [], reads=["evaluate"])
  spec = next(iter(config.evaluation.tasks), None)
  if spec is None:
    return ["Would search nothing: evaluation.tasks is empty."]
  return [
    f"Would answer {query!r} over {_task(config, spec, read)}",
    _model(config, folder),
  ]


def _report(runs, out, baseline=None) -> list[str]:
  del baseline
  from hybridret_jax.verbs import report  # Draws.

  shared = report.shared_tasks([pathlib.Path(x) for x in runs])
  places.check_report(pathlib.Path(out), tuple(shared))
  return [
    f"Would compare {len(runs)} runs on {', '.join(shared)}.",
    *(_would_write(pathlib.Path(out) / task) for task in shared),
  ]


def _encode(model, corpus, folder, side, dtype, index) -> list[str]:
  indexes.check(index)
  found = corpora.Corpus(corpus)
  count = sum(1 for _ in found)
  also = f", and {', '.join(index)}" if index else ""
  return [
    f"Would encode {count:,} texts of {found.path}, each as a {side}, by"
    f" {model}.",
    *(f"Left out: {n} {what}." for what, n in found.skipped.items()),
    f"{_would_write(pathlib.Path(folder))} ({dtype}{also})",
  ]


def _audit(config, workdir, steps=None) -> list[str]:
  logged = training_log.certificates(workdir)
  first, last = steps or (min(logged, default=0), max(logged, default=0))
  return [
    f"Would compose steps {first} to {last} of {workdir} again; {len(logged)}"
    " are logged."
  ]


def _inspect(config, workdir) -> list[str]:
  config, folder, read = checked.to_inspect(config, workdir)
  corpus = read.corpus(config)
  named = [tasks.name(config, spec) for spec in config.evaluation.tasks]
  against = f", and compare them with {', '.join(named)}" if named else ""
  return [
    f"Would look at {len(corpus):,} rows of {len(corpus.groups):,} groups in"
    f" {' '.join(corpus.languages)}, out of {', '.join(corpus.sources)}"
    f"{against}.",
    f"Would write {folder / inspect.PAGE} and {folder / inspect.FILE}.",
  ]


def _replay(config, workdir, step=None) -> list[str]:
  del config
  bundle = nonfinite.find(pathlib.Path(workdir), step)
  return [
    f"Would make step {bundle.step} of {workdir} again on one device, from step"
    f" {bundle.start}."
  ]


def _mine(config, workdir, model=None, vectors=(), normalize=False):
  del normalize
  mining_verb.check_place(pathlib.Path(workdir))
  corpus, settings, by = checked.to_mine(config, model, vectors)
  return [
    f"Would mine up to {settings.number} hard negatives a query, of ranks"
    f" {settings.first_rank} to {settings.last_rank}, in the candidates of"
    f" {settings.candidates!r}, by {getattr(by, 'name', by)}.",
    f"Data: {len(corpus):,} rows in {' '.join(corpus.languages)}, out of"
    f" {', '.join(corpus.sources)}.",
    _would_write(pathlib.Path(workdir)),
  ]


def _plan(config, topology) -> list[str]:
  from hybridret_jax.preflight import topologies

  config = settled.of(config, download=False)
  devices = len(topologies.of(topology).devices)
  return [
    f"Would compile the step of batches of {config.batches.batch_size} from"
    f" {config.model.init} for {devices} devices of {topology}."
  ]


def _of_training(config, folder, read) -> list[str]:
  corpus = read.corpus(config)
  done = max(
    (s.step for s in checkpoint.saved(folder / "checkpoints")), default=0
  )
  begun = f", from step {done} of a run that is there" if done else ""
  batches = config.batches
  return [
    f"Would train {config.model.init} to step {config.train.steps}{begun}:"
    f" {batches.strategy} batches of {batches.batch_size}.",
    f"Data: {len(corpus):,} rows of {len(corpus.groups):,} groups in"
    f" {' '.join(corpus.languages)}, out of {len(corpus.sources)} sources.",
    *corpus.guesses,
    *(f"Left out: {n} x {what}." for what, n in corpus.skipped.items()),
    _would_write(folder),
  ]


def _of_evaluation(config, folder, read) -> list[str]:
  names = [system_names.parse(name).label for name in config.evaluation.systems]
  lines = [f"Would judge {'; '.join(names)}." if names else ""]
  for spec in config.evaluation.tasks:
    lines.append(f"Task {_task(config, spec, read)}")
    place = folder / "results" / tasks.name(config, spec)
    lines.append(_would_write(place))
  if not config.evaluation.tasks:
    lines.append("No task: evaluation.tasks is empty.")
  return [*filter(None, lines), _model(config, folder)]


def _of_export(config, folder, *, trains=False) -> list[str]:
  target = places.export_target(folder, config.export.folder)
  if not trains and not checkpoint.saved(folder / "checkpoints"):
    raise ValueError(
      f"{folder}: no checkpoint; train with this --workdir first"
    )
  return [f"Would export the best checkpoint. {_would_write(target)}"]


def _task(config, spec, read) -> str:
  if spec == tasks.HELD_OUT:
    return "held_out: blocks of the training data."
  task = read.task(config, spec)
  return (
    f"{task.name}: {task.num_queries:,} queries, {task.num_candidates:,}"
    f" candidates in {' '.join(task.languages)}."
  )


def _model(config, folder) -> str:
  if own_settings.holds_run(folder) and checkpoint.saved(
    folder / "checkpoints"
  ):
    return f"Model: the best checkpoint of {folder}."
  return f"Model: {config.model.init}, as it is."


def _would_write(place: pathlib.Path) -> str:
  there = place.is_dir() and any(place.iterdir())
  return (
    f"Would write {place}{', where something is already' if there else ''}."
  )


def _trim(model, texts, folder) -> list[str]:
  places.free(pathlib.Path(folder))
  for one in texts.read:
    next(iter(one), None)
  named = ", ".join(str(one.path) for one in texts.read)
  return [f"Would cut the vocabulary of {model} to {named}, into {folder}."]


def _convert(model, folder) -> list[str]:
  pickles = convert.found(pathlib.Path(model))
  places.free(pathlib.Path(folder))
  files = [
    (pathlib.Path(place) / name).as_posix()
    for place, names in pickles.items()
    for name in names
  ]
  return [f"Would make safetensors of {', '.join(files)} of {model}, {folder}."]


def _verify(folder) -> list[str]:
  return [f"Would read every file of {folder}, and write none."]


_LINES: dict[str | None, Callable[..., list[str]]] = {
  None: _in_turn,
  "train": _train,
  "evaluate": _evaluate,
  "export": _export,
  "search": _search,
  "report": _report,
  "encode": _encode,
  "mine": _mine,
  "audit": _audit,
  "inspect": _inspect,
  "replay": _replay,
  "plan": _plan,
  "trim": _trim,
  "convert": _convert,
  "verify": _verify,
}
