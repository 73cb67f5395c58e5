"""Answers a query over a task's candidates, in the terminal."""

import pathlib

import jax
import ml_collections

from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.assembly import (
  judging,
  model,
  own_settings,
  run_folder,
  settled,
  tasks,
  trained,
  training_data,
)
from hybridret_jax.ground import faults
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.reporting import found
from hybridret_jax.retrieval import search as searching


def search(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  query: str,
  *,
  number: int = 10,
  inputs: inputs_lib.Inputs | None = None,
) -> str:
  """A table of the candidates that answer `query` best.

  The candidates are those of the config's first evaluation task; the model is
  the run's best checkpoint, or what it starts from where there is none.

  Args:
    config: the whole config.
    workdir: folder of the run.
    query: to answer.
    number: of candidates.
    inputs: what was read of the config's sources and tasks, if anything was.

  Raises:
    Fault: there is no task, or settings, data, tokenizer or start are not those
      of the run.
  """
  config = settled.of(own_settings.bound(config, workdir))
  inputs = inputs or inputs_lib.Inputs()
  mesh = meshes.make(**config.mesh)
  if not config.evaluation.tasks:
    raise faults.Fault(
      "evaluation.tasks", "is empty", "name the task to search first"
    )
  spec = config.evaluation.tasks[0]
  whole, held = None, None
  if spec == tasks.HELD_OUT or run_folder.needs_tokenizer(config, workdir):
    whole = inputs.corpus(config)
  made = model.make(config, run_folder.tokenizer(config, workdir, whole))
  is_trained = trained.has_checkpoint(workdir)
  run_folder.check_made_of(
    workdir,
    corpus=whole,
    made=made,
    weights=bool(config.model.start_share) or not is_trained,
  )
  if whole is not None:
    _, held = training_data.split(config, whole, made.tokenizer)
  if is_trained:
    params, _ = trained.parameters(config, made, mesh, workdir)
  else:
    params = jax.device_put(
      made.start(seed=config.seed), meshes.replicated(mesh)
    )
  task = inputs.task(config, spec, held)
  encode_texts = judging.encoder(config, made, mesh)
  shards = judging.encode_candidates(
    task, encode_texts, params, cache=judging.cache_folder(config)
  )
  q_QD = encode_texts(params, [query], "query")
  scores_QK, indices_QK = searching.top_k(
    q_QD, shards, min(number, task.num_candidates)
  )
  return found.table(
    [
      {
        "rank": rank,
        "score": score,
        "lang": task.languages[task.candidate_language[candidate]],
        "text": task.candidate_texts[candidate],
      }
      for rank, (score, candidate) in enumerate(
        zip(scores_QK[0].tolist(), indices_QK[0].tolist(), strict=True),
        start=1,
      )
    ]
  )
