"""Which batches are compiled to find the largest that fits."""

import pytest

from hybridret_jax.preflight import compiled as compiling
from hybridret_jax.preflight import largest
from tests.preflight import compiled_test

TEXTS = compiling.Texts(query=18, passage=44)
CAPACITY = 16_000


def look(needed, *, own=64, slices=4):
  """What is found where batches take `needed(size)` bytes; what was tried."""
  tried = []

  def fits(size):
    tried.append(size)
    return needed(size) <= CAPACITY

  config = compiled_test.settings(**{"batches.batch_size": own})
  found = largest.batch(
    config, TEXTS, slices, fits, lambda size: CAPACITY - needed(size)
  )
  assert len(set(tried)) == len(tried)
  return found, tried


@pytest.mark.parametrize("own", [4, 64, 96, 4096, 100_000])
@pytest.mark.parametrize("pair", [0.3, 3, 11, 40, 900])
def test_none_that_is_larger_fits(own, pair):
  def needed(size):
    return 2000 + pair * size

  found, tried = look(needed, own=own)
  sizes = largest._sizes(-(-own // 4) * 4, 4)
  assert found == max(size for size in sizes if needed(size) <= CAPACITY)
  above = min(size for size in sizes if size > found)
  assert above in tried  # Compiled, not believed.
  # Its own, one more to know what a pair takes, and two where they are told.
  if needed(2 * own) <= CAPACITY:
    assert len(tried) <= 4


@pytest.mark.parametrize(
  "needed",
  [
    lambda size: 2000 + 0.02 * size**1.5,
    lambda size: 2000 if size < 1000 else 20_000,
    lambda size: 15_000 - 1 / size,
    lambda size: 15_990 + (size > 700) * size,
  ],
)
def test_memory_that_grows_otherwise_is_searched_too(needed):
  found, tried = look(needed)
  sizes = largest._sizes(64, 4)
  assert found == max(size for size in sizes if needed(size) <= CAPACITY)
  assert len(tried) <= 20


def test_where_none_fits_the_least_was_tried():
  found, tried = look(lambda size: CAPACITY + size)
  assert found is None
  assert min(tried) == 4


def test_sizes_are_multiples_of_the_slices_in_eighths():
  assert largest._sizes(16, 8)[:6] == [8, 16, 24, 32, 40, 48]
  assert largest._sizes(16, 1)[:18] == [*range(1, 17), 18, 20]
  assert 100 in largest._sizes(100, 4)


def test_given_rows_are_no_batch_to_look_for():
  config = compiled_test.settings(**{"packing.row_counts": ((8,),)})
  with pytest.raises(ValueError, match="fixes the rows"):
    largest.batch(config, TEXTS, 1, lambda size: True, lambda size: None)
