"""A checkpoint, a Hugging Face model or given vectors to every figure."""

import logging
import pathlib
import time
from collections.abc import Sequence

import ml_collections

from hybridret_jax import run as runs
from hybridret_jax.assembly import (
  given,
  judged,
  judged_vectors,
  judging,
  own_settings,
  systems,
  tasks,
  training_data,
)
from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.parallel import hosts
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.reporting import training_log
from hybridret_jax.retrieval import evaluation, small_vectors
from hybridret_jax.retrieval.tasks import task as task_lib

_LOG = logging.getLogger(__name__)


def evaluate(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  inputs: inputs_lib.Inputs | None = None,
  *,
  vectors: Sequence[given.Given] = (),
  normalize: bool = False,
) -> list[judged.Evaluation]:
  """Judges the systems of a config on its tasks and writes their results.

  Writes `results/<task>/` in the run's folder: results.json, the matrices as
  CSV, heatmaps, summary.md, each query's figures, examples, and TREC files. A
  folder without a checkpoint has no trained systems; they are left out with a
  notice. A run that is there is judged with its own settings
  (`own_settings.bound`).

  Args:
    config: the whole config.
    workdir: folder of the run.
    inputs: what was read of the config's sources and tasks, if anything was.
    vectors: of other models, judged beside the systems. With them and without
      a model (`model.init` None) they are judged alone.
    normalize: divides given vectors by their lengths.

  Returns:
    What came of each task.

  Raises:
    Fault: settings, data, tokenizer or start are not those of the run, or
      given vectors do not fit their task.
  """
  if vectors and config.model.init is None:
    return _of_vectors_alone(config, workdir, inputs, vectors, normalize)
  run = runs.Run.to_judge(config, workdir, inputs)
  specs = tasks.distinct(run.config, run.config.evaluation.tasks)
  wanted = _wanted(run)
  _check_widths(run, wanted)
  on_training_texts = any(system.on_training_texts for system in wanted)
  whole = (
    tasks.HELD_OUT in run.config.evaluation.tasks
    or run.needs_corpus
    or on_training_texts
  )
  run.check_inputs(
    corpus=whole,
    weights=bool(run.config.model.start_share)
    or any(system.origin == runs.UNTRAINED for system in wanted),
  )
  origins = list(dict.fromkeys(system.origin for system in wanted))
  for origin in origins:
    run.parameters(origin)
  done = []
  for spec in specs:
    task = run.task(spec)
    others = judged_vectors.of_folders(
      task,
      vectors,
      wanted,
      normalize=normalize,
      mesh=run.mesh,
      depth=run.config.evaluation.depth,
    )
    found, seconds = _judge(run, task, wanted)
    done.append(_evaluation(run, spec, task, found | others, seconds))
    if hosts.is_first():
      _write(run.config, workdir, done[-1])
  return done


def _of_vectors_alone(
  config, workdir, inputs, folders, normalize
) -> list[judged.Evaluation]:
  """Without a model, copies are candidates with equal texts."""
  inputs = inputs or inputs_lib.Inputs()
  wanted = [systems.parse(name) for name in config.evaluation.systems]
  mesh = meshes.make(**config.mesh)
  done = []
  for spec in tasks.distinct(config, config.evaluation.tasks):
    task = judging.settle(config, inputs.task(config, spec))
    begun = time.perf_counter()
    found = judged_vectors.of_folders(
      task,
      folders,
      wanted,
      normalize=normalize,
      mesh=mesh,
      depth=config.evaluation.depth,
    )
    evaluated = judged.Evaluation(
      task,
      found,
      model={"init": ", ".join(str(one.folder) for one in folders)},
      settings=own_settings.settings(config),
      seconds={"score": round(time.perf_counter() - begun, 1)},
    )
    done.append(evaluated)
    if hosts.is_first():
      _write(config, workdir, evaluated)
  return done


def _judge(
  run: runs.Run, task: task_lib.Task, wanted: list[systems.System]
) -> tuple[dict[str, evaluation.Judged], dict[str, float]]:
  """(what was found by system, seconds); a text is encoded once."""
  found, seconds = {}, {}
  config = run.config
  for origin in dict.fromkeys(system.origin for system in wanted):
    params, _ = run.parameters(origin)
    mine = [system for system in wanted if system.origin == origin]
    kept = origin == runs.UNTRAINED or config.evaluation.keep_vectors
    vectors = judging.encode(
      task,
      run.encode_texts,
      params,
      cache=judging.cache_folder(config) if kept else None,
    )
    seconds[f"encode_{origin}"] = round(vectors.seconds, 1)
    known = None
    if any(system.on_training_texts for system in mine):
      known = judging.encode_known(
        run.split[0],
        task.languages,
        run.encode_texts,
        params,
        number=config.evaluation.training_texts,
        seed=config.seed,
      )
    for system in mine:
      begun = time.perf_counter()
      found[system.label] = judging.judge(
        task,
        vectors,
        system,
        mesh=run.mesh,
        known=known,
        seen=training_data.languages(config),
        depth=config.evaluation.depth,
      )
      seconds[f"score_{system.name}"] = round(time.perf_counter() - begun, 1)
  return {system.label: found[system.label] for system in wanted}, seconds


def _evaluation(run, spec, task, found, seconds) -> judged.Evaluation:
  settings = own_settings.described(run.config, run.workdir)
  made, best_step = run.model, None
  if any(label.startswith(runs.TRAINED) for label in found):
    _, best_step = run.parameters(runs.TRAINED)
  notes = list(made.notes)
  width = _width(run)
  notes += _sizes(width, _wanted(run))
  if spec == run.config.validation.task:
    notes.append("The checkpoint was chosen on this very task.")
  return judged.Evaluation(
    task,
    found,
    model={
      "init": str(settings["model"]["init"]),
      "pooling": made.module.pooling,
      "dimension": width,
      "training_languages": list(training_data.languages(run.config)),
      "best_step": best_step,
    },
    settings=settings,
    notes=tuple(notes),
    seconds=seconds,
  )


def _width(run: runs.Run) -> int:
  module = run.model.module
  return module.dimension


def _check_widths(run: runs.Run, wanted: list[systems.System]) -> None:
  """Before anything is encoded."""
  for system in wanted:
    if system.dims >= _width(run):
      raise ValueError(
        f"evaluation.systems names {system.name!r}, but vectors have"
        f" {_width(run)} dimensions; name fewer, or leave the number out"
      )


def _sizes(width: int, wanted: list[systems.System]) -> list[str]:
  """What a candidate takes, where some system makes vectors small."""
  small = [system for system in wanted if system.dims or system.stored]
  if not small:
    return []
  sizes = {
    system.label: small_vectors.bytes_of(system.dims or width, system.stored)
    for system in small
  }
  told = "; ".join(f"{label}: {size:,}" for label, size in sizes.items())
  whole = small_vectors.bytes_of(width)
  return [f"Bytes of a candidate's vector: {whole:,} whole; {told}."]


def _wanted(run: runs.Run) -> list[systems.System]:
  """The systems that can be judged, in order of mention."""
  wanted = [systems.parse(name) for name in run.config.evaluation.systems]
  if run.has_checkpoint:
    return wanted
  left = [system for system in wanted if system.origin != runs.TRAINED]
  if len(left) < len(wanted):
    _LOG.warning(
      "%s has no checkpoint: only the model as it is will be judged.",
      run.workdir,
    )
  names = ("untrained", "untrained_means_subtracted")
  return left or [systems.parse(name) for name in names]


def _write(config, workdir, evaluated: judged.Evaluation) -> None:
  folder = evaluated.save(
    workdir,
    examples=config.evaluation.examples,
    run_depth=config.evaluation.run_depth,
    figures=config.evaluation.figures,
  )
  if config.evaluation.figures:
    records = training_log.read(workdir)
    if records:
      from hybridret_jax.reporting import figures

      figures.save_curves(folder / "curves.png", records)
  print(evaluated.table())
  print(f"\nResults, matrices and heatmaps: {folder}")
