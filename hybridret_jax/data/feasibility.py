"""Says what keeps a composer from filling its batches, and how to mend it."""

from collections.abc import Sequence

import numpy as np

from hybridret_jax.data import pair_index, sources


def settings(
  *, choices: dict[str, tuple[str, Sequence[str]]], numbers: dict[str, tuple]
) -> list[str]:
  """Problems of single settings.

  Args:
    choices: name to (value, allowed values).
    numbers: name to (value, least, most).
  """
  found = [
    f"{name} is {value!r}; choose from {', '.join(allowed)}"
    for name, (value, allowed) in choices.items()
    if value not in allowed
  ]
  for name, (value, least, most) in numbers.items():
    if not least <= value <= most:
      span = f"{least} or more" if most == np.inf else f"{least} to {most}"
      found.append(f"{name} is {value}; use {span}")
  return found


def weights(
  corpus: sources.Corpus, source_weights: Sequence[float]
) -> list[str]:
  """Problems of the source weights."""
  if len(source_weights) not in (0, len(corpus.sources)):
    return [
      f"source_weights has {len(source_weights)} numbers for the "
      f"{len(corpus.sources)} sources {', '.join(corpus.sources)}; give one "
      "each, or none"
    ]
  if any(not 0 <= weight < np.inf for weight in source_weights):
    return [f"source_weights is {tuple(source_weights)}; use 0 or more"]
  if len(source_weights) and not any(source_weights):
    return ["source_weights are all 0; give a source some weight"]
  return []


def languages(corpus: sources.Corpus) -> list[str]:
  """Asked languages that have no row."""
  present = np.bincount(corpus.language_row, minlength=len(corpus.languages))
  if not corpus.languages:
    return ["the sources have no rows; name others"]
  return [
    f"language {language} has no row in the sources; leave it out of "
    "languages, or add a source that has it"
    for language, count in zip(corpus.languages, present, strict=True)
    if not count
  ]


def hard_negatives(
  corpus: sources.Corpus, source_weights: np.ndarray, negatives: int
) -> list[str]:
  """Sources in use none of whose rows has enough hard negatives."""
  enough = corpus.negative_counts >= negatives
  rows, able = (
    np.bincount(corpus.source_row[mask], minlength=len(corpus.sources))
    for mask in (np.ones(len(corpus), bool), enough)
  )
  return [
    f"source {name} has no row with {negatives} hard negatives; use "
    "negatives=0, or give its rows some, or give it the source weight 0"
    for s, name in enumerate(corpus.sources)
    if rows[s] and not able[s] and source_weights[s] > 0
  ]


def parallel_queries(
  corpus: sources.Corpus, index: pair_index.PairIndex
) -> list[str]:
  """No group to draw a second query from."""
  if index.asks_IL.sum(1).max(initial=0) > 1:
    return []
  return [
    "no group has queries in two of the languages"
    f" {', '.join(corpus.languages)}; use parallel_share=0, or add a source"
    " whose queries are translated"
  ]


def one_language(
  corpus: sources.Corpus,
  index: pair_index.PairIndex,
  pools: pair_index.Pools,
  batch_size: int,
) -> list[str]:
  """Languages that cannot fill a monolingual batch."""
  found = []
  blocks = pair_index.distinct_blocks(index, pools)
  for language, count in zip(corpus.languages, blocks.tolist(), strict=True):
    if count == 0:
      found.append(_no_pair(language, "monolingual"))
    elif count < batch_size:
      found.append(
        f"language {language} has {count} distinct blocks, a monolingual batch "
        f"needs {batch_size}; leave it out of languages, or use batch_size "
        f"{count} or less"
      )
  return found


def one_pair(
  corpus: sources.Corpus,
  index: pair_index.PairIndex,
  pools: pair_index.Pools,
  batch_size: int,
) -> list[str]:
  """Ordered pairs with data that cannot fill a batch of their own."""
  found = []
  blocks = pair_index.distinct_blocks(index, pools).tolist()
  for p, count in enumerate(blocks):
    if 0 < count < batch_size:
      query = corpus.languages[pools.query_language_P[p]]
      passage = corpus.languages[pools.passage_language_P[p]]
      found.append(
        f"pair {query}-{passage} has {count} distinct blocks, a batch of one "
        f"pair needs {batch_size}; leave {query} or {passage} out of languages,"
        f" or draw pairs per row, or use batch_size {count} or less"
      )
  return found


def any_language(
  corpus: sources.Corpus,
  index: pair_index.PairIndex,
  pools: pair_index.Pools,
  *,
  kind: str,
  batch_size: int,
  views_I: np.ndarray,
) -> list[str]:
  """A batch of all directions together that cannot be filled."""
  most = pair_index.most_rows(index, pools, views_I)
  if most >= batch_size:
    return []
  return [
    f"{', '.join(corpus.languages)} together fill {most} rows of distinct "
    f"blocks, a {kind.replace('_', '-')} batch needs {batch_size}; add a "
    f"source, or use batch_size {most} or less"
  ]


def without_pairs(
  corpus: sources.Corpus, pools: pair_index.Pools, kind: str
) -> list[str]:
  """Languages that no pair of this kind has."""
  size_P = pools.size_PS.sum(1)
  size_L = np.zeros(len(corpus.languages), np.int64)
  np.add.at(size_L, pools.query_language_P, size_P)
  np.add.at(size_L, pools.passage_language_P, size_P)
  return [
    _no_pair(language, kind)
    for language, size in zip(corpus.languages, size_L, strict=True)
    if not size
  ]


def _no_pair(language, kind):
  kind = "cross-lingual" if kind == "cross_lingual" else "monolingual"
  return (
    f"language {language} has no {kind} pair; leave it out of languages, or "
    "add a source that has some"
  )
