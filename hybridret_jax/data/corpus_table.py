"""The checked table of text pairs that sources are read into."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Corpus:
  """Columns over rows; a row is what one language has of a group.

  Names and texts stand once, in tuples that the columns index. `texts` holds
  queries, passages and hard negatives alike, so two equal texts have equal
  indices. The hard negatives of row r are the text indices
  `negative_values[negative_offsets[r] : negative_offsets[r + 1]]`.
  """

  languages: tuple[str, ...]  # as asked, or sorted where none was asked
  sources: tuple[str, ...]  # as asked
  groups: tuple[str, ...]
  blocks: tuple[str, ...]
  texts: tuple[str, ...]
  ids: tuple[str, ...]  # one per row
  language_row: np.ndarray  # int32 [rows], as the next five
  source_row: np.ndarray
  group_row: np.ndarray
  block_row: np.ndarray
  query_row: np.ndarray  # -1 where the query is empty
  passage_row: np.ndarray
  negative_offsets: np.ndarray  # int64 [rows + 1]
  negative_values: np.ndarray  # int32
  skipped: dict[str, int]  # what was left out, and how often
  notes: tuple[str, ...] = ()  # what else a reader of the log must know
  guesses: tuple[str, ...] = ()  # what sources do not say and was taken so
  sha256: tuple[str, ...] = ()  # of each source's rows as they were read

  def __len__(self) -> int:
    return len(self.ids)

  @property
  def negative_counts(self) -> np.ndarray:
    """Number of hard negatives of each row, int64 [rows]."""
    return np.diff(self.negative_offsets)


def select(corpus: Corpus, keep_rows: np.ndarray) -> Corpus:
  """The corpus with only `keep_rows` (a mask or row indices, in that order).

  The tuples of names and texts stay whole, so indices into them keep their
  meaning.
  """
  rows = np.arange(len(corpus))[keep_rows]
  counts = corpus.negative_counts[rows]
  offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
  first = np.repeat(corpus.negative_offsets[rows] - offsets[:-1], counts)
  columns = ("language_row", "source_row", "group_row", "block_row")
  columns += ("query_row", "passage_row")
  return dataclasses.replace(
    corpus,
    ids=tuple(corpus.ids[row] for row in rows.tolist()),
    negative_offsets=offsets,
    negative_values=corpus.negative_values[first + np.arange(offsets[-1])],
    **{column: getattr(corpus, column)[rows] for column in columns},
  )


def is_monolingual(corpus: Corpus) -> np.ndarray:
  """Which rows are monolingual pairs by themselves, bool [rows].

  Not those with an empty query (passages only) and not those whose query is
  their passage (translations): both serve across languages only.
  """
  return (corpus.query_row >= 0) & (corpus.query_row != corpus.passage_row)
