"""Packing: nothing dropped, nothing split, the same everywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridret_jax.data import packing

LENGTHS = st.lists(st.integers(0, 20), min_size=1, max_size=60)


def corpus_of(lengths):
  """(ids, offsets) in which every token is another; 0 is padding."""
  offsets = np.concatenate([[0], np.cumsum(lengths)])
  return np.arange(1, offsets[-1] + 1), offsets


def check_rows(packed, ids, offsets, texts):
  """Every text of `texts`, a number to its text, stands whole in one row."""
  real = packed.segments_RL > 0
  assert np.array_equal(packed.ids_RL > 0, real)
  assert set(packed.text_index_RL[real].tolist()) == set(texts)
  for index, text in texts.items():
    row, column = np.nonzero(packed.text_index_RL == index)
    assert len(set(row)) == 1
    assert np.array_equal(column, np.arange(column[0], column[0] + len(column)))
    run = packed.ids_RL[row[0], column]
    assert np.array_equal(run, ids[offsets[text] : offsets[text + 1]])
    assert np.array_equal(
      packed.positions_RL[row[0], column], np.arange(len(column))
    )
    assert len(set(packed.segments_RL[row[0], column])) == 1
  for row in range(len(packed.ids_RL)):
    inside = packed.segments_RL[row][real[row]]
    assert sorted(set(inside.tolist())) == list(range(1, len(set(inside)) + 1))
    assert len(set(inside)) == len(set(packed.text_index_RL[row][real[row]]))
  assert not packed.positions_RL[~real].any()


def one_after_another(lengths, row_length):
  """Best fit as it is written in books."""
  row_of, room_of = np.full(len(lengths), -1), []
  for text in np.argsort(-lengths, kind="stable"):
    if not lengths[text]:
      continue
    room, row = min(
      (
        (room, row) for row, room in enumerate(room_of) if room >= lengths[text]
      ),
      default=(row_length, len(room_of)),
    )
    if row == len(room_of):
      room_of.append(row_length)
    row_of[text] = row
    room_of[row] = room - lengths[text]
  return row_of, room_of


@given(LENGTHS)
def test_every_token_stands_once_in_its_row(lengths):
  lengths = np.array(lengths)
  ids, offsets = corpus_of(lengths)
  _, rows = packing.assign(lengths, 20)
  packed = packing.pack(
    ids,
    offsets,
    np.arange(len(lengths)),
    row_length=20,
    row_count=rows + 2,
    pad_id=0,
    first_row=7,
    num_texts=99,
  )
  check_rows(packed, ids, offsets, {i: i for i in np.flatnonzero(lengths)})
  assert np.all(packed.text_index_RL[packed.segments_RL == 0] == 99)
  assert packed.row_R.tolist() == list(range(7, rows + 9))
  assert all(array.dtype == np.int32 for array in packed.arrays())


@given(LENGTHS)
def test_texts_of_a_length_at_once_are_one_after_another(lengths):
  """The same rows hold as much; which of equals is taken may differ."""
  lengths = np.array(lengths)
  row_of, rows = packing.assign(lengths, 20)
  wanted, room = one_after_another(lengths, 20)
  assert rows == len(room)
  filled = np.bincount(row_of[row_of >= 0], lengths[row_of >= 0], rows)
  assert sorted(filled) == sorted(20 - np.array(room))
  assert np.array_equal(row_of < 0, wanted < 0)


@given(LENGTHS, st.integers(0, 9), st.integers(0, 9))
def test_no_row_is_overfull_and_what_is_left_has_no_room(lengths, rows, most):
  lengths = np.array(lengths)
  row_of = packing.fill(lengths, 20, rows)
  there = row_of >= 0
  filled = np.bincount(row_of[there], lengths[there], rows)
  assert len(filled) == rows and filled.max(initial=0) <= 20
  left = lengths[~there & (lengths > 0)]
  assert not len(left) or left.min() > 20 - filled.min(initial=20)
  _, sizes = packing.best_fit(packing.sizes(lengths), 20, rows)
  assert sizes == packing.sizes(left)


@given(
  LENGTHS,
  st.tuples(st.integers(0, 6), st.integers(0, 20), st.integers(0, 20)),
)
def test_a_text_lies_in_rows_that_hold_it(lengths, counts):
  lengths, tiers = np.array(lengths), (5, 8, 20)
  row_of = packing.place(lengths, tiers, counts)
  slots = np.repeat(tiers, counts)
  if row_of is None:
    # Rows for each text by itself would have held them.
    own = np.histogram(lengths[lengths > 0], (1, 6, 9, 21))[0]
    assert any(np.cumsum(own[::-1]) > np.cumsum(counts[::-1]))
    return
  there = lengths > 0
  assert np.array_equal(row_of >= 0, there)
  filled = np.bincount(row_of[there], lengths[there], len(slots))
  assert np.all(filled <= slots)
  assert np.all(lengths[there] <= slots[row_of[there]])
  ids, offsets = corpus_of(lengths)
  packed = packing.pack_tiers(
    ids,
    offsets,
    np.arange(len(lengths)),
    row_lengths=tiers,
    row_counts=counts,
    pad_id=0,
    row_of=row_of,
  )
  first = np.cumsum((0, *counts))
  for tier, rows in enumerate(packed):
    assert rows.ids_RL.shape == (counts[tier], tiers[tier])
    assert rows.row_R.tolist() == [
      tier * 2**20 + row for row in range(counts[tier])
    ]
    here = there & (row_of >= first[tier]) & (row_of < first[tier + 1])
    check_rows(rows, ids, offsets, {i: i for i in np.flatnonzero(here)})


def test_short_texts_fill_long_rows_and_then_short_ones():
  lengths = np.array([90, 60, 30, 30, 8, 2])
  assert packing.place(lengths, (40, 100), (2, 1)) is None
  row_of = packing.place(lengths, (40, 100), (1, 2))
  # 90 + 8 + 2 and 60 + 30 in the long rows, 30 in the short one.
  assert row_of is not None
  assert row_of.tolist() == [1, 2, 2, 0, 1, 1]


def test_texts_repeat_and_may_be_missing():
  ids, offsets = corpus_of(np.array([3, 2]))
  packed = packing.pack(
    ids,
    offsets,
    np.array([1, -1, 0, 1]),
    row_length=8,
    row_count=1,
    pad_id=0,
  )
  assert packed.ids_RL.tolist() == [[4, 5, 1, 2, 3, 4, 5, 0]]
  assert packed.text_index_RL.tolist() == [[0, 0, 2, 2, 2, 3, 3, 4]]
  assert packed.segments_RL.tolist() == [[1, 1, 2, 2, 2, 3, 3, 0]]


@given(st.lists(st.integers(1, 32), min_size=1, max_size=200))
def test_rows_are_few(lengths):
  """At least half full on average, as any best fit is."""
  _, rows = packing.assign(np.array(lengths), 32)
  assert rows <= max(1, 2 * sum(lengths) / 32 + 1)


def test_real_lengths_leave_little_padding():
  rng = np.random.default_rng(0)
  lengths = np.concatenate(
    [rng.integers(6, 30, 64), np.minimum(rng.geometric(0.01, 64) + 10, 128)]
  )
  _, rows = packing.assign(lengths, 128)
  assert 1 - lengths.sum() / (rows * 128) < 0.05


def test_what_does_not_fit_is_refused():
  with pytest.raises(ValueError, match="text 1 has 9 tokens; a row holds 8"):
    packing.assign(np.array([3, 9]), 8)
  with pytest.raises(ValueError, match="need 2 rows of 8"):
    packing.pack(
      np.arange(10),
      np.array([0, 5, 10]),
      np.array([0, 1]),
      row_length=8,
      row_count=1,
      pad_id=0,
    )


def test_types_lie_where_their_tokens_do():
  offsets = np.array([0, 3, 5, 9])
  ids, types = np.arange(9) + 10, np.array([0, 0, 1, 0, 1, 0, 0, 1, 1])
  settings = {"row_length": 6, "row_count": 2, "pad_id": 0}
  packed = packing.pack(ids, offsets, np.arange(3), types=types, **settings)
  real = packed.segments_RL > 0
  np.testing.assert_array_equal(
    packed.types_RL[real], types[packed.ids_RL[real] - 10]
  )
  assert not packed.types_RL[~real].any()
  assert len(packed.arrays()) == 6
  untyped = packing.pack(ids, offsets, np.arange(3), **settings)
  assert len(untyped.arrays()) == 5
