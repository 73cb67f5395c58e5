"""Says what keeps a composer from filling its batches, and how to mend it."""

from collections.abc import Mapping, Sequence

import numpy as np

from hybridret_jax.data import draws, mixture, pair_index, sources


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


def sizes(
  corpus: sources.Corpus, pools: Sequence[pair_index.Pools]
) -> dict[tuple[str, str], int]:
  """How many pairs there are of each (query language, passage language)."""
  codes = corpus.languages
  return {
    (codes[query], codes[passage]): size
    for one in pools
    for query, passage, size in zip(
      one.query_language_P.tolist(),
      one.passage_language_P.tolist(),
      one.size_PS.sum(1).tolist(),
      strict=True,
    )
  }


def empty_directions(
  corpus: sources.Corpus,
  pools: Sequence[pair_index.Pools],
  weights: Mapping[tuple[str, str], float],
) -> list[str]:
  """Weights above 0 of directions of which the sources have no pair.

  Args:
    corpus: what batches are composed of.
    pools: of every kind that the strategy has.
    weights: `mixture.named`.
  """
  size_of = sizes(corpus, pools)
  return [
    f"batches.direction_weights has {mixture.direction(*pair)}={weight:g}, but"
    " the sources have no such pair; leave it out, or add a source that has"
    for pair, weight in weights.items()
    if weight and size_of.get(pair) == 0
  ]


def foreign_directions(
  corpus: sources.Corpus,
  pools: Sequence[pair_index.Pools],
  weights: Mapping[tuple[str, str], float],
) -> list[str]:
  """Weights of directions that no kind of batch of the strategy holds.

  No fault: runs of several strategies may share their weights.
  """
  size_of = sizes(corpus, pools)
  return [
    f"batches.direction_weights has {mixture.direction(*pair)}={weight:g},"
    " which is of a kind of pair that batches.strategy does not draw"
    for pair, weight in weights.items()
    if pair not in size_of
  ]


def unserved_sources(
  corpus: sources.Corpus,
  pools: Sequence[pair_index.Pools],
  source_weights: np.ndarray,
) -> list[str]:
  """Sources with a weight above 0 of which no batch can hold a pair."""
  size_S = np.sum([one.size_PS.sum(0) for one in pools], axis=0)
  return [
    f"source {name} gives no pair to any batch"
    for name, size, weight in zip(
      corpus.sources, size_S, source_weights, strict=True
    )
    if weight > 0 and not size
  ]


def run_out(
  corpus: sources.Corpus, draw: draws.Draw, *, kind: str, batch_size: int
) -> list[str]:
  """Shares of a batch of many directions that are more than there is.

  A block stands in a batch once, so a direction or a source is drawn at most as
  often as it has blocks; the rest of its share goes to others.
  """
  codes, pools, block_I = corpus.languages, draw.pools, draw.index.block_I
  kind = kind.replace("_", "-")
  asked = [
    (mixture.direction(codes[query], codes[passage]), weight, count)
    for query, passage, weight, count in zip(
      pools.query_language_P.tolist(),
      pools.passage_language_P.tolist(),
      draw.weight_P.tolist(),
      pair_index.distinct_blocks(draw.index, pools).tolist(),
      strict=True,
    )
  ]
  items = np.unique(pools.items)
  source_I = draw.index.source_I[items]
  share_S = (draw.weight_P @ draw.weight_PS).tolist()
  for s, (name, share) in enumerate(zip(corpus.sources, share_S, strict=True)):
    count = len(np.unique(block_I[items[source_I == s]]))
    asked.append((f"source {name}", share, count))
  return [
    f"{name} is to have {share:.1%} of a {kind} batch, {share * batch_size:.1f}"
    f" pairs, and has {count} distinct blocks: it will get fewer, others more"
    for name, share, count in asked
    if share * batch_size > count
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
