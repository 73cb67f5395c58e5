"""Ranks against a full sort, on any chunks, blocks and devices."""

import re

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st
from jax.sharding import Mesh

from hybridret_jax.retrieval import ranking

AXES = ("data", "fsdp")


def one_device():
  return Mesh(np.array(jax.devices()[:1]).reshape(1, 1), AXES)


def two_devices():
  return Mesh(np.array(jax.devices()[:2]).reshape(1, 2), AXES)


def eight_devices(data=4):
  return Mesh(np.array(jax.devices()).reshape(data, 8 // data), AXES)


def make(seed, *, Q=13, N=40, D=5, R=4, X=3, high=3):
  """Integer-valued vectors, so that scores are exact and ties are common."""
  rng = np.random.default_rng(seed)
  q_QD = rng.integers(-high, high + 1, (Q, D)).astype(np.float32)
  c_ND = rng.integers(-high, high + 1, (N, D)).astype(np.float32)
  c_ND[N // 2 :] = c_ND[: N - N // 2]  # Every text has a duplicate.
  language_N = np.sort(rng.integers(0, X, N)).astype(np.int32)
  relevant_QR = np.full((Q, R), -1, np.int32)
  for row in relevant_QR:
    number = rng.integers(0, R + 1)
    row[:number] = rng.choice(N, number, replace=False)
  return q_QD, c_ND, relevant_QR, language_N


def full_sort_ranks(q_QD, c_ND, relevant_QR, among_N):
  """Rank among the candidates of a mask, by sorting the whole row."""
  rank_QR = np.zeros(relevant_QR.shape, np.int64)
  among = np.flatnonzero(among_N)
  order_QN = np.argsort(-(q_QD @ c_ND[among].T), axis=1, kind="stable")
  for q, row in enumerate(relevant_QR):
    place = {among[n]: rank for rank, n in enumerate(order_QN[q], start=1)}
    rank_QR[q] = [place.get(n, 0) for n in row]
  return rank_QR


def counts(case, X=3, **settings):
  q_QD, c_ND, relevant_QR, language_N = case
  return ranking.counts(
    q_QD, c_ND, relevant_QR, language_N, num_languages=X, **settings
  )


@pytest.mark.parametrize("split", ranking.SPLITS)
@pytest.mark.parametrize("mesh", [one_device, two_devices, eight_devices])
@pytest.mark.parametrize(
  ("query_block", "chunk"), [(1, 1), (4, 7), (256, 2048), (5, 16)]
)
def test_ranks_equal_a_full_sort(mesh, split, query_block, chunk):
  case = make(0)
  q_QD, c_ND, relevant_QR, language_N = case
  above_QRX = counts(
    case, mesh=mesh(), split=split, query_block=query_block, chunk=chunk
  )
  assert above_QRX.dtype == np.int32
  np.testing.assert_array_equal(
    ranking.pool_ranks(above_QRX, relevant_QR),
    full_sort_ranks(q_QD, c_ND, relevant_QR, np.ones(len(c_ND), bool)),
  )
  assert not above_QRX[relevant_QR < 0].any()
  own_QR = ranking.own_language_ranks(above_QRX, relevant_QR, language_N)
  want_QR = sum(
    full_sort_ranks(q_QD, c_ND, relevant_QR, language_N == x) for x in range(3)
  )
  np.testing.assert_array_equal(own_QR, want_QR)


@hypothesis.settings(max_examples=5, deadline=None)
@hypothesis.given(
  seed=st.integers(0, 2**32 - 1),
  query_block=st.integers(1, 20),
  chunk=st.integers(1, 60),
  data=st.sampled_from([1, 2, 4, 8]),
  split=st.sampled_from(ranking.SPLITS),
)
def test_counts_do_not_depend_on_chunks_or_devices(
  seed, query_block, chunk, data, split
):
  case = make(seed)
  np.testing.assert_array_equal(
    counts(case),
    counts(
      case,
      mesh=eight_devices(data),
      split=split,
      query_block=query_block,
      chunk=chunk,
    ),
  )


@hypothesis.settings(max_examples=5, deadline=None)
@hypothesis.given(seed=st.integers(0, 2**32 - 1))
def test_candidates_need_not_be_sorted_by_language(seed):
  q_QD, c_ND, relevant_QR, language_N = make(seed)
  language_N = np.random.default_rng(seed).permutation(language_N)
  above_QRX = counts((q_QD, c_ND, relevant_QR, language_N), chunk=9)
  np.testing.assert_array_equal(
    ranking.pool_ranks(above_QRX, relevant_QR),
    full_sort_ranks(q_QD, c_ND, relevant_QR, np.ones(len(c_ND), bool)),
  )


def test_duplicates_of_real_vectors_tie_by_index():
  # Every candidate is the same vector: its rank is its place, whatever the
  # rounding of the product is.
  rng = np.random.default_rng(0)
  q_QD = rng.normal(size=(64, 48)).astype(np.float32)
  c_ND = np.repeat(rng.normal(size=(1, 48)), 200, axis=0).astype(np.float32)
  relevant_QR = rng.integers(0, 200, (64, 1)).astype(np.int32)
  language_N = np.zeros(200, np.int32)
  for chunk, mesh, split in (
    (200, None, "queries"),
    (37, None, "queries"),
    (64, eight_devices(), "queries"),
    (13, eight_devices(), "candidates"),
  ):
    above_QRX = ranking.counts(
      q_QD,
      c_ND,
      relevant_QR,
      language_N,
      num_languages=1,
      chunk=chunk,
      query_block=16,
      mesh=mesh,
      split=split,
    )
    np.testing.assert_array_equal(above_QRX[..., 0], relevant_QR)


def test_padding_and_absent_languages_count_nothing():
  q_QD, c_ND, relevant_QR, language_N = make(3)
  c_ND = c_ND - 20  # Scores below zero: a filling of zeros would come first.
  q_QD = np.abs(q_QD)
  above_QRX = counts((q_QD, c_ND, relevant_QR, language_N), X=6, chunk=7)
  assert not above_QRX[..., 3:].any()
  assert not above_QRX[relevant_QR < 0].any()
  assert above_QRX.max() < len(c_ND)
  assert (ranking.pool_ranks(above_QRX, relevant_QR) == 0).sum() == (
    relevant_QR < 0
  ).sum()


def lowered(case, X, mesh, *, split="queries", most):
  q_QD, c_ND, relevant_QR, language_N = case
  arrays, sizes = ranking._plan(relevant_QR, language_N, X, mesh, split, most)
  return ranking._counts.lower(
    q_QD,
    c_ND,
    relevant_QR,
    *arrays,
    num_languages=X,
    mesh=mesh,
    split=split,
    **sizes,
  )


@pytest.mark.parametrize("split", ranking.SPLITS)
def test_no_queries_by_candidates_array_is_compiled(split):
  Q, N, D, R, X = 4096, 8192, 16, 3, 2
  case = (
    np.zeros((Q, D), np.float32),
    np.zeros((N, D), np.float32),
    np.zeros((Q, R), np.int32),
    np.zeros(N, np.int32),
  )
  compiled = lowered(
    case, X, eight_devices(), split=split, most=(4096, 256, 2**19)
  ).compile()
  shapes = re.findall(r"\b(?:f32|s32|u32|pred)\[([\d,]+)\]", compiled.as_text())
  largest = max(np.prod([int(n) for n in s.split(",")]) for s in shapes)
  # Nothing is larger than the inputs or the scores of one block.
  assert largest <= 2**19
  temporary = compiled.memory_analysis().temp_size_in_bytes
  assert temporary < Q * N  # A quarter of the float32 scores.


@pytest.mark.parametrize("split", ranking.SPLITS)
def test_the_program_has_one_matrix_product(split):
  text = lowered(
    make(0, Q=64, N=512, D=32),
    3,
    eight_devices(),
    split=split,
    most=(16, 64, 2**24),
  ).as_text()
  assert text.count("dot_general") == 1
  assert "HIGHEST" in text


def test_layout_wastes_little():
  sizes = [1222, 1276, 1234, 1180, 1215, 1244, 1219, 852, 1167, 1209, 1196]
  language_N = np.repeat(np.arange(11), sizes).astype(np.int32)
  for chunk in (64, 500, 1024, 2048, 100_000):
    slots_KC, language_K = ranking._layout(language_N, 11, chunk)
    assert slots_KC.shape[1] <= chunk
    assert slots_KC.size <= 1.15 * sum(sizes)
    held = slots_KC[slots_KC >= 0]
    np.testing.assert_array_equal(np.sort(held), np.arange(sum(sizes)))
    for row, language in zip(slots_KC, language_K, strict=True):
      assert (language_N[row[row >= 0]] == language).all()


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({0: np.zeros((13, 4), np.float32)}, "same D"),
    ({2: np.zeros((12, 4), np.int32)}, r"must be \[13, R\]"),
    ({2: np.full((13, 4), 40, np.int32)}, "candidate 40 of 40"),
    ({3: np.zeros(39, np.int32)}, r"must be \[40\]"),
    ({3: np.full(40, 3, np.int32)}, r"must be in \[0, 3\)"),
    ({0: np.full((13, 5), np.nan, np.float32)}, "query embedding 0 and 12"),
    ({1: np.full((40, 5), np.inf, np.float32)}, "candidate embedding 0"),
  ],
)
def test_bad_input_is_named(change, message):
  case = [change.get(i, array) for i, array in enumerate(make(0))]
  with pytest.raises(ValueError, match=message):
    counts(case)


@pytest.mark.parametrize("settings", [{"chunk": 0}, {"query_block": 0}])
def test_sizes_are_positive(settings):
  with pytest.raises(ValueError, match="at least 1"):
    counts(make(0), **settings)


def test_an_unknown_split_is_named():
  with pytest.raises(ValueError, match="'rows' is unknown"):
    counts(make(0), split="rows")
