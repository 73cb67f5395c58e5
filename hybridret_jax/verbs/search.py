"""Answers a query over a task's candidates."""

import pathlib
from typing import Any

import ml_collections

from hybridret_jax import run as runs
from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.assembly import judging, tasks
from hybridret_jax.ground import faults
from hybridret_jax.retrieval import search as searching


def search(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  query: str,
  *,
  number: int = 10,
  inputs: inputs_lib.Inputs | None = None,
) -> list[dict[str, Any]]:
  """The candidates that answer `query` best, best first.

  The candidates are those of the config's first evaluation task; the model is
  the run's best checkpoint, or what it starts from where there is none.

  Args:
    config: the whole config.
    workdir: folder of the run.
    query: to answer.
    number: of candidates.
    inputs: what was read of the config's sources and tasks, if anything was.

  Returns:
    `rank` (from 1), `score` (the cosine), `id`, `lang` and `text` of each.

  Raises:
    Fault: there is no task, or settings, data, tokenizer or start are not those
      of the run.
  """
  run = runs.Run.to_judge(config, workdir, inputs)
  if not run.config.evaluation.tasks:
    raise faults.Fault(
      "evaluation.tasks", "is empty", "name the task to search first"
    )
  spec = run.config.evaluation.tasks[0]
  origin = runs.TRAINED if run.has_checkpoint else runs.UNTRAINED
  run.check_inputs(
    corpus=spec == tasks.HELD_OUT or run.needs_corpus,
    weights=bool(run.config.model.start_share) or origin == runs.UNTRAINED,
  )
  params, _ = run.parameters(origin)
  task = run.task(spec)
  shards = judging.encode_candidates(
    task, run.encode_texts, params, cache=judging.cache_folder(run.config)
  )
  q_QD = run.encode_texts(params, [query], "query")
  scores_QK, indices_QK = searching.top_k(
    q_QD, shards, min(number, task.num_candidates)
  )
  return [
    {
      "rank": rank,
      "score": score,
      "id": task.candidate_ids[candidate],
      "lang": task.languages[task.candidate_language[candidate]],
      "text": task.candidate_texts[candidate],
    }
    for rank, (score, candidate) in enumerate(
      zip(scores_QK[0].tolist(), indices_QK[0].tolist(), strict=True), start=1
    )
  ]
