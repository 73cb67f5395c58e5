"""Calls: every text once, few shapes, little padding."""

import collections

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridret_jax.data import calls

TIERS = (16, 32, 64)


def plan(lengths, *, tokens=256, slices=1, tiers=TIERS):
  return calls.plan(
    np.array(lengths), row_lengths=tiers, tokens=tokens, slices=slices
  )


def slots(planned):
  return sum(call.row_count * call.row_length for call in planned)


@given(
  st.lists(st.integers(1, 64), min_size=1, max_size=150), st.integers(1, 3)
)
def test_every_text_lies_in_one_call(lengths, slices):
  lengths = np.array(lengths)
  planned = plan(lengths, slices=slices)
  texts = np.concatenate([call.texts for call in planned])
  assert sorted(texts.tolist()) == list(range(len(lengths)))
  shapes = collections.defaultdict(set)
  for call in planned:
    assert len(call.texts) <= call.num_texts
    assert call.row_count % slices == 0
    assert call.row_count * call.row_length <= max(256, slices * 64)
    filled = np.bincount(call.row_of, lengths[call.texts], call.row_count)
    assert len(filled) == call.row_count
    assert filled.max() <= call.row_length
    shapes[call.row_length].add((call.row_count, call.num_texts))
  assert all(len(found) == 1 for found in shapes.values())
  order = [call.row_length for call in planned]
  assert order == sorted(order, reverse=True)


def test_only_the_last_call_is_partly_empty():
  rng = np.random.default_rng(0)
  lengths = np.minimum(rng.geometric(0.04, 3000) + 3, 512)
  planned = plan(lengths, tokens=4096, tiers=(64, 128, 512))
  shares = [lengths[call.texts].sum() / 4096 for call in planned]
  assert min(shares[:-1]) > 0.95
  assert [call.row_length for call in planned][0] == 512
  assert len(planned) == -(-lengths.sum() // 4096)


def test_a_few_texts_make_a_small_call():
  (call,) = plan([5], tokens=4096)
  assert (call.row_count, call.row_length) == (1, 16)
  (call,) = plan([5] * 10, tokens=4096, slices=2)
  assert (call.row_count, call.row_length) == (4, 16)
  # A long text takes the short ones with it.
  (call,) = plan([60, 5, 5], tokens=4096)
  assert (call.row_count, call.row_length) == (2, 64)


def test_short_rows_are_left_out_where_texts_leave_them_half_empty():
  lengths = [10] * 400  # One to a row of 16, three to one of 32.
  assert {call.row_length for call in plan(lengths)} == {32}
  assert slots(plan(lengths)) < 1.1 * 4000
  assert {call.row_length for call in plan([8] * 400)} == {16}


def test_no_texts_make_no_call():
  assert plan([]) == []


def test_a_text_longer_than_all_rows_is_refused():
  with pytest.raises(ValueError, match="text 1 has 65 tokens"):
    plan([3, 65])
