"""Texts into calls of a few fixed shapes, for encoding without training."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from hybridret_jax.data import packing

_TOKENS = 16  # Of a text, when a call has many.


@dataclasses.dataclass(frozen=True)
class Call:
  """One call of the encoder.

  Attributes:
    texts: numbers of the texts that it holds.
    row_of: the row of each.
    row_length: tokens in a row.
    row_count: rows, the same in all calls of one length.
    num_texts: vectors that come out, the same in all calls of one length.
  """

  texts: np.ndarray
  row_of: np.ndarray
  row_length: int
  row_count: int
  num_texts: int


def plan(
  lengths: np.ndarray,
  *,
  row_lengths: Sequence[int],
  tokens: int,
  slices: int,
) -> list[Call]:
  """Calls that hold every text once, those of long rows first.

  Texts that fit no shorter rows have rows of a length made for them; what room
  these leave in their calls is filled with shorter texts, so that only the last
  call of all is partly empty. The shortest lengths are left out where longer
  rows take less work, because more texts fit their room. Where all that is left
  fits in less than half a call, the call is made smaller, by powers of two.

  Args:
    lengths: tokens of each text.
    row_lengths: tokens in a row of each tier, ascending; the last holds any.
    tokens: that the rows of a call hold, about.
    slices: that the rows of a call split into.
  """
  left = np.asarray(lengths)
  if not len(left):
    return []
  begun, best = [], []
  for tier in reversed(range(len(row_lengths))):
    length = row_lengths[tier]
    most = max(tokens // length // slices, 1) * slices
    _, all_rows = packing.assign(left, length)
    rows = min(_power_of_two(-(-all_rows // slices)) * slices, most)
    ended = begun + _calls(left, length, all_rows, rows)[0]
    if not best or _cost(ended) < _cost(best):
      best = ended
    longer_than = row_lengths[tier - 1] if tier else 0
    own = np.where(left > longer_than, left, 0)
    if own.any():
      _, own_rows = packing.assign(own, length)
      more, left = _calls(left, length, own_rows, rows)
      begun = begun + more
    if not left.any():
      break
  return best


def _calls(lengths, row_length, needed, rows):
  """Calls with `needed` rows at least, and the lengths of what is left."""
  row_of = packing.fill(lengths, row_length, -(-needed // rows) * rows)
  texts = np.flatnonzero(row_of >= 0)
  call_of = row_of[texts] // rows
  order = np.argsort(call_of, kind="stable")
  ends = np.flatnonzero(np.diff(call_of[order])) + 1
  parts = np.split(texts[order], ends)
  # Few values, so that other texts find the same program.
  least = rows * row_length // _TOKENS
  num_texts = _power_of_two(max(least, 1, *map(len, parts)))
  calls = [
    Call(part, row_of[part] % rows, row_length, rows, num_texts)
    for part in parts
  ]
  return calls, np.where(row_of < 0, lengths, 0)


def _cost(calls):
  return sum(x.row_count * packing.row_cost(x.row_length) for x in calls)


def _power_of_two(value):
  """The least power of two that is not below `value`."""
  return 1 << (value - 1).bit_length()
