"""What a corpus holds: rows by source and language, and pairs of languages."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hybridret_jax.data import feasibility, mixture, pair_index, sources


def by_source(
  corpus: sources.Corpus, held: sources.Corpus
) -> list[dict[str, Any]]:
  """What each source gives, and what of it is held out.

  Args:
    corpus: the rows to train on.
    held: the rows that are held out, of the same sources.

  Returns:
    `source`, `rows`, `groups`, `blocks`, `queries`, `translations` (rows whose
    query is their passage), `negatives`, `held_out` (rows); and `languages`,
    of each that it has `rows`, `queries`, `negatives`, `held_out`.
  """
  found = []
  for number, source in enumerate(corpus.sources):
    of, out = corpus.source_row == number, held.source_row == number
    languages = {}
    for place, tag in enumerate(corpus.languages):
      mask = of & (corpus.language_row == place)
      held_out = int((out & (held.language_row == place)).sum())
      if mask.any() or held_out:
        languages[tag] = _counts(corpus, mask) | {"held_out": held_out}
    is_translation = corpus.query_row == corpus.passage_row
    found.append(
      {
        "source": source,
        **_counts(corpus, of),
        "groups": len(np.unique(corpus.group_row[of])),
        "blocks": len(np.unique(corpus.block_row[of])),
        "translations": int((of & is_translation).sum()),
        "held_out": int(out.sum()),
        "languages": languages,
      }
    )
  return found


def _counts(corpus, mask) -> dict[str, int]:
  return {
    "rows": int(mask.sum()),
    "queries": int((mask & (corpus.query_row >= 0)).sum()),
    "negatives": int(corpus.negative_counts[mask].sum()),
  }


def pairs(
  corpus: sources.Corpus, *, source_weights: Sequence[float], negatives: int
) -> dict[str, int]:
  """How many pairs there are of each direction, "de" or "de:en".

  Whatever the strategy draws; of sources with a weight above 0 and rows with
  as many hard negatives as batches take.
  """
  weights = np.array(
    tuple(source_weights) or [1.0] * len(corpus.sources), np.float64
  )
  index = pair_index.build(corpus, source_weights=weights, negatives=negatives)
  pools = [
    pair_index.monolingual(index, len(weights)),
    pair_index.cross_lingual(index, len(weights)),
  ]
  sizes = feasibility.sizes(corpus, pools)
  return {
    mixture.direction(*ends): size for ends, size in sizes.items() if size
  }
