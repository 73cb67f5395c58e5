"""Which blocks are held out of training, and which of them form the task."""

import hashlib

import numpy as np

from hybridret_jax.data import sources


def held_out(corpus: sources.Corpus, *, share: float, seed: int) -> np.ndarray:
  """Rows of held-out blocks, bool [rows].

  A block is held out when the hash of its name and `seed`, read as a number
  between 0 and 1, is below `share`. So it does not depend on the languages,
  the other sources or the strategy, and a larger share holds out the same
  blocks and more. All groups of a block are on one side.

  Raises:
    ValueError: `share` is not between 0 and 1.
  """
  if not 0 <= share <= 1:
    raise ValueError(f"share is {share}; use 0 to 1")
  limit = int(share * 2**64)
  present = np.unique(corpus.block_row)
  is_held = np.zeros(len(corpus.blocks), bool)
  is_held[present] = [
    _hash(f"{seed}:{corpus.blocks[block]}") < limit
    for block in present.tolist()
  ]
  return is_held[corpus.block_row]


def evaluation_rows(
  corpus: sources.Corpus,
  held_rows: np.ndarray | None = None,
  *,
  max_blocks: int = 400,
) -> np.ndarray:
  """Rows of the held-out retrieval task, sorted, int64.

  The rule, over the rows of `held_rows` (a mask or indices; all by default):
  1. A group with a translation row (its query is its passage) or without any
     query is left out.
  2. Of each block the group with the lowest hash of its name is kept, so no
     two groups of the task share text.
  3. Groups in two languages or more: the `max_blocks` with the lowest hashes.
     Groups in one language: the `max_blocks` // 4 with the lowest hashes, in
     each language. So the task has both parallel and native text, and the
     choice is stable when data is added.

  Raises:
    ValueError: `max_blocks` is below 1.
  """
  if max_blocks < 1:
    raise ValueError(f"max_blocks is {max_blocks}; use 1 or more")
  rows = np.arange(len(corpus))
  rows = rows if held_rows is None else rows[held_rows]
  group = corpus.group_row[rows]
  count = len(corpus.groups)
  is_bitext = corpus.query_row[rows] == corpus.passage_row[rows]
  has_query = corpus.query_row[rows] >= 0
  fits = np.bincount(group, has_query, count) > 0
  fits &= np.bincount(group, is_bitext, count) == 0
  block_of = np.zeros(count, np.int64)
  block_of[group] = corpus.block_row[rows]
  first, last = np.full(count, len(corpus.languages)), np.full(count, -1)
  np.minimum.at(first, group, corpus.language_row[rows])
  np.maximum.at(last, group, corpus.language_row[rows])

  order = sorted(
    np.flatnonzero(fits).tolist(),
    key=lambda g: (_hash(f"evaluation:{corpus.groups[g]}"), corpus.groups[g]),
  )
  native = max_blocks // 4
  room = {
    None: max_blocks,
    **dict.fromkeys(range(len(corpus.languages)), native),
  }
  seen, kept = set(), []
  for g in order:
    if block_of[g] in seen:
      continue
    seen.add(block_of[g])
    kind = None if first[g] < last[g] else int(first[g])
    if room[kind]:
      room[kind] -= 1
      kept.append(g)
  return rows[np.isin(group, kept)]


def _hash(name):
  digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
  return int.from_bytes(digest, "little")
