"""Rankings without a query's own candidate equal those of a smaller pool."""

import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from hybridret_jax.retrieval import evaluation, left_out, ranking, search, store
from hybridret_jax.retrieval.tasks import task

Q, N, R, X = 12, 40, 4, 3


def planted(seed, *, integers=True):
  """Vectors, relevant and own candidates: half of the queries have one."""
  rng = np.random.default_rng(seed)
  if integers:  # With many ties.
    q_QD, c_ND = (rng.integers(-1, 2, (n, 4)) + 0.0 for n in (Q, N))
  else:
    q_QD, c_ND = (rng.normal(size=(n, 6)) for n in (Q, N))
  relevant_QR = np.full((Q, R), -1, np.int32)
  own_Q = np.full(Q, -1, np.int32)
  for query in range(Q):
    drawn = rng.permutation(N)
    number = rng.integers(1, R + 1)
    relevant_QR[query, :number] = np.sort(drawn[:number])
    if query % 2:
      own_Q[query] = drawn[-1]
      if query % 4 == 1:  # As where a text stands in the corpus.
        q_QD[query] = c_ND[drawn[-1]]
  language_N = np.sort(rng.integers(0, X, N)).astype(np.int32)
  vectors = q_QD.astype(np.float32), c_ND.astype(np.float32)
  return *vectors, relevant_QR, language_N, own_Q


def reference(q_QD, c_ND, relevant_QR, language_N, own_Q):
  """Counts out of whole sorts, and the sorts."""
  above = np.zeros((*relevant_QR.shape, X), np.int32)
  orders = []
  for query in range(len(q_QD)):
    order = np.argsort(-(c_ND @ q_QD[query]), kind="stable")
    order = order[order != own_Q[query]]
    orders.append(order)
    for place, index in enumerate(relevant_QR[query]):
      if index >= 0:
        better = order[: list(order).index(index)]
        above[query, place] = np.bincount(language_N[better], minlength=X)
  return above, orders


def counts_of_shards(q_QD, c_ND, *rest, **settings):
  return search.counts(q_QD, [c_ND[:7], c_ND[7:]], *rest, **settings)


@pytest.mark.parametrize("count", [ranking.counts, counts_of_shards])
@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(seed=st.integers(0, 2**32 - 1), integers=st.booleans())
def test_counts_are_those_of_a_sort_without_it(count, seed, integers):
  q_QD, c_ND, relevant_QR, language_N, own_Q = planted(seed, integers=integers)
  got = left_out.counts(
    count, q_QD, c_ND, relevant_QR, language_N, own_Q, num_languages=X
  )
  want, _ = reference(q_QD, c_ND, relevant_QR, language_N, own_Q)
  np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("k", [1, 5, N - 1])
def test_lists_are_those_of_a_sort_without_it(k):
  for seed in range(5):
    q_QD, c_ND, relevant_QR, language_N, own_Q = planted(seed)
    scores_QK, top_QK = left_out.top_k(search.top_k, q_QD, [c_ND], k, own_Q)
    _, orders = reference(q_QD, c_ND, relevant_QR, language_N, own_Q)
    assert top_QK.shape == scores_QK.shape == (Q, k)
    for query, order in enumerate(orders):
      np.testing.assert_array_equal(top_QK[query], order[:k])
      np.testing.assert_array_equal(
        scores_QK[query], c_ND[order[:k]] @ q_QD[query]
      )


def test_nothing_left_out_is_the_plain_ranking():
  q_QD, c_ND, relevant_QR, language_N, _ = planted(0)
  for own_Q in (None, np.full(Q, -1, np.int32)):
    np.testing.assert_array_equal(
      left_out.counts(
        ranking.counts,
        q_QD,
        c_ND,
        relevant_QR,
        language_N,
        own_Q,
        num_languages=X,
      ),
      ranking.counts(q_QD, c_ND, relevant_QR, language_N, num_languages=X),
    )


def test_every_figure_is_that_of_a_task_without_it(tmp_path):
  """All queries leave out one candidate: it might as well not be there."""
  q_QD, c_ND, relevant_QR, language_N, _ = planted(3, integers=False)
  gone = int(np.setdiff1d(np.arange(N), relevant_QR)[4])
  made = task.Task(
    name="made",
    languages=("de", "en", "fr"),
    query_texts=tuple(f"q{i}" for i in range(Q)),
    query_ids=tuple(f"q{i}" for i in range(Q)),
    query_language=np.repeat(np.arange(3, dtype=np.int32), Q // 3),
    candidate_texts=tuple(f"c{i}" for i in range(N)),
    candidate_ids=tuple(f"c{i}" for i in range(N)),
    candidate_language=language_N,
    candidate_context=None,
    relevant=relevant_QR,
    query_group=tuple(str(i % 4) for i in range(Q)),
    candidate_group=tuple(str(i) for i in range(N)),
  )
  kept = np.delete(np.arange(N), gone)
  place_N = np.full(N + 1, -1, np.int32)
  place_N[kept] = np.arange(N - 1)
  smaller = dataclasses.replace(
    made,
    candidate_texts=tuple(f"c{i}" for i in kept),
    candidate_ids=tuple(f"c{i}" for i in kept),
    candidate_language=language_N[kept],
    relevant=place_N[relevant_QR],
    candidate_group=tuple(str(i) for i in kept),
  )
  own_Q = np.full(Q, gone, np.int32)
  without = dataclasses.replace(made, left_out=own_Q)
  folder = store.open_store(tmp_path, {}, N, 16, side="passage")
  for number in store.missing(folder):
    rows = slice(16 * number, 16 * number + folder.rows(number))
    store.write(folder, number, c_ND[rows], "texts")
  want = evaluation.judge(smaller, q_QD, c_ND[kept], depth=N)
  for vectors in (c_ND, store.read(folder)):
    got = evaluation.judge(without, q_QD, vectors, depth=N)
    np.testing.assert_array_equal(got.top_QK, kept[want.top_QK])
    for key in ("macro", "directions", "pool", "pool_map_by_answer_language"):
      assert got.figures[key] == want.figures[key]
    for key in ("without_own_language", "same_language_preference", "peer"):
      assert got.figures["bias"][key] == want.figures["bias"][key]
    if vectors is c_ND:
      found, wanted = (
        x.figures["bias"]["rank_correlation"] for x in (got, want)
      )
      assert found["macro"] == pytest.approx(wanted["macro"], abs=1e-6)
      assert "one_copy" in got.figures["bias"]
