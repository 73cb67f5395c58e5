"""Language bias of whole rankings: what stands high, not only what is right."""

import numpy as np
from scipy import stats

from hybridret_jax.retrieval import left_out, ranking
from hybridret_jax.retrieval.tasks import task as task_lib


def top_shares(top_QK, candidate_language_N, num_languages: int) -> np.ndarray:
  """Share of each candidate language among each query's first K, [Q, X].

  Args:
    top_QK: candidate indices, best first.
    candidate_language_N: language of every candidate.
    num_languages: X.
  """
  language_QK = np.asarray(candidate_language_N)[np.asarray(top_QK)]
  one_hot_QKX = language_QK[..., None] == np.arange(num_languages)
  return one_hot_QKX.mean(axis=1)


def equal_expected_rank(
  top_QK,
  relevant_QR,
  candidate_language_N,
  num_languages: int,
  *,
  grades_QR=None,
  weights: dict[int, float],
) -> np.ndarray:
  """Probability of equal expected rank (PEER) of each query's first K, [Q].

  For each relevance level the Kruskal-Wallis test asks whether the ranks of
  its candidates differ between languages; PEER is the weighted sum of the
  p-values. A relevant candidate beyond K counts as tied behind all that were
  found. A level whose candidates are of fewer than two languages, or all
  beyond K, is fair: 1. With one relevant candidate in each language the test
  has nothing to compare, and that level's p-value is the same for any order.

  Args:
    top_QK: candidate indices, best first.
    relevant_QR: candidate indices, -1 is padding.
    candidate_language_N: language of every candidate.
    num_languages: X.
    grades_QR: relevance levels; None is 1 each.
    weights: of each level, 0 for what is not relevant; they sum to 1.

  Raises:
    ValueError: the weights do not sum to 1.

  Source: Yang, Jänich, Mayfield, Lawrie, "Language Fairness in Multilingual
  Information Retrieval", SIGIR 2024, arXiv 2405.00978.
  """
  if abs(sum(weights.values()) - 1) > 1e-9:
    raise ValueError(f"weights {weights} must sum to 1")
  top_QK, relevant_QR = np.asarray(top_QK), np.asarray(relevant_QR)
  there_QR = relevant_QR >= 0
  grade_QR = there_QR if grades_QR is None else np.asarray(grades_QR)
  language_N = np.asarray(candidate_language_N)
  is_QKR = (top_QK[:, :, None] == relevant_QR[:, None, :]) & there_QR[:, None]
  level_QK = (is_QKR * grade_QR[:, None, :]).sum(axis=2)
  lost_QR = there_QR & ~is_QKR.any(axis=1)
  codes = np.arange(num_languages)
  found_QKX = language_N[top_QK][..., None] == codes
  lost_QRX = language_N[np.maximum(relevant_QR, 0)][..., None] == codes
  value_Q = np.zeros(len(top_QK))
  for level, weight in weights.items():
    at_QK = level_QK == level
    gone_QR = lost_QR & (grade_QR == level) & (level > 0)
    value_Q += weight * _kruskal(
      at_QK, found_QKX, (lost_QRX & gone_QR[..., None]).sum(axis=1)
    )
  return value_Q


def rank_correlations(
  task: task_lib.Task, q_QD, c_ND, *, groups: int = 200
) -> tuple[np.ndarray, int]:
  """Mean rank correlation (MRC) by pair of query languages, [X, X].

  Spearman's correlation between the rankings that two translations of a query
  give the whole pool, mean over the query groups; nan where no group has both
  languages. All rankings alike give 1, rankings without anything in common 0.
  A ranking in which all candidates tie has no correlation with another; pairs
  with one are left out and counted. What is left out of the ranking of either
  is compared in neither.

  Args:
    task: with `query_group`.
    q_QD: one vector per query.
    c_ND: one vector per candidate.
    groups: how many query groups to take, evenly spaced over the task.

  Returns:
    The means, and how many pairs of translations had no correlation.

  Raises:
    ValueError: the task does not say which queries are translations.
  """
  if task.query_group is None:
    raise ValueError(
      f"task {task.name} has no query_group: which queries are translations of"
      " one another is not known"
    )
  members: dict[str, list[int]] = {}
  for query, group in enumerate(task.query_group):
    members.setdefault(group, []).append(query)
  parallel = [rows for rows in members.values() if len(rows) > 1]
  chosen = np.linspace(0, len(parallel) - 1, min(groups, len(parallel)))
  X = len(task.languages)
  sum_XX, number_XX = np.zeros((X, X)), np.zeros((X, X))
  q_QD, c_ND = np.asarray(q_QD), np.asarray(c_ND)
  undefined = 0
  for index in np.unique(chosen.round().astype(int)).tolist():
    rows = parallel[index]
    rank_LN = stats.rankdata(_scores(task, rows, q_QD, c_ND), axis=1)
    says_L = rank_LN.min(axis=1) < rank_LN.max(axis=1)
    undefined += _pairs(len(rows)) - _pairs(int(says_L.sum()))
    language_L = task.query_language[rows][says_L]
    where = np.ix_(language_L, language_L)
    if len(language_L) > 1:
      sum_XX[where] += np.corrcoef(rank_LN[says_L])
      number_XX[where] += 1
  np.fill_diagonal(number_XX, 0)
  return sum_XX / np.where(number_XX > 0, number_XX, np.nan), undefined


def _scores(task, rows, q_QD, c_ND):
  scores_LN = q_QD[rows] @ c_ND.T
  if task.left_out is None:
    return scores_LN
  own_L = task.left_out[rows]
  return np.delete(scores_LN, own_L[own_L >= 0], axis=1)


def _pairs(number: int) -> int:
  return number * (number - 1) // 2


def one_copy_ranks(
  task: task_lib.Task, q_QD, c_ND, *, seed: int, **settings
) -> np.ndarray:
  """Ranks in a pool where each item stands in one random language, [Q, R].

  Of the copies of a candidate group only those in one language are kept,
  drawn from the languages that the group is in; 0 where the relevant
  candidate is not in the pool. No parallel copy crowds out another, as in a
  real collection.

  Args:
    task: with `candidate_group`.
    q_QD: one vector per query.
    c_ND: one vector per candidate.
    seed: of the draw.
    settings: of `ranking.counts`.

  Raises:
    ValueError: the task does not say which candidates are copies.
  """
  if task.candidate_group is None:
    raise ValueError(
      f"task {task.name} has no candidate_group: which candidates are copies"
      " of one another is not known"
    )
  _, group_N = np.unique(task.candidate_group, return_inverse=True)
  X = len(task.languages)
  there_GX = np.zeros((group_N.max() + 1, X))
  there_GX[group_N, task.candidate_language] = 1
  draw_GX = np.random.default_rng(seed).random(there_GX.shape)
  language_G = np.where(there_GX > 0, draw_GX, -1).argmax(axis=1)
  kept = np.flatnonzero(language_G[group_N] == task.candidate_language)
  place_N = np.full(task.num_candidates, -1, np.int32)
  place_N[kept] = np.arange(len(kept))
  relevant_QR = np.where(task.relevant >= 0, place_N[task.relevant], -1)
  own_Q = task.left_out
  above_QRX = left_out.counts(
    ranking.counts,
    q_QD,
    c_ND[kept],
    relevant_QR,
    task.candidate_language[kept],
    None if own_Q is None else np.where(own_Q >= 0, place_N[own_Q], -1),
    num_languages=X,
    **settings,
  )
  return ranking.pool_ranks(above_QRX, relevant_QR)


def _kruskal(at_QK, found_QKX, lost_QX):
  """p-values over queries; what is lost ties behind what was found."""
  place_QK = np.cumsum(at_QK, axis=1)
  found_Q, lost_Q = at_QK.sum(axis=1), lost_QX.sum(axis=1)
  at_QKX = found_QKX & at_QK[..., None]
  number_QX = at_QKX.sum(axis=1) + lost_QX
  tied_Q = found_Q + (lost_Q + 1) / 2
  sum_QX = (at_QKX * place_QK[..., None]).sum(axis=1)
  sum_QX = sum_QX + lost_QX * tied_Q[:, None]
  total_Q = number_QX.sum(axis=1)
  number_of_languages_Q = (number_QX > 0).sum(axis=1)
  tested_Q = (number_of_languages_Q > 1) & (found_Q > 0)
  safe_Q = np.where(tested_Q, total_Q, 3.0)
  square_QX = np.divide(
    sum_QX.astype(np.float64) ** 2,
    number_QX,
    out=np.zeros(sum_QX.shape),
    where=number_QX > 0,
  )
  h_Q = 12 / (safe_Q * (safe_Q + 1)) * square_QX.sum(axis=1) - 3 * (safe_Q + 1)
  h_Q /= 1 - (lost_Q**3 - lost_Q) * tested_Q / (safe_Q**3 - safe_Q)
  freedom_Q = np.maximum(number_of_languages_Q - 1, 1)
  return np.where(tested_Q, stats.chi2.sf(np.maximum(h_Q, 0), freedom_Q), 1.0)
