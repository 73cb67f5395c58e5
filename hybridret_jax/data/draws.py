"""Draws the items of a batch: directions, then sources, then groups.

Shape letters: N rows, P directions, S sources, I items, L languages.
"""

import dataclasses

import numpy as np

from hybridret_jax.data import pair_index

_ROUNDS = 8  # of drawing again, before what is left is enumerated


@dataclasses.dataclass(frozen=True)
class Draw:
  """Where one kind of batch draws from, and how likely each choice is."""

  index: pair_index.PairIndex
  pools: pair_index.Pools
  weight_P: np.ndarray  # of the directions; sums to 1
  weight_PS: np.ndarray  # of the sources of each; sums to 1, or 0 where empty
  cumulative_P: np.ndarray
  cumulative_PS: np.ndarray


def make(
  index: pair_index.PairIndex,
  pools: pair_index.Pools,
  *,
  source_weights: np.ndarray,
  size_exponent: float,
  language_weighting: str,
  language_exponent: float = 1.0,
  factor_P: np.ndarray | None = None,
) -> Draw:
  """The draw of a kind; at least one direction must have an item.

  The settings are those of `composer.Composer`; `factor_P` is what the weight
  of each direction is multiplied by.
  """
  size_PS = pools.size_PS
  # Of the largest, or a high power would overflow.
  share_PS = size_PS / np.maximum(size_PS.max(1, keepdims=True), 1)
  weight_PS = np.where(size_PS > 0, source_weights * share_PS**size_exponent, 0)
  total_P = weight_PS.sum(1, keepdims=True)
  weight_PS = weight_PS / np.where(total_P > 0, total_P, 1)
  size_P = size_PS.sum(1)
  weight_P = size_P if language_weighting == "size" else size_P > 0
  if language_weighting == "size" and language_exponent != 1:
    # Of the largest, or a high power would overflow.
    scaled_P = np.where(size_P > 0, size_P / size_P.max(), 1.0)
    weight_P = np.where(size_P > 0, scaled_P**language_exponent, 0.0)
  if factor_P is not None:
    weight_P = weight_P * factor_P
  weight_P = weight_P / weight_P.sum()
  return Draw(
    index=index,
    pools=pools,
    weight_P=weight_P,
    weight_PS=weight_PS,
    cumulative_P=_cumulative(weight_P[None])[0],
    cumulative_PS=_cumulative(weight_PS),
  )


def directions(rng: np.random.Generator, draw: Draw, count: int) -> np.ndarray:
  """`count` directions drawn by weight, int64 [count]."""
  return np.searchsorted(draw.cumulative_P, rng.random(count), side="right")


def items(
  rng: np.random.Generator,
  draw: Draw,
  direction_N: np.ndarray,
  *,
  taken: set[int],
  fixed: bool,
) -> tuple[np.ndarray, np.ndarray]:
  """Items of N rows in distinct blocks, and the directions they are of.

  None is of a block in `taken`, to which theirs are added. Directions stay as
  given; without `fixed` a row whose direction has no free block left gets
  another one.
  """
  pools, block_I = draw.pools, draw.index.block_I
  uniform = rng.random(len(direction_N))
  source_N = (uniform[:, None] >= draw.cumulative_PS[direction_N]).sum(1)
  item_N = np.zeros(len(direction_N), np.int32)
  pending = np.arange(len(direction_N))
  for _ in range(_ROUNDS):
    cell = direction_N[pending], source_N[pending]
    place = pools.start_PS[cell] + rng.integers(pools.size_PS[cell])
    item_N[pending] = drawn = pools.items[place]
    again = []
    for position, block in enumerate(block_I[drawn].tolist()):
      if block in taken:
        again.append(position)
      else:
        taken.add(block)
    pending = pending[again]
    if not again:
      return item_N, direction_N
  is_taken = np.zeros(block_I.max() + 1, bool)
  is_taken[list(taken)] = True
  direction_N = direction_N.copy()
  for n in pending.tolist():
    item_N[n], direction_N[n] = _enumerated(
      rng, draw, is_taken, direction_N[n], source_N[n], fixed=fixed
    )
    is_taken[block_I[item_N[n]]] = True
    taken.add(int(block_I[item_N[n]]))
  return item_N, direction_N


def views(
  rng: np.random.Generator,
  draw: Draw,
  *,
  batch_size: int,
  views_per_group: int,
  able_IL: np.ndarray,
) -> np.ndarray:
  """Items with query and passage languages, int32 [3, batch_size].

  Each item stands in up to `views_per_group` rows, one after the other; the
  first is drawn as ever, the others have other query languages (those that
  `able_IL` allows) and other passage languages.
  """
  index, pools, taken = draw.index, draw.pools, set()
  found = []
  while len(found) < batch_size:
    missing = batch_size - len(found)
    count = -(-missing // views_per_group)
    direction = directions(rng, draw, count)
    item_N, direction = items(rng, draw, direction, taken=taken, fixed=False)
    shuffled_NL = np.argsort(
      rng.random((count, index.row_IL.shape[1])), axis=1
    ).tolist()
    for item, p, shuffled in zip(
      item_N.tolist(), direction.tolist(), shuffled_NL, strict=True
    ):
      # The two languages of the direction, or its one, then the others.
      cycle = [pools.query_language_P[p], pools.passage_language_P[p]]
      step = int(cycle[0] != cycle[1])
      cycle = cycle[: 1 + step]
      present = index.row_IL[item] >= 0
      cycle += [x for x in shuffled if present[x] and x not in cycle]
      # Each query takes the passage of the next language of the cycle, or its
      # own in a mixed batch, so both sides are distinct.
      rows = [
        (item, x, cycle[(i + step) % len(cycle)])
        for i, x in enumerate(cycle)
        if able_IL[item, x]
      ]
      found += rows[:views_per_group]
  return np.array(found[:batch_size], np.int32).T


def _enumerated(rng, draw, is_taken, direction, source, *, fixed):
  """An item in a free block, of this source and direction if one is left."""
  index = draw.index
  order = [direction]
  if not fixed:
    others = np.flatnonzero(draw.weight_P)
    # The order of exponential times is a draw without replacement by weight
    # (Efraimidis and Spirakis 2006).
    times = rng.exponential(size=len(others)) / draw.weight_P[others]
    order += others[np.argsort(times)].tolist()
  for p in order:
    found = draw.pools.of(p)
    found = found[~is_taken[index.block_I[found]]]
    if not len(found):
      continue
    sources_left = np.unique(index.source_I[found])
    if p != direction or source not in sources_left:
      weight = draw.weight_PS[p, sources_left]
      source = rng.choice(sources_left, p=weight / weight.sum())
    return rng.choice(found[index.source_I[found] == source]), p
  # The checks at the start leave a free block for every row.
  raise AssertionError(f"no free block left for direction {direction}")


def _cumulative(weight_PS):
  """Running sums that end in exactly 1, so a draw below 1 finds a place."""
  sums = np.cumsum(weight_PS, axis=1)
  return np.minimum(sums / np.where(sums[:, -1:] > 0, sums[:, -1:], 1), 1)
