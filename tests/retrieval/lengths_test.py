"""What is not of length one is counted and named."""

import numpy as np
import pytest

from hybridret_jax.retrieval import lengths


def test_the_first_of_another_length_is_named():
  vectors = np.array([[0.6, 0.8], [0, 0], [3, 4], [1, 0]], np.float32)
  assert lengths.zero(vectors) == 1
  assert lengths.other(vectors) == (2, 1, 0.0)
  assert lengths.other(vectors[2:]) == (1, 0, 5.0)
  assert lengths.other(vectors[[0, 3]]) == (0, -1, 1.0)


def test_rounding_is_no_other_length_and_nan_is():
  near = np.array([[1.0005, 0]], np.float32)
  assert lengths.other(near)[0] == 0
  number, first, length = lengths.other(near * np.nan)
  assert (number, first) == (1, 0)
  assert length == pytest.approx(np.nan, nan_ok=True)
