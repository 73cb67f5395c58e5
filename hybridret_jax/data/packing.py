"""Texts into rows of a few fixed lengths: several to a row, none split."""

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np

TIER_ROWS = 2**20  # Rows of tier i are numbered from i * TIER_ROWS.
# Attention over a row of L tokens costs L / (6 D) of its dense layers (2 L D
# of 12 D² multiply-adds a token) in a model of width D: 384 to 768.
_DENSE = 4096


@dataclasses.dataclass(frozen=True)
class Packed:
  """Rows of one length; a text occupies one run of one row.

  Attributes:
    ids_RL: token ids, the pad id where there is no text.
    segments_RL: 1, 2, … for the texts of a row in order; 0 for padding.
    positions_RL: position of each token in its text, from 0.
    text_index_RL: which text each token belongs to; the number of texts for
      padding.
    row_R: number of each row in the batch, from which its dropout follows.
    types_RL: type of each token, 0 for padding; None where all are 0.
  """

  ids_RL: np.ndarray
  segments_RL: np.ndarray
  positions_RL: np.ndarray
  text_index_RL: np.ndarray
  row_R: np.ndarray
  types_RL: np.ndarray | None = None

  def arrays(self) -> tuple[np.ndarray, ...]:
    """The five or six arrays in the order that the encoder takes them."""
    return (
      self.ids_RL,
      self.segments_RL,
      self.positions_RL,
      self.text_index_RL,
      self.row_R,
      *(() if self.types_RL is None else (self.types_RL,)),
    )


def assign(lengths: np.ndarray, row_length: int) -> tuple[np.ndarray, int]:
  """The row of each text in as many rows as it takes, and their number.

  Args:
    lengths: tokens of each text; 0 for a missing one, whose row is -1.
    row_length: tokens in a row.

  Raises:
    ValueError: a text is longer than a row.
  """
  lengths = np.asarray(lengths)
  if lengths.max(initial=0) > row_length:
    text = int(np.argmax(lengths > row_length))
    raise ValueError(
      f"text {text} has {lengths[text]} tokens; a row holds {row_length}: use"
      " longer rows or lower the maximum text length"
    )
  row_of = fill(lengths, row_length, int(np.count_nonzero(lengths)))
  return row_of, int(row_of.max(initial=-1)) + 1


def fill(lengths: np.ndarray, row_length: int, row_count: int) -> np.ndarray:
  """The row of each text by best fit, longest first; -1 where none has room.

  Deterministic: equal lengths keep their order, and of rows that fit equally
  well the oldest is taken, so every host packs a batch the same way. Arguments
  as in `assign`; `row_count` rows are there.
  """
  lengths = np.asarray(lengths)
  row_of = np.full(len(lengths), -1, np.int32)
  order = np.argsort(-lengths, kind="stable")[: np.count_nonzero(lengths)]
  runs, _ = best_fit(sizes(lengths), row_length, row_count)
  if runs:
    first, number, each = np.array(runs).T
    each = np.repeat(each, number)
    rows = np.arange(len(each)) + np.repeat(
      first - np.cumsum(number) + number, number
    )
    # A run without a row stands for texts that are left.
    rows = np.where(np.repeat(first, number) < 0, -1, rows)
    row_of[order] = np.repeat(rows, each)
  return row_of


def place(
  lengths: np.ndarray, row_lengths: Sequence[int], row_counts: Sequence[int]
) -> np.ndarray | None:
  """The row of each text among rows of several lengths; None if some is left.

  Texts that need the longest rows go there, shorter ones fill what room these
  have left, and the rest goes on to the next shorter rows.

  Args:
    lengths: tokens of each text; 0 for a missing one, whose row is -1.
    row_lengths: tokens in a row of each tier, ascending.
    row_counts: rows of each tier.

  Returns:
    The row of each text, counted through the tiers: the first row of tier i is
    `sum(row_counts[:i])`.
  """
  left = np.asarray(lengths)
  row_of = np.full(len(left), -1, np.int32)
  for tier in reversed(range(len(row_lengths))):
    row = fill(left, row_lengths[tier], row_counts[tier])
    row_of[row >= 0] = row[row >= 0] + sum(row_counts[:tier])
    left = np.where(row < 0, left, 0)
    if left.max(initial=0) > (row_lengths[tier - 1] if tier else 0):
      return None
  return row_of


def sizes(lengths: np.ndarray) -> list[tuple[int, int]]:
  """(length, texts of it), longest first, missing ones left out."""
  count = np.bincount(lengths)
  present = np.flatnonzero(count[1:])[::-1] + 1
  return list(zip(present.tolist(), count[present].tolist(), strict=True))


def best_fit(
  sizes: list[tuple[int, int]], row_length: int, row_count: int
) -> tuple[list[tuple[int, int, int]], list[tuple[int, int]]]:
  """Best fit of texts of which only the lengths are known.

  Texts of one length go at once: the tightest row that holds one takes as many
  as it can, then the next, which is what one text after another would do.

  Args:
    sizes: see `sizes`.
    row_length: tokens in a row.
    row_count: rows that are there.

  Returns:
    runs: (first row, rows, texts in each of them) in the order of the texts;
      the first row is -1, and each is one "row", for those that are left.
    left: sizes of the texts that no row has room for.
  """
  with_room = {row_length: collections.deque([(0, row_count)])}
  # Bit r is set while some row has r free tokens.
  free = 1 << row_length if row_count else 0
  runs, left = [], []
  for need, count in sizes:
    while count:
      fitting = free >> need
      if not fitting:
        runs.append((-1, count, 1))
        left.append((need, count))
        break
      room = need + (fitting & -fitting).bit_length() - 1
      each = room // need
      start, stop = with_room[room].popleft()
      taken = min(start + -(-count // each), stop)
      if taken < stop:
        with_room[room].appendleft((taken, stop))
      elif not with_room[room]:
        free &= ~(1 << room)
      texts = min(each * (taken - start), count)
      count -= texts
      # All rows that are taken are filled alike but perhaps the last one.
      whole = start + texts // each
      for first, end, share in (
        (start, whole, each),
        (whole, taken, texts % each),
      ):
        if first < end:
          runs.append((first, end - first, share))
          rest = room - share * need
          with_room.setdefault(rest, collections.deque()).append((first, end))
          free |= 1 << rest
  return runs, left


def pack(
  ids: np.ndarray,
  offsets: np.ndarray,
  texts: np.ndarray,
  *,
  row_length: int,
  row_count: int,
  pad_id: int,
  row_of: np.ndarray | None = None,
  first_row: int = 0,
  num_texts: int | None = None,
  types: np.ndarray | None = None,
) -> Packed:
  """Lays the chosen texts out in `row_count` rows of one length.

  Args:
    ids: the tokens of all texts in one line.
    offsets: where text i begins and ends: `ids[offsets[i]:offsets[i + 1]]`.
    texts: numbers of the texts to pack, in batch order; may repeat; -1 for a
      missing one.
    row_length: L, tokens in a row.
    row_count: R, rows, those without a text at the end.
    pad_id: token of padding.
    row_of: the row of each text, if `assign` has been asked before; -1 for
      those that stand elsewhere.
    first_row: number of the first row.
    num_texts: what padding has for its text; by default how many there are.
    types: of the tokens; None where all are 0.

  Raises:
    ValueError: the texts need more rows than `row_count`.
  """
  texts = np.asarray(texts)
  lengths = text_lengths(offsets, texts)
  if row_of is None:
    row_of, _ = assign(lengths, row_length)
  needed = int(row_of.max(initial=-1)) + 1
  if needed > row_count:
    raise ValueError(
      f"{len(texts)} texts need {needed} rows of {row_length}, more than"
      f" row_count {row_count}"
    )
  # The texts that stand here, row by row, in batch order within a row.
  here = np.flatnonzero((row_of >= 0) & (lengths > 0))
  here = here[np.argsort(row_of[here], kind="stable")]
  row, length = row_of[here], lengths[here]
  begun = np.cumsum(length) - length
  is_first = np.diff(row, prepend=-1) != 0
  segment = np.arange(len(here)) - _of_first(np.arange(len(here)), is_first)
  column = begun - _of_first(begun, is_first)
  # Where each token goes, in the rows laid end to end, and where it is from.
  position = np.arange(length.sum()) - np.repeat(begun, length)
  to = np.repeat(row * row_length + column, length) + position
  from_ = np.repeat(offsets[texts[here]], length) + position

  def laid_out(values, padding):
    flat = np.full(row_count * row_length, padding, np.int32)
    flat[to] = values
    return flat.reshape(row_count, row_length)

  return Packed(
    ids_RL=laid_out(ids[from_], pad_id),
    segments_RL=laid_out(np.repeat(segment + 1, length), 0),
    positions_RL=laid_out(position, 0),
    text_index_RL=laid_out(
      np.repeat(here, length), len(texts) if num_texts is None else num_texts
    ),
    row_R=first_row + np.arange(row_count, dtype=np.int32),
    types_RL=None if types is None else laid_out(types[from_], 0),
  )


def pack_tiers(
  ids: np.ndarray,
  offsets: np.ndarray,
  texts: np.ndarray,
  *,
  row_lengths: Sequence[int],
  row_counts: Sequence[int],
  pad_id: int,
  row_of: np.ndarray,
) -> tuple[Packed, ...]:
  """Lays the chosen texts out in rows of several lengths.

  Args:
    ids: see `pack`.
    offsets: see `pack`.
    texts: see `pack`.
    row_lengths: tokens in a row of each tier.
    row_counts: rows of each tier.
    pad_id: see `pack`.
    row_of: of each text, from `place`.
  """
  tiers, start = [], 0
  for tier, count in enumerate(row_counts):
    is_here = (row_of >= start) & (row_of < start + count)
    tiers.append(
      pack(
        ids,
        offsets,
        texts,
        row_length=row_lengths[tier],
        row_count=count,
        pad_id=pad_id,
        row_of=np.where(is_here, row_of - start, -1),
        first_row=tier * TIER_ROWS,
      )
    )
    start += count
  return tuple(tiers)


def text_lengths(offsets: np.ndarray, texts: np.ndarray) -> np.ndarray:
  """Tokens of the chosen texts; 0 for a missing one, -1."""
  return np.where(texts >= 0, offsets[texts + 1] - offsets[texts], 0)


def row_cost(row_length: int) -> int:
  """Work of a row: a token's dense layers are 4096, attention its row length.

  A whole number, so that every host adds costs up to the same sum.
  """
  return row_length * (_DENSE + row_length)


def _of_first(values, is_first):
  """The value at the last `is_first` at or before each place."""
  starts = np.flatnonzero(is_first)
  return np.repeat(values[starts], np.diff(starts, append=len(values)))
