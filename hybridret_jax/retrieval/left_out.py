"""Rankings that each leave one candidate out: the query's own."""

from collections.abc import Callable

import numpy as np


def counts(
  count: Callable[..., np.ndarray],
  q_QD,
  c_ND,
  relevant_QR,
  candidate_language_N,
  left_out_Q,
  **settings,
) -> np.ndarray:
  """What `count` gives where each query's own candidate is not ranked.

  The own candidate is counted as if it were relevant, in the same pass and
  product: a ranking has a strict order, so it stands above a relevant one just
  where fewer candidates stand above it, ties included.

  Args:
    count: `ranking.counts` or `search.counts`.
    q_QD: as `count` takes it, as the next three.
    c_ND: or shards.
    relevant_QR: without the own candidates.
    candidate_language_N: of every candidate.
    left_out_Q: index of each query's own candidate, -1 where it has none; None
      leaves nothing out.
    settings: of `count`.
  """
  if left_out_Q is None:
    return count(q_QD, c_ND, relevant_QR, candidate_language_N, **settings)
  relevant_QR = np.asarray(relevant_QR, np.int32)
  left_out_Q = np.asarray(left_out_Q, np.int32)
  asked_QS = np.concatenate([relevant_QR, left_out_Q[:, None]], axis=1)
  above_QSX = count(q_QD, c_ND, asked_QS, candidate_language_N, **settings)
  above_QRX = above_QSX[:, :-1].copy()
  above_Q = above_QSX[:, -1].sum(axis=1)
  ahead_QR = (above_Q[:, None] < above_QRX.sum(axis=2)) & (relevant_QR >= 0)
  ahead_QR &= (left_out_Q >= 0)[:, None]
  query, place = np.nonzero(ahead_QR)
  language_N = np.asarray(candidate_language_N)
  above_QRX[query, place, language_N[left_out_Q[query]]] -= 1
  return above_QRX


def top_k(
  find: Callable[..., tuple[np.ndarray, np.ndarray]],
  q_QD,
  shards,
  k: int,
  left_out_Q,
  **settings,
) -> tuple[np.ndarray, np.ndarray]:
  """What `find` gives where each query's own candidate is not ranked.

  Args:
    find: `search.top_k`.
    q_QD: as `find` takes it, as the next two.
    shards: of candidates.
    k: fewer than there are candidates where one is left out.
    left_out_Q: as in `counts`.
    settings: of `find`.
  """
  if left_out_Q is None:
    return find(q_QD, shards, k, **settings)
  scores_QK, index_QK = find(q_QD, shards, k + 1, **settings)
  own_QK = index_QK == np.asarray(left_out_Q)[:, None]
  # Where the own candidate is not among them, the last one is too many.
  own_QK[:, -1] |= ~own_QK.any(axis=1)
  shape = (len(index_QK), -1)
  return scores_QK[~own_QK].reshape(shape), index_QK[~own_QK].reshape(shape)
