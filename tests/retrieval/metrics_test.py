"""Metrics against their definitions on a full ranking."""

import hypothesis
import ir_measures
import numpy as np
import pytest
import pytrec_eval
import sklearn.metrics
from hypothesis import strategies as st

from hybridret_jax.retrieval import metrics, ranking

# One query: each candidate's score, of few values so that they tie, and its
# grade, 0 for most.
QUERY = st.lists(
  st.tuples(
    st.integers(0, 6), st.one_of(st.just(0), st.integers(0, 4), st.just(900))
  ),
  min_size=1,
  max_size=130,
)


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


def ranked(queries):
  """(rank_QR, grade_QR, qrels, run) of queries; ties go to the lower index.

  The run's scores fall from rank to rank, for trec_eval breaks ties otherwise.
  """
  ranks, grades, qrels, run = [], [], {}, {}
  for number, candidates in enumerate(queries):
    order = np.lexsort(
      (np.arange(len(candidates)), [-score for score, _ in candidates])
    ).tolist()
    hits = [(r, candidates[c][1]) for r, c in enumerate(order, 1)]
    hits = [(rank, grade) for rank, grade in hits if grade]
    ranks.append([rank for rank, _ in hits])
    grades.append([grade for _, grade in hits])
    name = str(number)
    qrels[name] = {f"c{c}": grade for c, (_, grade) in enumerate(candidates)}
    run[name] = {f"c{c}": -float(rank) for rank, c in enumerate(order)}
  width = max(len(row) for row in ranks)
  arrays = [
    np.array([row + [0] * (width - len(row)) for row in rows], np.int64)
    for rows in (ranks, grades)
  ]
  return *arrays, qrels, run


@hypothesis.given(queries=st.lists(QUERY, min_size=1, max_size=4))
@hypothesis.settings(deadline=None)
def test_metrics_equal_trec_eval(queries):
  rank_QR, grade_QR, qrels, run = ranked(queries)
  values = metrics.all_values(rank_QR, grade_QR)
  binary = metrics.all_values(rank_QR)
  names = {"map", "map_cut.20", "success.1,10", "ndcg_cut.10", "recall.100"}
  graded = pytrec_eval.RelevanceEvaluator(qrels, names).evaluate(run)
  ones = {
    q: {c: int(g > 0) for c, g in row.items()} for q, row in qrels.items()
  }
  plain = pytrec_eval.RelevanceEvaluator(ones, names).evaluate(run)
  for query, number in enumerate((rank_QR > 0).sum(axis=1).tolist()):
    if not number:
      assert all(np.isnan(value_Q[query]) for value_Q in values.values())
      continue
    want = graded[str(query)]
    got = {key: value_Q[query] for key, value_Q in values.items()}
    # trec_eval divides by all relevant, XTREME-R by those that fit.
    want["map_cut_20"] *= number / min(number, 20)
    for key, reference in (
      ("map", "map"),
      ("map@20", "map_cut_20"),
      ("r@1", "success_1"),
      ("r@10", "success_10"),
      ("ndcg@10", "ndcg_cut_10"),
      ("recall@100", "recall_100"),
    ):
      assert got[key] == pytest.approx(want[reference], abs=1e-6), key
      assert 0 <= got[key] <= 1
    assert binary["ndcg@10"][query] == pytest.approx(
      plain[str(query)]["ndcg_cut_10"], abs=1e-6
    )


@hypothesis.given(queries=st.lists(QUERY, min_size=1, max_size=3))
@hypothesis.settings(deadline=None, max_examples=30)
def test_metrics_equal_ir_measures(queries):
  rank_QR, grade_QR, qrels, run = ranked(queries)
  values = metrics.all_values(rank_QR, grade_QR)
  measures = {
    ir_measures.AP: "map",
    ir_measures.Success @ 1: "r@1",
    ir_measures.Success @ 10: "r@10",
    ir_measures.RR @ 10: "mrr@10",
    ir_measures.nDCG @ 10: "ndcg@10",
    ir_measures.R @ 100: "recall@100",
  }
  judged = {query: row for query, row in qrels.items() if any(row.values())}
  found = list(ir_measures.iter_calc(list(measures), judged, run))
  assert len(found) == len(judged) * len(measures)
  for result in found:
    got = values[measures[result.measure]][int(result.query_id)]
    assert got == pytest.approx(result.value, abs=1e-6), result.measure


def test_graded_gain_by_hand():
  rank_QR = np.array([[12, 2, 1, 0], [3, 0, 0, 0], [0, 0, 0, 0]])
  grade_QR = np.array([[3, 2, 1, 7], [5, 9, 9, 9], [1, 1, 1, 1]])
  gain = 1 / np.log2(2) + 2 / np.log2(3)
  ideal = 3 / np.log2(2) + 2 / np.log2(3) + 1 / np.log2(4)
  want = [gain / ideal, 1 / np.log2(4), np.nan]
  np.testing.assert_allclose(metrics.ndcg_at(rank_QR, 10, grade_QR), want)
  values = metrics.all_values(rank_QR, grade_QR)
  np.testing.assert_allclose(values["ndcg@10"], want)
  assert list(values) == list(metrics.ALL)


@hypothesis.given(
  grades=st.lists(st.integers(1, 2**31 - 1), min_size=1, max_size=40),
  padding=st.integers(0, 3),
)
def test_the_best_graded_order_scores_one(grades, padding):
  grade_QR = np.array([sorted(grades, reverse=True) + [0] * padding])
  rank_QR = np.where(grade_QR > 0, np.arange(1, grade_QR.shape[1] + 1), 0)
  assert metrics.ndcg_at(rank_QR, 10, grade_QR).item() == 1.0
  late_QR = np.where(grade_QR > 0, rank_QR + 10, 0)
  assert metrics.ndcg_at(late_QR, 10, grade_QR).item() == 0.0


def test_no_candidate_and_no_query_are_no_error():
  for shape in ((0, 3), (2, 0)):
    for value_Q in metrics.all_values(
      np.zeros(shape), np.zeros(shape)
    ).values():
      assert value_Q.shape == shape[:1]
      assert np.isnan(value_Q).all()


def test_what_is_not_among_the_candidates_is_relevant_and_not_found():
  rank_QR = np.array([[2, np.inf, 0], [np.inf, 0, np.inf], [0, 0, 0]])
  got = metrics.all_values(rank_QR, np.array([[1, 3, 0], [1, 0, 1], [0, 0, 0]]))
  want = {
    "map": [0.25, 0.0, np.nan],
    "map@20": [0.25, 0.0, np.nan],
    "r@1": [0.0, 0.0, np.nan],
    "r@10": [1.0, 0.0, np.nan],
    "mrr@10": [0.5, 0.0, np.nan],
    "ndcg@10": [(1 / np.log2(3)) / (3 + 1 / np.log2(3)), 0.0, np.nan],
    "recall@100": [0.5, 0.0, np.nan],
  }
  for key, values in want.items():
    np.testing.assert_allclose(got[key], values, err_msg=key)
