"""Vectors as a small index would have them: cut, in bytes, in bits."""

import numpy as np

STORED = ("int8", "binary")
_LEVELS = 255  # Of a byte.


def cut(z_ND: np.ndarray, dims: int) -> np.ndarray:
  """The first dimensions of vectors, made unit again.

  As a model is used that was trained with `loss.matryoshka_dims` (Kusupati et
  al., arXiv 2205.13147).

  Raises:
    ValueError: there are not more dimensions than that.
  """
  if not 0 < dims < z_ND.shape[1]:
    raise ValueError(
      f"vectors of {z_ND.shape[1]} dimensions cannot be cut to {dims}; name"
      " fewer than they have"
    )
  z_ND = np.asarray(z_ND, np.float32)[:, :dims]
  length_N1 = np.linalg.norm(z_ND, axis=1, keepdims=True)
  return z_ND / np.maximum(length_N1, 1e-12)


def stored(c_ND: np.ndarray, form: str) -> np.ndarray:
  """What queries in float32 meet where candidates are stored small.

  Args:
    c_ND: candidates.
    form: "int8": each dimension in 255 equal steps from its least to its
      greatest value among the candidates (the scalar quantizer of FAISS and of
      sentence-transformers' `quantize_embeddings`); "binary": the sign of each
      number. Scores are inner products with what is read back, so vectors are
      no more of length one.

  Raises:
    ValueError: unknown form.
  """
  if form not in STORED:
    raise ValueError(f"form {form!r} is not one of {STORED}")
  c_ND = np.asarray(c_ND, np.float32)
  if form == "binary":
    return np.where(c_ND > 0, np.float32(1), np.float32(-1))
  low_D = c_ND.min(axis=0)
  step_D = (c_ND.max(axis=0) - low_D) / _LEVELS
  level_ND = np.rint((c_ND - low_D) / np.where(step_D > 0, step_D, 1))
  return (low_D + level_ND * step_D).astype(np.float32)


def bytes_of(dims: int, form: str = "") -> int:
  """Bytes that a candidate takes, without what an index adds."""
  if form == "binary":
    return -(-dims // 8)
  return dims if form == "int8" else 4 * dims
