"""Training-free corrections of embeddings to print beside a trained model."""

import numpy as np


def subtract_language_means(embeddings_ND, language_N) -> np.ndarray:
  """Unit vectors after each language's mean vector is subtracted.

  Call it once for the queries and once for the candidates: each side has its
  own means. It needs the language of every text and uses the texts that are
  scored, so it is a reference point and no system. A vector that equals its
  language's mean (a language of one text) becomes zero and scores 0.

  Args:
    embeddings_ND: unit vectors.
    language_N: language index of each.

  Returns:
    float32 [N, D].
  """
  vectors_ND = np.asarray(embeddings_ND, np.float64).copy()
  language_N = np.asarray(language_N)
  for language in np.unique(language_N):
    rows = language_N == language
    vectors_ND[rows] -= vectors_ND[rows].mean(axis=0, keepdims=True)
  norm_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
  # Below this it is what rounding leaves of zero, with no direction.
  zero_N1 = norm_N1 < 1e-6
  unit_ND = vectors_ND / np.where(zero_N1, 1.0, norm_N1)
  return np.where(zero_N1, 0.0, unit_ND).astype(np.float32)
