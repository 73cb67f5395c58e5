"""Retrieval metrics of a query from the ranks of its relevant candidates.

Every function takes rank_QR, 1-based ranks in any order with 0 where a query
has fewer than R relevant candidates and inf for a relevant one that is not
among the candidates, and returns a float64 value per query in [0, 1], nan
where a query has none. `mean` leaves those out. Grades, where
given, are aligned with the ranks and at least 1; those of rank 0 are ignored.
"""

from collections.abc import Callable

import numpy as np


def average_precision(rank_QR) -> np.ndarray:
  """Mean over the relevant candidates of the precision at their rank."""
  return average_precision_at(rank_QR, np.iinfo(np.int64).max)


def average_precision_at(rank_QR, k: int) -> np.ndarray:
  """Average precision of the first k; divisor min(number relevant, k).

  Source: the mAP@20 of XTREME-R, Ruder et al., arXiv 2104.07412.
  """
  rank_QR, number_Q = _ordered(rank_QR)
  place_1R = np.arange(1, rank_QR.shape[1] + 1)[None, :]
  precision_QR = np.where(rank_QR <= k, place_1R / rank_QR, 0.0)
  return _divide(precision_QR.sum(axis=1), np.minimum(number_Q, k))


def success_at(rank_QR, k: int) -> np.ndarray:
  """1 where a relevant candidate is among the first k ("R@k"), else 0."""
  rank_QR, number_Q = _ordered(rank_QR)
  found_Q = (rank_QR <= k).any(axis=1)
  return np.where(number_Q > 0, found_Q.astype(np.float64), np.nan)


def recall_at(rank_QR, k: int) -> np.ndarray:
  """Share of the relevant candidates that are among the first k."""
  rank_QR, number_Q = _ordered(rank_QR)
  return _divide((rank_QR <= k).sum(axis=1), number_Q)


def reciprocal_rank_at(rank_QR, k: int) -> np.ndarray:
  """1 / rank of the first relevant candidate, 0 when it is beyond k."""
  rank_QR, number_Q = _ordered(rank_QR)
  first_Q = rank_QR.min(axis=1, initial=np.inf)
  value_Q = np.where(first_Q <= k, 1.0 / first_Q, 0.0)
  return np.where(number_Q > 0, value_Q, np.nan)


def ndcg_at(rank_QR, k: int, grade_QR=None) -> np.ndarray:
  """Discounted gain of the first k over that of the best order.

  A candidate of grade g at rank r gives g / log2(r + 1); without grades g is
  1. The best order has the highest grades on top, whether or not they were
  found. Source: Järvelin and Kekäläinen, ACM TOIS 20(4), 2002, in the
  log2(r + 1) form that trec_eval uses.
  """
  rank_QR = np.asarray(rank_QR)
  grade_QR = np.ones(rank_QR.shape) if grade_QR is None else grade_QR
  grade_QR = np.where(rank_QR > 0, grade_QR, 0.0)
  order_QR = np.argsort(np.where(rank_QR > 0, rank_QR, np.inf), axis=1)
  rank_QR, _ = _ordered(rank_QR)
  found_QR = _discounted(np.take_along_axis(grade_QR, order_QR, 1), rank_QR, k)
  place_R = np.arange(1, rank_QR.shape[1] + 1)
  best_QR = _discounted(-np.sort(-grade_QR, axis=1), place_R[None, :], k)
  # Sums of almost equal terms may come out above the best order's.
  return np.minimum(_divide(found_QR.sum(axis=1), best_QR.sum(axis=1)), 1.0)


ALL: dict[str, Callable[[np.ndarray], np.ndarray]] = {
  "map": average_precision,
  "map@20": lambda rank_QR: average_precision_at(rank_QR, 20),
  "r@1": lambda rank_QR: success_at(rank_QR, 1),
  "r@10": lambda rank_QR: success_at(rank_QR, 10),
  "mrr@10": lambda rank_QR: reciprocal_rank_at(rank_QR, 10),
  "ndcg@10": lambda rank_QR: ndcg_at(rank_QR, 10),
  "recall@100": lambda rank_QR: recall_at(rank_QR, 100),
}


def all_values(rank_QR, grade_QR=None) -> dict[str, np.ndarray]:
  """The values of `ALL`, with nDCG's gains from the grades where given."""
  values = {key: metric(rank_QR) for key, metric in ALL.items()}
  if grade_QR is not None:
    values["ndcg@10"] = ndcg_at(rank_QR, 10, grade_QR)
  return values


def mean(values) -> float | None:
  """Mean of the values that are not nan; None when there is none."""
  values = np.asarray(values, np.float64)
  values = values[~np.isnan(values)]
  return float(values.mean()) if values.size else None


def _ordered(rank_QR):
  """Ranks ascending with inf as padding, and how many there are."""
  rank_QR = np.asarray(rank_QR, np.float64)
  number_Q = (rank_QR > 0).sum(axis=1)
  return np.sort(np.where(rank_QR > 0, rank_QR, np.inf), axis=1), number_Q


def _discounted(grade_QR, rank_QR, k):
  return np.where(rank_QR <= k, grade_QR / np.log2(rank_QR + 1.0), 0.0)


def _divide(sum_Q, number_Q):
  filled_Q = np.where(number_Q > 0, number_Q, np.nan)
  return np.asarray(sum_Q, np.float64) / filled_Q
