"""Which pairs each language, or ordered pair of languages, can draw from.

Shape letters: I items, L languages, P directions, S sources. An item is a
group within a source.
"""

import dataclasses

import numpy as np

from hybridret_jax.data import sources


@dataclasses.dataclass(frozen=True)
class PairIndex:
  """The items of a corpus, and what each has in each language."""

  row_IL: np.ndarray  # int32, the corpus row, -1 where there is none
  asks_IL: np.ndarray  # bool, the row has a query
  query_IL: np.ndarray  # bool, the row may give a pair's query
  monolingual_IL: np.ndarray  # bool, it is a monolingual pair by itself
  group_I: np.ndarray  # int32, as the next two
  block_I: np.ndarray
  source_I: np.ndarray


@dataclasses.dataclass(frozen=True)
class Pools:
  """The items that each direction can draw, source after source.

  Direction p finds those of source s at
  `items[start_PS[p, s] : start_PS[p, s] + size_PS[p, s]]`.
  """

  query_language_P: np.ndarray  # int32
  passage_language_P: np.ndarray  # int32
  items: np.ndarray  # int32
  start_PS: np.ndarray  # int64
  size_PS: np.ndarray  # int64

  def of(self, direction: int) -> np.ndarray:
    """All items of a direction."""
    start = self.start_PS[direction, 0]
    return self.items[start : start + self.size_PS[direction].sum()]


def build(
  corpus: sources.Corpus, *, source_weights: np.ndarray, negatives: int
) -> PairIndex:
  """The items of `corpus` whose source has a weight above 0.

  A row gives a pair's query when it has one, and at least `negatives` hard
  negatives.
  """
  in_use = np.flatnonzero(source_weights[corpus.source_row] > 0)
  groups = len(corpus.groups)
  key = corpus.source_row[in_use].astype(np.int64) * groups
  keys, item = np.unique(key + corpus.group_row[in_use], return_inverse=True)
  row_IL = np.full((len(keys), len(corpus.languages)), -1, np.int32)
  row_IL[item, corpus.language_row[in_use]] = in_use
  block_I = np.zeros(len(keys), np.int32)
  block_I[item] = corpus.block_row[in_use]
  asks_IL = _where_present(row_IL, corpus.query_row >= 0)
  query_IL = asks_IL & _where_present(
    row_IL, corpus.negative_counts >= negatives
  )
  return PairIndex(
    row_IL=row_IL,
    asks_IL=asks_IL,
    query_IL=query_IL,
    monolingual_IL=query_IL
    & _where_present(row_IL, sources.is_monolingual(corpus)),
    group_I=(keys % max(groups, 1)).astype(np.int32),
    block_I=block_I,
    source_I=(keys // max(groups, 1)).astype(np.int32),
  )


def monolingual(index: PairIndex, num_sources: int) -> Pools:
  """One direction for each language: query and passage of the same row."""
  languages = range(index.row_IL.shape[1])
  return _pools(
    index,
    num_sources,
    [(language, language) for language in languages],
    [index.monolingual_IL[:, language] for language in languages],
  )


def cross_lingual(index: PairIndex, num_sources: int) -> Pools:
  """One direction for each ordered pair of languages."""
  languages = range(index.row_IL.shape[1])
  directions = [(x, y) for x in languages for y in languages if x != y]
  return _pools(
    index,
    num_sources,
    directions,
    (index.query_IL[:, x] & (index.row_IL[:, y] >= 0) for x, y in directions),
  )


def distinct_blocks(index: PairIndex, pools: Pools) -> np.ndarray:
  """How many blocks each direction can draw from, int64 [P]."""
  counts = [
    len(np.unique(index.block_I[pools.of(p)]))
    for p in range(len(pools.size_PS))
  ]
  return np.array(counts, np.int64)


def most_rows(index: PairIndex, pools: Pools, views_I: np.ndarray) -> int:
  """Rows that a batch can surely reach when a block stands in it once.

  Item i fills `views_I[i]` rows; of a block the item with the fewest counts,
  since it may be the one that is drawn.
  """
  items = np.unique(pools.items)
  blocks = index.block_I[items]
  fewest = np.full(blocks.max(initial=-1) + 1, np.iinfo(np.int64).max)
  np.minimum.at(fewest, blocks, views_I[items])
  return int(fewest[np.unique(blocks)].sum())


def _where_present(row_IL, values):
  present = np.zeros(row_IL.shape, bool)
  found = row_IL >= 0
  present[found] = values[row_IL[found]]
  return present


def _pools(index, num_sources, directions, masks):
  found = [np.flatnonzero(mask).astype(np.int32) for mask in masks]
  size_PS = np.array(
    [np.bincount(index.source_I[f], minlength=num_sources) for f in found],
    np.int64,
  ).reshape(len(directions), num_sources)
  # Items are in the order of their sources, so each source is one stretch.
  ends = np.cumsum(size_PS).reshape(size_PS.shape)
  languages = np.array(directions, np.int32).reshape(-1, 2)
  return Pools(
    query_language_P=languages[:, 0],
    passage_language_P=languages[:, 1],
    items=np.concatenate([np.zeros(0, np.int32), *found]),
    start_PS=ends - size_PS,
    size_PS=size_PS,
  )
