"""Metrics against their definitions on a full ranking."""

import hypothesis
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import strategies as st

from hybridret_jax.retrieval import metrics, ranking


def by_definition(order, relevant, k):
  """Every metric at k from a ranked list of candidates, step by step."""
  hits = [candidate in relevant for candidate in order]
  precision = [sum(hits[: i + 1]) / (i + 1) for i in range(len(hits))]
  found = [p for p, hit in zip(precision, hits, strict=True) if hit]
  found_k = [p for p, hit in list(zip(precision, hits, strict=True))[:k] if hit]
  gain = sum(hit / np.log2(i + 2) for i, hit in enumerate(hits[:k]))
  ideal = sum(1 / np.log2(i + 2) for i in range(min(len(relevant), k)))
  first = hits.index(True) + 1
  return {
    "average_precision": sum(found) / len(relevant),
    "average_precision_at": sum(found_k) / min(len(relevant), k),
    "success_at": float(any(hits[:k])),
    "recall_at": sum(hits[:k]) / len(relevant),
    "reciprocal_rank_at": 1 / first if first <= k else 0.0,
    "ndcg_at": gain / ideal,
  }


def values_at(rank_QR, k):
  return {
    "average_precision": metrics.average_precision(rank_QR),
    **{
      name: getattr(metrics, name)(rank_QR, k)
      for name in (
        "average_precision_at",
        "success_at",
        "recall_at",
        "reciprocal_rank_at",
        "ndcg_at",
      )
    },
  }


@hypothesis.given(
  order=st.permutations(range(12)),
  relevant=st.sets(st.integers(0, 11), min_size=1),
  k=st.integers(1, 15),
  padding=st.integers(0, 3),
)
def test_metrics_equal_their_definition(order, relevant, k, padding):
  ranks = [order.index(candidate) + 1 for candidate in relevant]
  values = values_at(np.array([ranks + [0] * padding]), k)
  for name, want in by_definition(order, relevant, k).items():
    np.testing.assert_allclose(values[name], [want], rtol=1e-12, err_msg=name)


@hypothesis.given(
  ranks=st.lists(
    st.sets(st.integers(1, 5000), min_size=0, max_size=40),
    min_size=1,
    max_size=8,
  ),
  k=st.integers(1, 200),
)
def test_metrics_stay_between_zero_and_one(ranks, k):
  rank_QR = np.zeros((len(ranks), 40), np.int64)
  for row, values in zip(rank_QR, ranks, strict=True):
    row[: len(values)] = sorted(values)
  for name, value_Q in values_at(rank_QR, k).items():
    judged_Q = np.array([bool(values) for values in ranks])
    assert np.isnan(value_Q[~judged_Q]).all(), name
    assert (value_Q[judged_Q] >= 0).all(), name
    assert (value_Q[judged_Q] <= 1).all(), name


@pytest.mark.parametrize("number", [1, 5, 11, 25, 150])
def test_a_perfect_ranking_scores_one(number):
  rank_QR = np.arange(1, number + 1)[None, :]
  for k in (10, 20):
    values = values_at(rank_QR, k)
    values["recall_at"] = metrics.recall_at(rank_QR, number)
    for name, value_Q in values.items():
      assert value_Q.item() == 1.0, name


def test_average_precision_equals_scikit_learn():
  rng = np.random.default_rng(0)
  q_QD = rng.normal(size=(20, 16)).astype(np.float32)
  c_ND = rng.normal(size=(150, 16)).astype(np.float32)
  relevant_QR = np.array([rng.choice(150, 6, False) for _ in q_QD], np.int32)
  above_QRX = ranking.counts(
    q_QD, c_ND, relevant_QR, np.zeros(150, np.int32), num_languages=1
  )
  rank_QR = ranking.pool_ranks(above_QRX, relevant_QR)
  scores_QN = q_QD @ c_ND.T
  want_Q = [
    sklearn.metrics.average_precision_score(np.isin(range(150), row), scores)
    for row, scores in zip(relevant_QR, scores_QN, strict=True)
  ]
  np.testing.assert_allclose(
    metrics.average_precision(rank_QR), want_Q, atol=1e-6
  )


def test_divisors():
  rank_QR = np.array([[1, 30, 0]])
  assert metrics.average_precision(rank_QR) == (1 + 2 / 30) / 2
  assert metrics.average_precision_at(rank_QR, 20) == 1 / 2
  assert metrics.average_precision_at(rank_QR, 1) == 1.0
  assert metrics.recall_at(rank_QR, 20) == 1 / 2


def test_mean_leaves_out_what_is_not_defined():
  assert metrics.mean(np.array([0.5, np.nan, 1.0])) == 0.75
  assert metrics.mean(np.array([np.nan])) is None
