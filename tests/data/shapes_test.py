"""Shapes: few, in order, and little padding for batches like the sample."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hybridret_jax.data import packing, shapes

TIERS = (8, 32)


def sample(seed, count=60, pairs=24):
  """Batches of one pack; every third one has longer texts."""
  rng = np.random.default_rng(seed)
  return [
    [
      np.concatenate(
        [
          rng.integers(2, 8, pairs),
          np.minimum(rng.geometric(0.1, pairs) + 3 + 4 * (i % 3), 32),
        ]
      )
    ]
    for i in range(count)
  ]


def taken(batch, chosen, tiers=TIERS):
  """The first of the shapes at which all packs of a batch fit."""
  return next(
    place
    for place, joint in enumerate(chosen)
    if all(
      packing.place(lengths, tiers, shape) is not None
      for lengths, shape in zip(batch, joint, strict=True)
    )
  )


def padding(batches, chosen, tiers=TIERS):
  slots = sum(
    shapes.slots(chosen[taken(b, chosen, tiers)], tiers) for b in batches
  )
  return 1 - sum(x.sum() for batch in batches for x in batch) / slots


def test_shapes_fit_the_sample_and_batches_like_it():
  batches = sample(0)
  chosen = shapes.choose(batches, row_lengths=TIERS, multiple=1, number=5)
  assert len(chosen) == len(set(chosen)) == 6
  slots = [shapes.slots(joint, TIERS) for joint in chosen]
  assert slots == sorted(slots)
  # A margin for batches not seen.
  (before,), (last,) = chosen[-2:]
  assert all(n >= 1.1 * m for m, n in zip(before, last, strict=True))
  assert max(taken(batch, chosen) for batch in batches) == 4
  assert padding(batches, chosen) < 0.08
  assert padding(sample(1), chosen) < 0.09


def test_more_shapes_pad_less():
  batches = sample(2)
  shares = [
    padding(
      batches,
      shapes.choose(batches, row_lengths=TIERS, multiple=1, number=number),
    )
    for number in (1, 2, 4, 8)
  ]
  assert shares == sorted(shares, reverse=True)
  assert shares[0] > 1.5 * shares[-1]


def test_no_other_choice_of_three_costs_less():
  """Everything fits one of them, so all choices of two can be tried."""
  needs = range(1, 21)
  chosen = shapes.choose(
    [[np.full(rows, 32)] for rows in needs],
    row_lengths=(32,),
    multiple=1,
    number=3,
  )
  *two, whole = [rows for ((rows,),) in chosen[:3]]

  def rows_of(counts):
    return sum(min(n for n in (*counts, whole) if n >= rows) for rows in needs)

  assert whole == 20
  assert rows_of(two) == min(
    rows_of(others) for others in itertools.combinations(range(1, 20), 2)
  )


def test_one_place_in_the_list_is_one_program_for_two_packs():
  batches = [
    [one, two[:12]] for (one,), (two,) in zip(sample(4), sample(5), strict=True)
  ]
  chosen = shapes.choose(batches, row_lengths=TIERS, multiple=1, number=6)
  assert len(chosen) <= 7
  assert all(len(joint) == 2 for joint in chosen)
  assert len({taken(batch, chosen) for batch in batches}) > 2
  assert padding(batches, chosen) < 0.12


def test_a_tier_that_no_text_needs_has_no_rows():
  batches = [[np.full(9, 4)], [np.full(7, 3)]]
  chosen = shapes.choose(batches, row_lengths=TIERS, multiple=1, number=3)
  assert all(shape[1] == 0 < shape[0] for (shape,) in chosen)


KINDS = st.lists(
  st.tuples(st.integers(1, 12), st.integers(1, 32)), min_size=1, max_size=3
)


@given(KINDS, st.integers(1, 4), st.data())
def test_any_batch_fits_the_last_shape(kinds, multiple, data):
  tiers = (8, 20, 32)
  shape = shapes.any_batch(kinds, tiers, multiple)
  assert all(n % multiple == 0 for n in shape)
  lengths = [
    data.draw(
      st.lists(st.sampled_from((most, most // 2, 0)), min_size=n, max_size=n)
    )
    for n, most in kinds
  ]
  lengths = np.array(list(itertools.chain(*lengths)))
  assert packing.place(lengths, tiers, shape) is not None
