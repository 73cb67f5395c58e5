"""A layer's memory grows with a row's length, with and without a window."""

import pytest

from benchmarks import layer_memory

SMALL = {"hidden_size": 64, "num_heads": 2, "mlp_size": 96}


@pytest.mark.parametrize("window", [True, False])
def test_eight_times_the_tokens_take_eight_times_the_memory(window):
  short, long = (
    layer_memory.temporaries(length, window=window, **SMALL)
    for length in (1024, 8192)
  )
  assert long < 9 * short
  assert long < 8192 * 8192 * 4  # One head's scores alone.
