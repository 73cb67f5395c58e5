"""Which texts are one text to the encoder, and what follows for a corpus.

A text is what the encoder sees of it: its token ids, after prefix and cut. Two
spellings that the tokenizer makes equal are one text, and so are two texts that
differ behind the cut. Before there is a tokenizer, equal strings are one text.

Shape letters: B pairs of a batch, K hard negatives of each.
"""

import dataclasses

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from hybridret_jax.data import corpus_table

_SHOWN = 60  # characters of an example


@dataclasses.dataclass(frozen=True)
class Identities:
  """Numbers that are equal where texts are, apart for queries and passages.

  Attributes:
    query_of_row: of each row's query, int32 [rows]; -1 where it is empty.
    passage_of_row: of each row's passage, int32 [rows].
    passage_of_text: of each text of the corpus as a passage (hard negatives are
      found by it), int32 [texts]; -1 where it is never one.
  """

  query_of_row: np.ndarray
  passage_of_row: np.ndarray
  passage_of_text: np.ndarray


def by_text(corpus: corpus_table.Corpus) -> Identities:
  """Texts are one where their strings are equal."""
  return Identities(
    query_of_row=corpus.query_row,
    passage_of_row=corpus.passage_row,
    passage_of_text=np.arange(len(corpus.texts), dtype=np.int32),
  )


def of_rows(identities: Identities, rows: np.ndarray) -> Identities:
  """Those of some rows of the corpus."""
  return dataclasses.replace(
    identities,
    query_of_row=identities.query_of_row[rows],
    passage_of_row=identities.passage_of_row[rows],
  )


def settle(
  corpus: corpus_table.Corpus, identities: Identities
) -> corpus_table.Corpus:
  """The corpus with what follows from identities.

  Blocks that share a query or a passage become one, named after the first of
  their names in alphabetical order; `notes` says how many, with an example.
  A hard negative that is a passage of its row's own group, in any language, is
  left out, and so is one that its row names already; `skipped` counts them.
  """
  corpus = _join_blocks(corpus, identities)
  of_negative = identities.passage_of_text[corpus.negative_values]
  row = _row_of_negative(corpus)
  size = int(identities.passage_of_text.max(initial=0)) + 1
  group = corpus.group_row.astype(np.int64)
  is_own = np.isin(
    group[row] * size + of_negative, group * size + identities.passage_of_row
  )
  corpus = _without_negatives(
    corpus, is_own, "hard negatives that are a passage of their row's group"
  )
  of_negative, row = of_negative[~is_own], row[~is_own]
  _, first = np.unique(row * size + of_negative, return_index=True)
  again = np.ones(len(row), bool)
  again[first] = False
  return _without_negatives(
    corpus, again, "hard negatives that their row names twice"
  )


def without_held(
  corpus: corpus_table.Corpus, held: corpus_table.Corpus, identities: Identities
) -> corpus_table.Corpus:
  """`corpus` without the hard negatives that are passages of `held`.

  Args:
    corpus: the rows to train on.
    held: the rows that are held out, of the same whole corpus.
    identities: of that corpus; only texts are looked up.
  """
  passages = identities.passage_of_text[held.passage_row]
  negatives = identities.passage_of_text[corpus.negative_values]
  return _without_negatives(
    corpus,
    np.isin(negatives, passages),
    "hard negatives that are held-out passages",
  )


class Labels:
  """What a loss must know of a batch to leave its false negatives out."""

  def __init__(self, corpus: corpus_table.Corpus, identities: Identities):
    """Labels of batches composed of `corpus`, whose rows `identities` has."""
    self._text_of_row = identities.passage_of_row
    self._text_of_text = identities.passage_of_text
    pairs = np.unique(
      np.stack([identities.passage_of_row, corpus.group_row]), axis=1
    )
    # The groups that have passage i: of[start[i] : start[i + 1]].
    self._groups = pairs[1]
    size = int(identities.passage_of_text.max(initial=-1)) + 1
    self._start = np.searchsorted(pairs[0], np.arange(size + 1))

  def texts(self, passage_row: np.ndarray) -> np.ndarray:
    """Identity of each pair's positive, int32 [B]."""
    return self._text_of_row[passage_row]

  def negative_texts(self, negative_text: np.ndarray) -> np.ndarray:
    """Identity of each hard negative, int32 [B, K]."""
    return self._text_of_text[negative_text]

  def negative_groups(
    self, negative_text: np.ndarray, group_B: np.ndarray
  ) -> np.ndarray:
    """The group of the batch that has the hard negative among its passages.

    In any language, in the batch or not; int32 [B, K], -1 where there is none.
    There is one at most: groups that share a passage stand in one block, and
    of a block one group is in a batch.
    """
    text_BK = self.negative_texts(negative_text)
    start_BK, end_BK = self._start[text_BK], self._start[text_BK + 1]
    found_BK = np.full(text_BK.shape, -1, np.int32)
    some_BK = end_BK > start_BK
    found_BK[some_BK] = self._groups[start_BK[some_BK]]
    shared_BK = end_BK > start_BK + 1
    present = set(group_B.tolist()) if shared_BK.any() else set()
    for place in np.argwhere(shared_BK).tolist():
      b, k = place
      having = self._groups[start_BK[b, k] : end_BK[b, k]].tolist()
      found_BK[b, k] = next((g for g in having if g in present), -1)
    return found_BK


def _join_blocks(corpus, identities):
  asks = identities.query_of_row >= 0
  queries = int(identities.query_of_row.max(initial=-1)) + 1
  blocks = len(corpus.blocks)
  ends = np.concatenate(
    [
      np.stack([corpus.block_row[asks], identities.query_of_row[asks]]),
      np.stack([corpus.block_row, identities.passage_of_row + queries]),
    ],
    axis=1,
    dtype=np.int64,
  )
  size = blocks + int(ends[1].max(initial=-1)) + 1
  graph = sparse.coo_array(
    (np.ones(ends.shape[1], np.int8), (ends[0], ends[1] + blocks)),
    shape=(size, size),
  )
  _, label = csgraph.connected_components(graph, directed=False)
  present = np.unique(corpus.block_row)
  by_name = sorted(present.tolist(), key=lambda block: corpus.blocks[block])
  first: dict[int, int] = {}
  joined = np.arange(blocks, dtype=np.int32)
  for block in by_name:
    joined[block] = first.setdefault(int(label[block]), block)
  moved = present[joined[present] != present]
  if not len(moved):
    return corpus
  whole = np.unique(joined[moved])
  rows = int(np.isin(joined[corpus.block_row], whole).sum())
  note = (
    f"{len(moved) + len(whole)} blocks share a query or a passage with another"
    f" and became {len(whole)}; {rows} rows stand in them"
    f"{_example(corpus, identities, moved)}"
  )
  return dataclasses.replace(
    corpus, block_row=joined[corpus.block_row], notes=(*corpus.notes, note)
  )


def _example(corpus, identities, moved):
  """Two rows of different blocks that share a text, one in a moved block."""
  for side, of_row, text_row in (
    ("passage", identities.passage_of_row, corpus.passage_row),
    ("query", identities.query_of_row, corpus.query_row),
  ):
    blocks_of: dict[int, int] = {}
    touched = np.isin(of_row, of_row[np.isin(corpus.block_row, moved)])
    for row in np.flatnonzero(touched & (of_row >= 0)).tolist():
      other = blocks_of.setdefault(int(of_row[row]), row)
      if corpus.block_row[row] != corpus.block_row[other]:
        text = corpus.texts[text_row[row]][:_SHOWN]
        return (
          f", for instance {corpus.ids[other]!r} and {corpus.ids[row]!r} with"
          f" the {side} {text!r}"
        )
  return ""


def _row_of_negative(corpus):
  counts = corpus.negative_counts
  return np.repeat(np.arange(len(counts), dtype=np.int64), counts)


def _without_negatives(corpus, out, why):
  """The corpus without the marked hard negatives, which are counted."""
  if not out.any():
    return corpus
  counts = np.bincount(_row_of_negative(corpus)[~out], minlength=len(corpus))
  return dataclasses.replace(
    corpus,
    negative_offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
    negative_values=corpus.negative_values[~out],
    skipped={
      **corpus.skipped,
      why: corpus.skipped.get(why, 0) + int(out.sum()),
    },
  )
