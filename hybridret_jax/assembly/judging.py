"""A task and parameters to figures: every text encoded once, then ranked."""

import dataclasses
import time
from typing import Any

import ml_collections
import numpy as np
from jax.sharding import Mesh

from hybridret_jax.assembly import encoding, model, training_data
from hybridret_jax.retrieval import baselines, evaluation
from hybridret_jax.retrieval.tasks import task as tasks


@dataclasses.dataclass(frozen=True)
class Vectors:
  """The unit vectors of a task.

  Attributes:
    queries: q_QD.
    candidates: c_ND.
    seconds: what encoding took.
  """

  queries: np.ndarray
  candidates: np.ndarray
  seconds: float


def encoder(
  config: ml_collections.ConfigDict, made: model.Model, mesh: Mesh
) -> encoding.TextEncoder:
  """The text encoder of a run."""
  evaluated = config.evaluation
  most = made.module.encoder.max_length
  return encoding.TextEncoder(
    module=made.module,
    tokenizer=made.tokenizer,
    mesh=mesh,
    prefixes={
      "query": config.data.query_prefix,
      "passage": config.data.passage_prefix,
    },
    max_lengths={
      "query": min(evaluated.query_length, most),
      "passage": min(evaluated.passage_length, most),
    },
    row_lengths=tuple(evaluated.row_lengths),
    tokens_per_call=evaluated.tokens_per_call,
    cache=training_data.cache_folder(config) / "tokens",
  )


def encode(
  task: tasks.Task, encode_texts: encoding.TextEncoder, params: Any
) -> Vectors:
  """Encodes a task: queries, then candidates with their context if any."""
  begun = time.perf_counter()
  name = f"{task.name} "
  q_QD = encode_texts(params, task.query_texts, "query", name=name + "queries")
  c_ND = encode_texts(
    params,
    task.candidate_texts,
    "passage",
    contexts=task.candidate_context,
    name=name + "candidates",
  )
  return Vectors(q_QD, c_ND, time.perf_counter() - begun)


def figures(
  task: tasks.Task,
  vectors: Vectors,
  *,
  mesh: Mesh,
  means_subtracted: bool = False,
) -> dict[str, Any]:
  """Every direction, the pool and the bias; see `retrieval.evaluation`.

  Args:
    task: what was encoded.
    vectors: its vectors.
    mesh: devices that share the queries.
    means_subtracted: judge the training-free baseline instead: each
      language's mean taken from its vectors, queries and candidates apart.
  """
  q_QD, c_ND = vectors.queries, vectors.candidates
  if means_subtracted:
    q_QD = baselines.subtract_language_means(q_QD, task.query_language)
    c_ND = baselines.subtract_language_means(c_ND, task.candidate_language)
  return evaluation.evaluate(task, q_QD, c_ND, mesh=mesh)


def selection_figure(figures_of_task: dict[str, Any]) -> float:
  """What checkpoints are chosen by: the mean mAP of the settings there are."""
  values = [macro["map"] for macro in figures_of_task["macro"].values()]
  known = [value for value in values if value is not None and value == value]
  return float(np.mean(known))
