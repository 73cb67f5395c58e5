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
  encode_texts = judging.encoder(config, made, mesh)
  origins = _origins(config, workdir)
  parameters, steps = {}, {}
  for origin in origins:
    parameters[origin], steps[origin] = _parameters(
      origin, config, made, mesh, workdir
    )
  for spec in config.evaluation.tasks:
    task = (
      tasks.validation(config, held)
      if spec == tasks.HELD_OUT
      else tasks.load(config, spec)
    )
    systems, seconds = {}, {}
    for origin in origins:
      vectors = judging.encode(task, encode_texts, parameters[origin])
      seconds[f"encode_{origin}"] = round(vectors.seconds, 1)
      for system in config.evaluation.systems:
        if system not in (origin, origin + MEANS):
          continue
        begun = time.perf_counter()
        systems[_title(system)] = judging.figures(
          task, vectors, mesh=mesh, means_subtracted=system.endswith(MEANS)
        )
        seconds[f"score_{system}"] = round(time.perf_counter() - begun, 1)
    saved = {
      "schema": results.SCHEMA,
      "task": task.name,
      "candidates": config.evaluation.candidates
      if spec.startswith("xquad_r")
      else "as given",
      "systems": {
        _title(name): systems[_title(name)]
        for name in config.evaluation.systems
        if _title(name) in systems
      },
      "model": {
        "init": str(config.model.init),
        "pooling": config.model.pooling,
        "dimension": made.module.projection or made.module.encoder.hidden_size,
        "training_languages": list(config.data.languages),
        "best_step": steps.get("trained"),
      },
      "settings": json.loads(config.to_json_best_effort()),
      "seconds": seconds,
      "versions": {n: importlib.metadata.version(n) for n in _VERSIONS},
      "notes": _notes(config, spec),
    }
    if hosts.is_first():
      _write(workdir, saved)


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


def _title(system: str) -> str:
  return system.replace(MEANS, ", language means subtracted")


def _notes(config, spec):
  notes = []
  if spec == config.validation.task:
    notes.append("The checkpoint was chosen on this very task.")
  return notes
