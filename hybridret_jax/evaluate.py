"""A checkpoint or a Hugging Face model to every direction's figures."""

import importlib.metadata
import json
import logging
import pathlib
import time
from typing import Any

import jax
import ml_collections
from jax.sharding import Mesh

from hybridret_jax.assembly import (
  judging,
  model,
  run_folder,
  tasks,
  trained,
  training_data,
)
from hybridret_jax.parallel import hosts
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.reporting import figures, results, tables, training_log
from hybridret_jax.retrieval.tasks import task as task_lib

_LOG = logging.getLogger(__name__)
MEANS = "_means_subtracted"
_VERSIONS = ("jax", "flax", "optax", "orbax-checkpoint", "numpy")


def evaluate(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
  """Judges the systems of a config on its tasks and writes their results.

  Writes `results/<task>/` in the run's folder: results.json, the matrices as
  CSV, heatmaps and summary.md. A folder without a checkpoint has no trained
  systems; they are left out with a notice.
  """
  mesh = meshes.make(**config.mesh)
  corpus, held = None, None
  if tasks.HELD_OUT in config.evaluation.tasks or (
    config.model.tokenizer == model.TRAIN_TOKENIZER
  ):
    corpus, held = training_data.read_corpus(config)
  made = model.make(config, run_folder.tokenizer(config, workdir, corpus))
  parameters = {
    origin: _parameters(origin, config, made, mesh, workdir)
    for origin in _origins(config, workdir)
  }
  for spec in config.evaluation.tasks:
    task = tasks.load(config, spec, held)
    systems, seconds = _judge(config, task, parameters, made, mesh)
    saved = _results(config, spec, task, made)
    saved |= {"systems": systems, "seconds": seconds}
    _, saved["model"]["best_step"] = parameters.get("trained", (None, None))
    if hosts.is_first():
      _write(workdir, saved)


def _judge(
  config: ml_collections.ConfigDict,
  task: task_lib.Task,
  parameters: dict[str, tuple[Any, int | None]],
  made: model.Model,
  mesh: Mesh,
) -> tuple[dict[str, Any], dict[str, float]]:
  """(figures by system, seconds by what took them); a text is encoded once."""
  encode_texts = judging.encoder(config, made, mesh)
  found, seconds = {}, {}
  for origin, (params, _) in parameters.items():
    vectors = judging.encode(task, encode_texts, params)
    seconds[f"encode_{origin}"] = round(vectors.seconds, 1)
    for system in (origin, origin + MEANS):
      if system not in config.evaluation.systems:
        continue
      begun = time.perf_counter()
      found[system] = judging.figures(
        task, vectors, mesh=mesh, means_subtracted=system.endswith(MEANS)
      )
      seconds[f"score_{system}"] = round(time.perf_counter() - begun, 1)
  ordered = {
    system.replace(MEANS, ", language means subtracted"): found[system]
    for system in config.evaluation.systems
    if system in found
  }
  return ordered, seconds


def _results(
  config: ml_collections.ConfigDict,
  spec: str,
  task: task_lib.Task,
  made: model.Model,
) -> dict[str, Any]:
  given = config.evaluation.candidates
  notes = []
  if spec == config.validation.task:
    notes.append("The checkpoint was chosen on this very task.")
  return {
    "schema": results.SCHEMA,
    "task": task.name,
    "candidates": given if spec.startswith("xquad_r") else "as given",
    "model": {
      "init": str(config.model.init),
      "pooling": config.model.pooling,
      "dimension": made.module.projection or made.module.encoder.hidden_size,
      "training_languages": list(config.data.languages),
    },
    "settings": json.loads(config.to_json_best_effort()),
    "versions": {n: importlib.metadata.version(n) for n in _VERSIONS},
    "notes": notes,
  }


def _origins(config, workdir):
  """The parameters that the systems need, in order of mention."""
  wanted = [s.removesuffix(MEANS) for s in config.evaluation.systems]
  if "trained" in wanted and not trained.has_checkpoint(workdir):
    _LOG.warning(
      "%s has no checkpoint: only the model as it is will be judged.", workdir
    )
    wanted = [origin for origin in wanted if origin != "trained"]
    wanted = wanted or ["untrained"]
    with config.unlocked():
      config.evaluation.systems = ("untrained", "untrained" + MEANS)
  return list(dict.fromkeys(wanted))


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


def _write(workdir: pathlib.Path, saved: dict[str, Any]) -> None:
  folder = workdir / "results" / saved["task"]
  results.save(folder, saved)
  figures.save(folder, saved)
  page = tables.save(folder, saved)
  records = training_log.read(workdir)
  if records:
    figures.save_curves(folder / "curves.png", records)
  print(tables.macro(saved))
  print(f"\nResults, matrices and heatmaps: {page.parent}")
