"""Texts into rows of a fixed length: several to a row, none split."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Packed:
  """Rows of tokens; a text occupies one run of one row.

  Attributes:
    ids_RL: token ids, the pad id where there is no text.
    segments_RL: 1, 2, … for the texts of a row in order; 0 for padding.
    positions_RL: position of each token in its text, from 0.
    text_index_RL: which text each token belongs to; the number of texts for
      padding.
  """

  ids_RL: np.ndarray
  segments_RL: np.ndarray
  positions_RL: np.ndarray
  text_index_RL: np.ndarray

  def arrays(self) -> tuple[np.ndarray, ...]:
    """The four arrays in the order that the encoder takes them."""
    return (
      self.ids_RL,
      self.segments_RL,
      self.positions_RL,
      self.text_index_RL,
    )


def assign(lengths: np.ndarray, row_length: int) -> tuple[np.ndarray, int]:
  """The row of each text by best fit, longest first, and the number of rows.

  Deterministic: equal lengths keep their order, and of rows that fit equally
  well the oldest is taken, so every host packs a batch the same way.

  Raises:
    ValueError: a text is empty or longer than a row.
  """
  lengths = np.asarray(lengths)
  if len(lengths) and (lengths.min() < 1 or lengths.max() > row_length):
    at = int(np.argmax((lengths < 1) | (lengths > row_length)))
    raise ValueError(
      f"text {at} has {lengths[at]} tokens; a row holds 1 to {row_length}:"
      " raise row_length or lower the maximum text length"
    )
  row_of = np.empty(len(lengths), np.int32)
  with_room: list[list[int]] = [[] for _ in range(row_length + 1)]
  rooms = 0  # Bit r is set while some row has r free tokens.
  rows = 0
  for text in np.argsort(-lengths, kind="stable"):
    need = int(lengths[text])
    fitting = rooms >> need
    if fitting:
      room = need + (fitting & -fitting).bit_length() - 1
      row = with_room[room].pop(0)
      if not with_room[room]:
        rooms &= ~(1 << room)
    else:
      room, row = row_length, rows
      rows += 1
    row_of[text] = row
    with_room[room - need].append(row)
    rooms |= 1 << (room - need)
  return row_of, rows


def pack(
  ids: np.ndarray,
  offsets: np.ndarray,
  texts: np.ndarray,
  *,
  row_length: int,
  row_count: int,
  pad_id: int,
  row_of: np.ndarray | None = None,
) -> Packed:
  """Lays the chosen texts out in `row_count` rows.

  Args:
    ids: the tokens of all texts in one line.
    offsets: where text i begins and ends: `ids[offsets[i]:offsets[i + 1]]`.
    texts: numbers of the texts to pack, in batch order; may repeat.
    row_length: L, tokens in a row.
    row_count: R, rows, those without a text at the end.
    pad_id: token of padding.
    row_of: the row of each text, if `assign` has been asked before.

  Raises:
    ValueError: the texts need more rows than `row_count`.
  """
  texts = np.asarray(texts)
  lengths = offsets[texts + 1] - offsets[texts]
  if row_of is None:
    row_of, _ = assign(lengths, row_length)
  needed = int(row_of.max(initial=-1)) + 1
  if needed > row_count:
    raise ValueError(
      f"{len(texts)} texts need {needed} rows of {row_length}, more than"
      f" row_count {row_count}"
    )
  shape = (row_count, row_length)
  packed = Packed(
    ids_RL=np.full(shape, pad_id, np.int32),
    segments_RL=np.zeros(shape, np.int32),
    positions_RL=np.zeros(shape, np.int32),
    text_index_RL=np.full(shape, len(texts), np.int32),
  )
  filled = np.zeros(row_count, np.int64)
  segment = np.zeros(row_count, np.int32)
  for index, (text, row, length) in enumerate(
    zip(texts, row_of, lengths, strict=True)
  ):
    run = slice(filled[row], filled[row] + length)
    segment[row] += 1
    packed.ids_RL[row, run] = ids[offsets[text] : offsets[text + 1]]
    packed.segments_RL[row, run] = segment[row]
    packed.positions_RL[row, run] = np.arange(length)
    packed.text_index_RL[row, run] = index
    filled[row] += length
  return packed


def row_counts(
  needed: np.ndarray, *, most: int, multiple: int, shapes: int
) -> tuple[int, ...]:
  """A handful of static row counts for batches like those observed.

  Args:
    needed: rows that a sample of batches needs.
    most: rows that any batch can need (one text a row); always among the
      counts, and compiled only if it is ever needed.
    multiple: every count is a multiple of it, so that the rows split over
      that many devices.
    shapes: how many counts to spread over the observed range.
  """
  points = np.quantile(needed, np.linspace(0, 1, shapes + 1)[1:])
  counts = {_round_up(int(np.ceil(p)), multiple) for p in points}
  counts.add(_round_up(int(np.max(needed)) + 1, multiple))
  counts.add(_round_up(most, multiple))
  return tuple(sorted(counts))


def _round_up(value: int, multiple: int) -> int:
  return -(-value // multiple) * multiple
