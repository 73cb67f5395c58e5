"""A checkpoint or a Hugging Face model to every direction's figures."""

import importlib.metadata
import logging
import pathlib
import time
from typing import Any

import jax
import ml_collections
from jax.sharding import Mesh

from hybridret_jax.assembly import (
  detail,
  encoding,
  judging,
  model,
  own_settings,
  run_folder,
  settled,
  systems,
  tasks,
  trained,
  training_data,
)
from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.data import sources
from hybridret_jax.parallel import hosts
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.reporting import figures, results, tables, training_log
from hybridret_jax.retrieval import evaluation, trec
from hybridret_jax.retrieval.tasks import digests
from hybridret_jax.retrieval.tasks import task as task_lib

_LOG = logging.getLogger(__name__)
_VERSIONS = ("jax", "flax", "optax", "orbax-checkpoint", "numpy")


def evaluate(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  inputs: inputs_lib.Inputs | None = None,
) -> None:
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

  Raises:
    Fault: settings, data, tokenizer or start are not those of the run.
  """
  config = settled.of(own_settings.bound(config, workdir))
  inputs = inputs or inputs_lib.Inputs()
  specs = tasks.distinct(config, config.evaluation.tasks)
  mesh = meshes.make(**config.mesh)
  wanted = _wanted(config, workdir)
  whole, corpus, held = None, None, None
  if (
    tasks.HELD_OUT in config.evaluation.tasks
    or run_folder.needs_tokenizer(config, workdir)
    or any(system.on_training_texts for system in wanted)
  ):
    whole = inputs.corpus(config)
  made = model.make(config, run_folder.tokenizer(config, workdir, whole))
  run_folder.check_made_of(
    workdir,
    corpus=whole,
    made=made,
    weights=bool(config.model.start_share)
    or any(system.origin == "untrained" for system in wanted),
  )
  if whole is not None:
    corpus, held = training_data.split(config, whole, made.tokenizer)
  parameters = {
    origin: _parameters(origin, config, made, mesh, workdir)
    for origin in dict.fromkeys(system.origin for system in wanted)
  }
  encode_texts = judging.encoder(config, made, mesh)
  for spec in specs:
    task = judging.settle(config, inputs.task(config, spec, held), encode_texts)
    judged, seconds = _judge(
      config, task, wanted, parameters, encode_texts, corpus
    )
    saved = _results(config, spec, task, made, workdir)
    saved |= {
      "systems": {label: found.figures for label, found in judged.items()},
      "seconds": seconds,
    }
    _, saved["model"]["best_step"] = parameters.get("trained", (None, None))
    if hosts.is_first():
      _write(config, workdir, task, judged, saved)


def _judge(
  config: ml_collections.ConfigDict,
  task: task_lib.Task,
  wanted: list[systems.System],
  parameters: dict[str, tuple[Any, int | None]],
  encode_texts: encoding.TextEncoder,
  corpus: sources.Corpus | None,
) -> tuple[dict[str, evaluation.Judged], dict[str, float]]:
  """(what was found by system, seconds); a text is encoded once."""
  judged, seconds = {}, {}
  for origin, (params, _) in parameters.items():
    mine = [system for system in wanted if system.origin == origin]
    kept = origin == "untrained" or config.evaluation.keep_vectors
    vectors = judging.encode(
      task,
      encode_texts,
      params,
      cache=judging.cache_folder(config) if kept else None,
    )
    seconds[f"encode_{origin}"] = round(vectors.seconds, 1)
    known = None
    if corpus is not None and any(s.on_training_texts for s in mine):
      known = judging.encode_known(
        corpus,
        task.languages,
        encode_texts,
        params,
        number=config.evaluation.training_texts,
        seed=config.seed,
      )
    for system in mine:
      begun = time.perf_counter()
      judged[system.label] = judging.judge(
        task,
        vectors,
        system,
        mesh=encode_texts.mesh,
        known=known,
        seen=training_data.languages(config),
        depth=config.evaluation.depth,
      )
      seconds[f"score_{system.name}"] = round(time.perf_counter() - begun, 1)
  ordered = [system.label for system in wanted]
  return {label: judged[label] for label in ordered}, seconds


def _results(
  config: ml_collections.ConfigDict,
  spec: str,
  task: task_lib.Task,
  made: model.Model,
  workdir: pathlib.Path,
) -> dict[str, Any]:
  settings = own_settings.described(config, workdir)
  notes = [*task.notes, *made.notes]
  if spec == config.validation.task:
    notes.append("The checkpoint was chosen on this very task.")
  return {
    "schema": results.SCHEMA,
    "task": task.name,
    "task_sha256": digests.of(task),
    "candidates": task.candidate_form,
    "model": {
      "init": str(settings["model"]["init"]),
      "pooling": made.module.pooling,
      "dimension": made.module.projection or made.module.encoder.hidden_size,
      "training_languages": list(training_data.languages(config)),
    },
    "settings": settings,
    "versions": {n: importlib.metadata.version(n) for n in _VERSIONS},
    "notes": notes,
  }


def _wanted(config, workdir) -> list[systems.System]:
  """The systems that can be judged, in order of mention."""
  wanted = [systems.parse(name) for name in config.evaluation.systems]
  if trained.has_checkpoint(workdir):
    return wanted
  left = [system for system in wanted if system.origin != "trained"]
  if len(left) < len(wanted):
    _LOG.warning(
      "%s has no checkpoint: only the model as it is will be judged.", workdir
    )
  names = ("untrained", "untrained_means_subtracted")
  return left or [systems.parse(name) for name in names]


def _parameters(
  origin: str,
  config: ml_collections.ConfigDict,
  made: model.Model,
  mesh: Mesh,
  workdir: pathlib.Path,
) -> tuple[Any, int | None]:
  if origin == "trained":
    return trained.parameters(config, made, mesh, workdir)
  params = made.start(seed=config.seed)
  return jax.device_put(params, meshes.replicated(mesh)), None


def _write(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  task: task_lib.Task,
  judged: dict[str, evaluation.Judged],
  saved: dict[str, Any],
) -> None:
  folder = workdir / "results" / task.name
  if config.evaluation.depth:
    _write_lists(config, folder, task, judged)
  for label, found in judged.items():
    results.save_per_query(folder, label, detail.per_query(task, found))
  results.save(folder, saved)
  page = tables.save(folder, saved)
  if config.evaluation.figures:
    figures.save(folder, saved)
    records = training_log.read(workdir)
    if records:
      figures.save_curves(folder / "curves.png", records)
  print(tables.macro(saved))
  print(f"\nResults, matrices and heatmaps: {page.parent}")


def _write_lists(config, folder, task, judged):
  """Examples, and the pool's rankings as TREC files."""
  shown = detail.chosen(task, config.evaluation.examples)
  results.save_examples(
    folder,
    {
      "queries": detail.queries(task, shown),
      "systems": {
        label: detail.found(task, found, shown)
        for label, found in judged.items()
      },
    },
  )
  trec.write_qrels(
    folder / "qrels.trec",
    task.query_ids,
    task.candidate_ids,
    task.relevant,
    task.grades,
    task.misses,
  )
  depth = config.evaluation.run_depth
  for label, found in judged.items():
    if depth:
      trec.write_run(
        folder / f"run_{results.slug(label)}.trec",
        task.query_ids,
        task.candidate_ids,
        found.top_scores_QK[:, :depth],
        found.top_QK[:, :depth],
        tag=results.slug(label),
      )
