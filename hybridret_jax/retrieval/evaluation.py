"""Every direction's figures, the pool's and the bias figures of one task."""

import dataclasses
from collections.abc import Collection
from typing import Any

import numpy as np
from jax.sharding import Mesh

from hybridret_jax.ground import languages
from hybridret_jax.retrieval import (
  bias,
  fairness,
  left_out,
  lengths,
  means,
  metrics,
  ranking,
  search,
  store,
)
from hybridret_jax.retrieval.tasks import task as task_lib

SETTINGS = ("monolingual", "cross_lingual", "multilingual_pool")
COPY_DRAWS = 5  # Pools of one copy each that are averaged.
CORRELATED_GROUPS = 200  # Query groups whose rankings are compared.


@dataclasses.dataclass(frozen=True)
class Judged:
  """What is known of a system on a task.

  Attributes:
    figures: plain Python values, as `evaluate` returns them.
    directions_QX: by metric, each query's value among the candidates of each
      language; nan where it has no relevant one.
    pool_Q: by metric, rank_distance and same_language_first among them, each
      query's value in the pool; nan likewise.
    top_scores_QK: scores of the pool's first candidates, or None.
    top_QK: their indices, best first, or None.
  """

  figures: dict[str, Any]
  directions_QX: dict[str, np.ndarray]
  pool_Q: dict[str, np.ndarray]
  top_scores_QK: np.ndarray | None = None
  top_QK: np.ndarray | None = None


def evaluate(
  task: task_lib.Task, q_QD, c_ND, *, mesh: Mesh | None = None, **settings
) -> dict[str, Any]:
  """The figures of `judge`."""
  return judge(task, q_QD, c_ND, mesh=mesh, **settings).figures


def judge(
  task: task_lib.Task,
  q_QD,
  c_ND,
  *,
  mesh: Mesh | None = None,
  seen: Collection[str] = (),
  depth: int = 0,
  **settings,
) -> Judged:
  """All figures of `task` from one pass over its embeddings.

  A direction (query language, candidate language) ranks the candidates of one
  language and scores the queries that have a relevant candidate in it; the
  pool ranks all candidates. `macro` holds unweighted means over directions
  and over the pool's query languages; `macro_seen` and `macro_unseen` those
  over the languages that were trained on, and over what has one that was not.
  Directions and pool rows without a scored query are left out; a macro figure
  without any is None. What `bias` holds is defined in `bias` and `fairness`.

  Args:
    task: queries, candidates and judgements.
    q_QD: one vector per query, in order.
    c_ND: one vector per candidate, in order; or a store's shards, which
      stream by and are never in memory together. Of them no whole rankings are
      judged.
    mesh: devices the queries are split over; None is one device.
    seen: languages that were trained on; empty leaves the two macros out.
    depth: how many of the pool's first candidates to list for each query, and
      judge the bias by; 0 leaves out what needs whole rankings, which costs
      more than all the rest.
    settings: of `ranking.counts`, or of `search.counts` for shards.

  Raises:
    ValueError: the vectors do not fit the task or are not finite.
  """
  shards = c_ND if isinstance(c_ND, store.Shards) else None
  _check_length(task, "query", len(q_QD), task.num_queries)
  if not isinstance(c_ND, store.Shards):
    _check_length(task, "candidate", len(c_ND), task.num_candidates)
  above_QRX = left_out.counts(
    ranking.counts if shards is None else search.counts,
    q_QD,
    c_ND,
    task.relevant,
    task.candidate_language,
    task.left_out,
    num_languages=len(task.languages),
    mesh=mesh,
    **settings,
  )
  directions_QX = _direction_values(task, above_QRX)
  pool_Q = _pool_values(task, above_QRX)
  directions = _directions(task, directions_QX)
  pool = means.by_query_language(task, pool_Q)
  figures = {
    "task": task.name,
    "languages": list(task.languages),
    "counts": _counts(task) | _zeros(q_QD, c_ND),
    "macro": means.macro(task.languages, directions, pool),
    **means.seen_and_unseen(task.languages, directions, pool, seen),
    "directions": directions,
    "pool": pool,
    "pool_map_by_answer_language": _pool_by_answer_language(task, above_QRX),
    "bias": _bias_of_counts(task, above_QRX, pool),
  }
  if not depth:
    return Judged(figures, directions_QX, pool_Q)
  ranked = task.num_candidates - (task.left_out is not None)
  top_scores_QK, top_QK = left_out.top_k(
    search.top_k,
    q_QD,
    [c_ND] if shards is None else shards,
    min(depth, ranked),
    task.left_out,
    mesh=mesh,
  )
  figures["bias"] |= _bias_of_lists(task, top_QK)
  if shards is None:
    figures["bias"] |= _bias_of_rankings(task, q_QD, c_ND, mesh, settings)
  return Judged(figures, directions_QX, pool_Q, top_scores_QK, top_QK)


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


def _check_length(task, side, found, wanted):
  if found != wanted:
    raise ValueError(
      f"task {task.name} has {wanted} {side} texts and got {found} vectors;"
      " embed each text once, in order"
    )


def _zeros(q_QD, c_ND):
  """What is zero, as a correction may leave it, if anything is."""
  sides = {"queries": lengths.zero(q_QD), "candidates": lengths.zero(c_ND)}
  return {"zero_vectors": sides} if any(sides.values()) else {}


def _direction_values(task, above_QRX):
  rank_QR = ranking.own_language_ranks(
    above_QRX, task.relevant, task.candidate_language
  )
  language_QR = bias.relevant_languages(task.relevant, task.candidate_language)
  by_language = []
  for answer in range(len(task.languages)):
    narrow = _narrow(language_QR == answer, rank_QR, task.grades)
    found = _with_misses(task, *narrow, task.query_language == answer)
    by_language.append(metrics.all_values(*found))
  return {
    key: np.stack([values[key] for values in by_language], axis=1)
    for key in metrics.ALL
  }


def _pool_values(task, above_QRX):
  rank_QR = ranking.pool_ranks(above_QRX, task.relevant)
  found = _with_misses(task, rank_QR, task.grades)
  return metrics.all_values(*found) | {
    "rank_distance": bias.rank_distance(rank_QR),
    "same_language_first": bias.same_language_first(
      rank_QR, task.relevant, task.query_language, task.candidate_language
    ),
  }


def _directions(task, directions_QX):
  rows = {}
  for answer, code in enumerate(task.languages):
    values = {key: v_QX[:, answer] for key, v_QX in directions_QX.items()}
    for query, row in means.by_query_language(task, values).items():
      rows[query, code] = row
  return {
    key: rows[query, answer]
    for key, query, answer in languages.directions(task.languages)
    if (query, answer) in rows
  }


def _pool_by_answer_language(task, above_QRX):
  rank_QR = bias.answer_language_ranks(
    above_QRX, task.relevant, task.candidate_language
  )
  language_QR = bias.relevant_languages(task.relevant, task.candidate_language)
  figures = {}
  for answer, code in enumerate(task.languages):
    mine_QR = language_QR == answer
    narrow = _narrow(mine_QR, rank_QR)
    rank_QM, _ = _with_misses(task, *narrow, task.query_language == answer)
    values = {"map": metrics.average_precision(rank_QM)}
    for query, row in means.by_query_language(task, values).items():
      figures[query, code] = row["map"]
  return {
    key: figures[query, answer]
    for key, query, answer in languages.directions(sorted(task.languages))
    if (query, answer) in figures
  }


def _narrow(mine_QR, rank_QR, grade_QR=None):
  """Ranks and grades of the marked columns, in as few columns as hold them."""
  most = max(int(mine_QR.sum(axis=1).max()), 1)
  order_QM = np.argsort(~mine_QR, axis=1, kind="stable")[:, :most]
  rank_QM = np.take_along_axis(np.where(mine_QR, rank_QR, 0), order_QM, 1)
  if grade_QR is None:
    return rank_QM, None
  return rank_QM, np.take_along_axis(grade_QR, order_QM, 1)


def _with_misses(task, rank_QR, grade_QR, asked_Q=True):
  """Ranks and grades, with the misses of the queries that are asked."""
  if task.misses is None:
    return rank_QR, grade_QR
  missed_QM = task_lib.pad([list(found.values()) for found in task.misses], 0)
  missed_QM = np.where(np.reshape(asked_Q, (-1, 1)), missed_QM, 0)
  if grade_QR is None:
    grade_QR = (rank_QR > 0).astype(np.int32)
  rank_QM = np.where(missed_QM > 0, np.inf, 0)
  return (
    np.concatenate([rank_QR, rank_QM], axis=1),
    np.concatenate([grade_QR, missed_QM], axis=1),
  )


def _bias_of_counts(task, above_QRX, pool):
  rank_QR = bias.other_language_ranks(
    above_QRX, task.relevant, task.query_language, task.candidate_language
  )
  without = means.summary(task, metrics.average_precision(rank_QR), "map")
  preference = {code: row["same_language_first"] for code, row in pool.items()}
  return {
    "without_own_language": without,
    "same_language_preference": {
      "macro": means.of(preference.values()),
      "by_language": preference,
    },
  }


def _bias_of_lists(task, top_QK):
  """What the first K of the pool say."""
  codes, X = task.languages, len(task.languages)
  share_QX = fairness.top_shares(top_QK, task.candidate_language, X)
  language_QR = bias.relevant_languages(task.relevant, task.candidate_language)
  peer_Q = fairness.equal_expected_rank(
    top_QK,
    task.relevant,
    task.candidate_language,
    X,
    grades_QR=None if task.grades is None else np.minimum(task.grades, 1),
    weights={0: 0.5, 1: 0.5},
  )

  def shares(language):
    number_X = np.bincount(language, minlength=X)
    return dict(zip(codes, (number_X / number_X.sum()).tolist(), strict=True))

  asked = [x for x in range(X) if (task.query_language == x).any()]
  return {
    "top_shares": {
      "k": top_QK.shape[1],
      "by_language": {
        codes[x]: dict(
          zip(
            codes,
            share_QX[task.query_language == x].mean(axis=0).tolist(),
            strict=True,
          )
        )
        for x in asked
      },
      "pool": shares(task.candidate_language),
      "relevant": shares(language_QR[language_QR >= 0]),
    },
    "peer": {"k": top_QK.shape[1], **means.summary(task, peer_Q, "p")},
  }


def _bias_of_rankings(task, q_QD, c_ND, mesh, settings):
  """What whole rankings and thinner pools say, where the task allows it."""
  found = {}
  if task.query_group is not None:
    rho_XX, undefined = fairness.rank_correlations(
      task, q_QD, c_ND, groups=CORRELATED_GROUPS
    )
    keys = [key for key, *_ in languages.directions(task.languages)]
    by_pair = {
      key: float(rho)
      for key, rho in zip(keys, rho_XX.ravel(), strict=True)
      if not np.isnan(rho)
    }
    if by_pair:
      found["rank_correlation"] = {
        "macro": means.of(by_pair.values()),
        "by_pair": by_pair,
        "groups": CORRELATED_GROUPS,
        **({"undefined": undefined} if undefined else {}),
      }
  if task.candidate_group is not None:
    draws_DQ = [
      metrics.average_precision(
        fairness.one_copy_ranks(
          task, q_QD, c_ND, seed=seed, mesh=mesh, **settings
        )
      )
      for seed in range(COPY_DRAWS)
    ]
    number_Q = np.sum(~np.isnan(draws_DQ), axis=0)
    map_Q = np.nansum(draws_DQ, axis=0) / np.where(number_Q, number_Q, np.nan)
    found["one_copy"] = {
      "draws": COPY_DRAWS,
      **means.summary(task, map_Q, "map"),
    }
  return found


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
