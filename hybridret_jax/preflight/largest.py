"""The largest chunk or batch that fits, by compiling some of them."""

import bisect as bisect_lib
from collections.abc import Callable, Sequence

import ml_collections

from hybridret_jax.preflight import compiled as compiling

LEAST_CHUNK = 1024  # Tokens.
MOST_PAIRS = 2**20
_PARTS = 8  # Of the way from one power of two to the next.


def chunk(
  config: ml_collections.ConfigDict,
  texts: compiling.Texts,
  slices: int,
  fits: Callable[[int], bool],
  free: Callable[[int], int | None],
) -> int | None:
  """The largest `train.chunk_tokens` that fits; None if none does.

  Powers of two from `LEAST_CHUNK`, and 0, all at once, which is the largest.

  Args:
    config: the whole config.
    texts: what is assumed of them.
    slices: that the rows are split over.
    fits: whether a value fits; a smaller one then does too.
    free: not asked: there are a few powers only.
  """
  del free
  rows = compiling.rows(config, texts, slices=slices)
  packs = [[tier[0].shape for tier in tiers] for tiers in rows.values()]
  whole = max(sum(r * length for r, length in pack) // slices for pack in packs)
  # A chunk holds a row of each length.
  least = max(LEAST_CHUNK, *(sum(length for _, length in p) for p in packs))
  powers = (2**n for n in range(whole.bit_length() + 1))
  return bisect([n for n in powers if least <= n < whole] + [0], fits)


def batch(
  config: ml_collections.ConfigDict,
  texts: compiling.Texts,
  slices: int,
  fits: Callable[[int], bool],
  free: Callable[[int], int | None],
) -> int | None:
  """The largest `batches.batch_size` that fits; None if none does.

  Among the config's own, its doubles and halves, and eighths of the way from
  one to the next, a multiple of the slices each. By doubling or halving at
  first; once two have been compiled, where memory that grows with the batch as
  between them would run out.

  Args:
    config: see `chunk`.
    texts: see `chunk`.
    slices: see `chunk`.
    fits: see `chunk`.
    free: bytes that a size which fits left over; None where they are not known.

  Raises:
    ValueError: the rows are given, whatever the batch.
  """
  del texts
  if config.packing.row_counts:
    raise ValueError(
      f"packing.row_counts {config.packing.row_counts} fixes the rows; set it"
      " to () to look for the largest batch"
    )
  sizes = _sizes(-(-config.batches.batch_size // slices) * slices, slices)
  left: dict[int, int] = {}  # Of those that fit.
  low, high = -1, len(sizes)
  number = sizes.index(-(-config.batches.batch_size // slices) * slices)
  while high - low > 1:
    if fits(sizes[number]):
      low = number
      if (over := free(sizes[number])) is not None:
        left[sizes[number]] = over
    else:
      high = number
    number = _next(sizes, low, high, left)
  return sizes[low] if low >= 0 else None


def _sizes(own: int, slices: int) -> list[int]:
  """What is chosen among, in order; `own` is one of them."""
  start = own
  while start > slices and start % 2 == 0 and start // 2 % slices == 0:
    start //= 2
  found = set(range(slices, start + 1, slices))
  while start < MOST_PAIRS:
    steps = (start + start * part // _PARTS for part in range(_PARTS + 1))
    found |= {step // slices * slices for step in steps}
    start *= 2
  return sorted(found)


def _next(sizes: list[int], low: int, high: int, left: dict[int, int]) -> int:
  """Which is compiled next, between the last that fits and the first not."""
  if high - low <= 2:
    return low + 1
  if low < 0:  # None fits so far.
    wanted = sizes[high] / 2
  elif len(left) < 2 or (slope := _slope(left)) <= 0:
    wanted = 2 * sizes[low]
    if high < len(sizes):
      wanted = (sizes[low] + sizes[high]) / 2
  else:
    wanted = sizes[low] + left[sizes[low]] / slope
  number = max(bisect_lib.bisect_right(sizes, wanted) - 1, low + 1)
  if number < high:
    return number
  # What was foretold did not fit: a little less may, or it was far off.
  return high - 1 if number == high else (low + high) // 2


def _slope(left: dict[int, int]) -> float:
  """Bytes that a pair more takes, by the two largest that fit."""
  (small, before), (large, after) = sorted(left.items())[-2:]
  return (before - after) / (large - small)


def bisect(
  candidates: Sequence[int], good: Callable[[int], bool]
) -> int | None:
  """The last candidate that is good; None if the first is not.

  Args:
    candidates: the good ones come first.
    good: asked about log2 of them.
  """
  low, high = -1, len(candidates)
  while high - low > 1:
    middle = (low + high) // 2
    if good(candidates[middle]):
      low = middle
    else:
      high = middle
  return candidates[low] if low >= 0 else None
