"""Chooses the few shapes that batches are packed in, for the least work.

Shape letters: B sampled batches, C candidate shapes, T tiers.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from hybridret_jax.data import packing

Shape = tuple[int, ...]  # Rows of each tier.

_LONGER = 16  # Numbers of longer rows that are tried.
_SHORTEST = 40  # Numbers of the shortest rows that are tried beside each.
_NEVER = 2**40  # Rows, where no number of them is enough.
_MARGIN = 10  # One shape has a row more for each 10 that the sample needs.


def choose(
  lengths: Sequence[Sequence[np.ndarray]],
  *,
  row_lengths: Sequence[int],
  multiple: int,
  number: int,
) -> list[tuple[Shape, ...]]:
  """Shapes such that the first that fits a batch costs least on average.

  Computed in whole numbers, so that every host chooses the same.

  Args:
    lengths: tokens of each text of each pack of each sampled batch.
    row_lengths: tokens in a row of each tier, ascending.
    multiple: every count is a multiple of it.
    number: how many shapes at most.

  Returns:
    A shape for each pack, `number` times at most and once more, by slots
    ascending: the last is what all of the sample fits, with a margin.
  """
  packs = []
  for pack in zip(*lengths, strict=True):
    sizes = [packing.sizes(x) for x in pack]
    shapes, fits_BC = _candidates(sizes, row_lengths, multiple)
    cost_C = np.array([_cost(shape, row_lengths) for shape in shapes])
    packs.append((shapes, cost_C, fits_BC))
  found = _together(packs, number)
  more = [
    tuple(_round_up(n - (-n // _MARGIN), multiple) for n in shape)
    for shape in found[0]  # The one that everything fits.
  ]
  return sorted(
    {*found, tuple(more)},
    key=lambda shapes: (slots(shapes, row_lengths), shapes),
  )


def slots(shapes: Sequence[Shape], row_lengths: Sequence[int]) -> int:
  """Tokens that the rows of all packs hold."""
  return sum(
    count * length
    for shape in shapes
    for count, length in zip(shape, row_lengths, strict=True)
  )


def any_batch(
  texts: Sequence[tuple[int, int]], row_lengths: Sequence[int], multiple: int
) -> Shape:
  """A shape that holds any batch, as each text could have a row to itself.

  Args:
    texts: (number, most tokens of one) of each kind of text in a batch.
    row_lengths: tokens in a row of each tier, ascending.
    multiple: every count is a multiple of it.
  """
  counts = [0] * len(row_lengths)
  for number, longest in texts:
    counts[int(np.searchsorted(row_lengths, longest))] += number
  return tuple(_round_up(count, multiple) for count in counts)


def _candidates(sizes, row_lengths, multiple):
  """Shapes of one pack, and bool [B, C]: which batches fit.

  Numbers of the longer rows are spread over what batches need; beside each the
  shortest rows are what a batch then still needs.
  """
  shapes, fits = [], []
  for longer in _longer(sizes, row_lengths, multiple):
    need_B = np.array(
      [_shortest(x, longer, row_lengths, multiple) for x in sizes]
    )
    needs = np.unique(need_B[need_B < _NEVER])
    for need in _spread(needs, _SHORTEST).tolist():
      if need or any(longer):
        shapes.append((need, *longer))
        fits.append(need_B <= need)
  # The last are the most longer rows, which all of the sample fits.
  shapes.append((int(needs.max(initial=0)) or multiple, *longer))
  fits.append(np.ones(len(sizes), bool))
  return shapes, np.array(fits).T


def _longer(sizes, row_lengths, multiple):
  """Numbers of the rows of all tiers but the shortest, most rows last."""
  need_BT = np.array([_own_rows(batch, row_lengths) for batch in sizes])[:, 1:]
  least, most = need_BT.min(0), need_BT.max(0)
  most = np.where(most, most + multiple, 0)
  steps = [least - (least - most) * i // (_LONGER - 1) for i in range(_LONGER)]
  rows = [tuple(_round_up(n, multiple) for n in x.tolist()) for x in steps]
  return list(dict.fromkeys(rows))


def _spread(values, number):
  """At most `number` of the values, evenly, with the first and the last."""
  number = min(len(values), number)
  return values[np.arange(number) * (len(values) - 1) // max(number - 1, 1)]


def _own_rows(sizes, row_lengths):
  """Rows of each tier that its own texts take, shorter ones left out."""
  rows, shorter = [], 0
  for length in row_lengths:
    own = [(n, count) for n, count in sizes if shorter < n <= length]
    rows.append(_rows(own, length))
    shorter = length
  return rows


def _shortest(sizes, longer, row_lengths, multiple):
  """Shortest rows that a batch needs beside the longer ones."""
  for tier in reversed(range(1, len(row_lengths))):
    _, sizes = packing.best_fit(sizes, row_lengths[tier], longer[tier - 1])
    if sizes and sizes[0][0] > row_lengths[tier - 1]:
      return _NEVER
  return _round_up(_rows(sizes, row_lengths[0]), multiple)


def _rows(sizes, length):
  texts = sum(count for _, count in sizes)
  runs, _ = packing.best_fit(sizes, length, texts)
  return max((first + number for first, number, _ in runs), default=0)


def _cost(shape, row_lengths):
  return sum(
    count * packing.row_cost(length)
    for count, length in zip(shape, row_lengths, strict=True)
  )


def _together(packs, number):
  """A shape for each pack, `number` times; the first is what everything fits.

  All packs of a batch take the same place in the list, so that a place is one
  program: what is best for each pack is combined, and of that the best chosen.
  """
  best = [_fewest(cost_C, fits_BC, number) for _, cost_C, fits_BC in packs]
  joint = list(itertools.product(*best))
  cost_C = np.zeros(len(joint))
  fits_BC = np.ones((len(packs[0][2]), len(joint)), bool)
  for pack, (_, cost, fits) in enumerate(packs):
    mine = [chosen[pack] for chosen in joint]
    cost_C += cost[mine]
    fits_BC &= fits[:, mine]
  return [
    tuple(shapes[c] for (shapes, _, _), c in zip(packs, joint[j], strict=True))
    for j in _fewest(cost_C, fits_BC, number)
  ]


def _fewest(cost_C, fits_BC, number):
  """Indices of candidates whose cheapest fit costs least over the sample.

  The first is the cheapest that everything fits. The others are chosen greedily
  and then exchanged one by one while that helps (the k-median problem).
  """
  cost_BC = np.where(fits_BC, cost_C, np.inf)
  chosen = [int(np.argmin(np.where(fits_BC.all(axis=0), cost_C, np.inf)))]

  def best_beside(others):
    least_B = cost_BC[:, others].min(axis=1)
    total_C = np.minimum(least_B[:, None], cost_BC).sum(axis=0)
    return int(np.argmin(total_C)), total_C.min()

  while len(chosen) < number:
    chosen.append(best_beside(chosen)[0])
  before, total = np.inf, cost_BC[:, chosen].min(axis=1).sum()
  while total < before:
    before = total
    for i in range(1, number):
      chosen[i], total = best_beside(chosen[:i] + chosen[i + 1 :])
  return chosen


def _round_up(value, multiple):
  return -(-value // multiple) * multiple
