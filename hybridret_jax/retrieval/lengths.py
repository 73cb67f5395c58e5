"""Vectors that are not what ranking by cosine takes: of length one."""

import numpy as np

from hybridret_jax.retrieval import store

_OFF = 1e-3  # bfloat16 vectors on disk are this near to one.


def zero(vectors) -> int:
  """How many of a side's vectors, or a store's shards of them, are zero."""
  return sum(int(np.sum(~part.any(axis=1))) for part in _parts(vectors))


def other(vectors) -> tuple[int, int, float]:
  """(how many are of another length than one, the first's index, its length).

  Zero is such a length; (0, -1, 1.0) where there is none.
  """
  number, first, length, start = 0, -1, 1.0, 0
  for part in _parts(vectors):
    length_N = np.linalg.norm(part.astype(np.float32), axis=1)
    wrong = np.flatnonzero(~(np.abs(length_N - 1) <= _OFF))
    if len(wrong) and not number:
      first, length = start + int(wrong[0]), float(length_N[wrong[0]])
    number += len(wrong)
    start += len(part)
  return number, first, length


def _parts(vectors):
  shards = vectors if isinstance(vectors, store.Shards) else [vectors]
  return (np.asarray(part) for part in shards)
