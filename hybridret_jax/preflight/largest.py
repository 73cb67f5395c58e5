"""The largest chunk or batch that fits, by compiling some of them."""

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
) -> int | None:
  """The largest `train.chunk_tokens` that fits; None if none does.

  Powers of two from `LEAST_CHUNK`, and 0, all at once, which is the largest.

  Args:
    config: the whole config.
    texts: what is assumed of them.
    slices: that the rows are split over.
    fits: whether a value fits; a smaller one then does too.
  """
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
) -> int | None:
  """The largest `batches.batch_size` that fits; None if none does.

  From the config's own by doubling or halving, then by eighths of the way to
  the next double, a multiple of the slices each.

  Args:
    config: see `chunk`.
    texts: see `chunk`.
    slices: see `chunk`.
    fits: see `chunk`.

  Raises:
    ValueError: the rows are given, whatever the batch.
  """
  del texts
  if config.packing.row_counts:
    raise ValueError(
      f"packing.row_counts {config.packing.row_counts} fixes the rows; set it"
      " to () to look for the largest batch"
    )
  size = -(-config.batches.batch_size // slices) * slices
  if fits(size):
    while size < MOST_PAIRS and fits(2 * size):
      size *= 2
  else:
    while size > slices:
      size = size // 2 // slices * slices
      if fits(size):
        break
    else:
      return None
  steps = (size + size * part // _PARTS for part in range(1, _PARTS))
  between = {step // slices * slices for step in steps} - {size}
  return bisect(sorted(between), fits) or size


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
