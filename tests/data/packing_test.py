"""Packing: nothing dropped, nothing split, the same everywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridret_jax.data import packing


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60))
def test_every_token_stands_once_in_its_row(lengths):
  lengths = np.array(lengths)
  offsets = np.concatenate([[0], np.cumsum(lengths)])
  ids = np.arange(1, offsets[-1] + 1)  # Every token is another.
  _, rows = packing.assign(lengths, 20)
  packed = packing.pack(
    ids,
    offsets,
    np.arange(len(lengths)),
    row_length=20,
    row_count=rows + 2,
    pad_id=0,
  )
  real = packed.segments_RL > 0
  assert sorted(packed.ids_RL[real]) == ids.tolist()
  for text, length in enumerate(lengths):
    row, column = np.nonzero(packed.text_index_RL == text)
    assert len(set(row)) == 1
    assert np.array_equal(column, np.arange(column[0], column[0] + length))
    run = packed.ids_RL[row[0], column]
    assert np.array_equal(run, ids[offsets[text] : offsets[text + 1]])
    assert np.array_equal(
      packed.positions_RL[row[0], column], np.arange(length)
    )
    assert len(set(packed.segments_RL[row[0], column])) == 1
  for row in range(len(packed.ids_RL)):
    texts = set(packed.text_index_RL[row][real[row]])
    assert len(texts) == len(set(packed.segments_RL[row]) - {0})
  assert np.all(packed.text_index_RL[~real] == len(lengths))


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
  with pytest.raises(ValueError, match="text 1 has 9 tokens; a row holds 1"):
    packing.assign(np.array([3, 9]), 8)
  with pytest.raises(ValueError, match="text 0 has 0 tokens"):
    packing.assign(np.array([0, 3]), 8)
  with pytest.raises(ValueError, match="need 2 rows of 8"):
    packing.pack(
      np.arange(10),
      np.array([0, 5, 10]),
      np.array([0, 1]),
      row_length=8,
      row_count=1,
      pad_id=0,
    )


def test_row_counts_cover_what_was_seen_and_the_worst():
  needed = np.array([30, 33, 35, 41, 44])
  counts = packing.row_counts(needed, most=128, multiple=8, shapes=3)
  assert counts[-1] == 128
  assert all(count % 8 == 0 for count in counts)
  assert any(44 < count < 128 for count in counts)
  assert len(counts) <= 5
