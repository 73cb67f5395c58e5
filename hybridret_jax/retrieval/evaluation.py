"""Every direction's figures, the pool's and the bias figures of one task."""

from typing import Any

import numpy as np
from jax.sharding import Mesh

from hybridret_jax.retrieval import bias, metrics, ranking
from hybridret_jax.retrieval.tasks import task as task_lib

SETTINGS = ("monolingual", "cross_lingual", "multilingual_pool")
_BIAS = ("rank_distance", "same_language_first")


def evaluate(
  task: task_lib.Task,
  q_QD,
  c_ND,
  *,
  mesh: Mesh | None = None,
  query_block: int = 256,
  chunk: int = 1024,
) -> dict[str, Any]:
  """All figures of `task` from one pass over its embeddings.

  A direction (query language, candidate language) ranks the candidates of one
  language and scores the queries that have a relevant candidate in it; the
  pool ranks all candidates. `macro` holds unweighted means over directions
  and over the pool's query languages. Directions and pool rows without a
  scored query are left out; a macro figure without any is None.

  Args:
    task: queries, candidates and judgements.
    q_QD: one vector per query, in order.
    c_ND: one vector per candidate, in order.
    mesh: devices the queries are split over; None is one device.
    query_block: most queries scored at a time on a device.
    chunk: most candidates scored at a time.

  Returns:
    A dict of plain Python values with the keys task, languages, counts,
    macro, directions, pool and pool_map_by_answer_language.

  Raises:
    ValueError: the vectors do not fit the task or are not finite.
  """
  for side, vectors, number in (
    ("query", q_QD, task.num_queries),
    ("candidate", c_ND, task.num_candidates),
  ):
    if len(vectors) != number:
      raise ValueError(
        f"task {task.name} has {number} {side} texts and got {len(vectors)}"
        " vectors; embed each text once, in order"
      )
  above_QRX = ranking.counts(
    q_QD,
    c_ND,
    task.relevant,
    task.candidate_language,
    num_languages=len(task.languages),
    mesh=mesh,
    query_block=query_block,
    chunk=chunk,
  )
  directions = _directions(task, above_QRX)
  pool = _pool(task, above_QRX)
  return {
    "task": task.name,
    "languages": list(task.languages),
    "counts": _counts(task),
    "macro": _macro(task, directions, pool),
    "directions": directions,
    "pool": pool,
    "pool_map_by_answer_language": _pool_by_answer_language(task, above_QRX),
  }


def flat(figures: dict[str, Any]) -> dict[str, float]:
  """Figures under `eval/<task>/<setting or direction>/<metric>`.

  Counts and figures that are None are left out; the pool's row of a language
  stands under `eval/<task>/<language>-pool/<metric>`.
  """
  rows = {
    **figures["macro"],
    **figures["directions"],
    **{f"{language}-pool": row for language, row in figures["pool"].items()},
  }
  return {
    f"eval/{figures['task']}/{row}/{key}": value
    for row, values in rows.items()
    for key, value in values.items()
    if key != "queries" and value is not None
  }


def _directions(task, above_QRX):
  rank_QR = ranking.own_language_ranks(
    above_QRX, task.relevant, task.candidate_language
  )
  language_QR = bias.relevant_languages(task.relevant, task.candidate_language)
  rows = {}
  for answer, code in enumerate(task.languages):
    values = _values(np.where(language_QR == answer, rank_QR, 0))
    for query, row in _by_query_language(task, values).items():
      rows[query, code] = row
  return {
    f"{query}-{answer}": rows[query, answer]
    for query in task.languages
    for answer in task.languages
    if (query, answer) in rows
  }


def _pool(task, above_QRX):
  rank_QR = ranking.pool_ranks(above_QRX, task.relevant)
  values = _values(rank_QR) | {
    "rank_distance": bias.rank_distance(rank_QR),
    "same_language_first": bias.same_language_first(
      rank_QR, task.relevant, task.query_language, task.candidate_language
    ),
  }
  return _by_query_language(task, values)


def _pool_by_answer_language(task, above_QRX):
  figures = {}
  for answer, code in enumerate(task.languages):
    rank_QR = bias.answer_language_ranks(
      above_QRX, task.relevant, task.candidate_language, answer
    )
    values = {"map": metrics.average_precision(rank_QR)}
    for query, row in _by_query_language(task, values).items():
      figures[f"{query}-{code}"] = row["map"]
  return dict(sorted(figures.items()))


def _values(rank_QR):
  return {key: metric(rank_QR) for key, metric in metrics.ALL.items()}


def _by_query_language(task, values):
  """Means over each query language that has a query with a value for map."""
  rows = {}
  for index, code in enumerate(task.languages):
    mine = task.query_language == index
    queries = int(np.sum(~np.isnan(values["map"][mine])))
    if queries:
      row = {key: metrics.mean(value[mine]) for key, value in values.items()}
      rows[code] = row | {"queries": queries}
  return rows


def _macro(task, directions, pool):
  same = {f"{code}-{code}" for code in task.languages}
  settings = {
    "monolingual": [row for key, row in directions.items() if key in same],
    "cross_lingual": [r for key, r in directions.items() if key not in same],
    "multilingual_pool": list(pool.values()),
  }
  return {
    setting: {
      key: _mean_of([row[key] for row in rows])
      for key in (
        *metrics.ALL,
        *(_BIAS if setting == "multilingual_pool" else ()),
      )
    }
    for setting, rows in settings.items()
  }


def _mean_of(values):
  return metrics.mean([v for v in values if v is not None])


def _counts(task):
  def by_language(language):
    sizes = np.bincount(language, minlength=len(task.languages))
    return dict(zip(task.languages, sizes.tolist(), strict=True))

  judged_Q = (task.relevant >= 0).any(axis=1)
  return {
    "queries": task.num_queries,
    "queries_without_relevant": int(np.sum(~judged_Q)),
    "candidates": task.num_candidates,
    "queries_by_language": by_language(task.query_language),
    "candidates_by_language": by_language(task.candidate_language),
  }
