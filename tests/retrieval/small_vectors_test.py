"""Vectors that are cut or stored small, against what others make of them."""

import numpy as np
import pytest

from hybridret_jax.retrieval import small_vectors


def unit(seed=0, number=200, width=32):
  z_ND = np.random.default_rng(seed).normal(size=(number, width)) + 0.5
  return (z_ND / np.linalg.norm(z_ND, axis=1, keepdims=True)).astype(np.float32)


def test_a_cut_is_the_first_dimensions_at_length_one():
  z_ND = unit()
  cut_ND = small_vectors.cut(z_ND, 8)
  np.testing.assert_allclose(np.linalg.norm(cut_ND, axis=1), 1, rtol=1e-5)
  ratio_N = cut_ND / z_ND[:, :8]
  np.testing.assert_allclose(ratio_N, ratio_N[:, :1].repeat(8, 1), rtol=1e-4)
  for dims in (0, 32, 100):
    with pytest.raises(ValueError, match=f"32 dimensions cannot .* {dims}"):
      small_vectors.cut(z_ND, dims)


def test_bytes_are_those_of_faiss():
  faiss = pytest.importorskip("faiss")
  c_ND = unit()
  index = faiss.IndexScalarQuantizer(
    32, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
  )
  index.train(c_ND)
  index.add(c_ND)
  theirs_ND = index.reconstruct_n(0, len(c_ND))
  mine_ND = small_vectors.stored(c_ND, "int8")
  # Theirs stand in the middle of 256 steps, ours at the ends of 255.
  step = np.ptp(c_ND, axis=0).max() / 255
  np.testing.assert_allclose(mine_ND, theirs_ND, atol=step)
  np.testing.assert_allclose(mine_ND, c_ND, atol=step / 2 * 1.01)
  assert len(np.unique(mine_ND[:, 0])) <= 256
  assert index.sa_code_size() == small_vectors.bytes_of(32, "int8") == 32


def test_bits_are_those_of_numpy():
  c_ND = unit()
  bits_ND = small_vectors.stored(c_ND, "binary")
  assert set(np.unique(bits_ND)) == {-1.0, 1.0}
  packed = np.packbits(bits_ND > 0, axis=1)
  assert packed.shape[1] == small_vectors.bytes_of(32, "binary") == 4
  np.testing.assert_array_equal(np.packbits(c_ND > 0, axis=1), packed)
  assert small_vectors.bytes_of(33, "binary") == 5
  assert small_vectors.bytes_of(32) == 128


def test_a_dimension_that_never_differs_is_kept():
  c_ND = np.ones((3, 2), np.float32)
  c_ND[:, 1] = [0, 0.5, 1]
  found_ND = small_vectors.stored(c_ND, "int8")
  np.testing.assert_allclose(found_ND, c_ND, atol=1 / 255)
  with pytest.raises(ValueError, match="'int4' is not one of"):
    small_vectors.stored(c_ND, "int4")
