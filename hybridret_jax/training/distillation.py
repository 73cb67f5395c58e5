"""Drawing vectors to those of a teacher, whose languages lie together."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

TARGETS = ("own", "centred", "group")


def targets(
  z_RD: np.ndarray,
  language_R: np.ndarray,
  group_R: np.ndarray,
  *,
  kind: str,
  group_share: float = 1.0,
) -> np.ndarray:
  """The unit vectors that texts are drawn to, of one side of some rows.

  Args:
    z_RD: the teacher's unit vectors of the rows' texts.
    language_R: of each row.
    group_R: of each row; rows of a group are translations of one another.
    kind: "own", the teacher's vectors; "centred", those with the mean of their
      language moved to the mean of all languages' means (as language means are
      subtracted: Libovický et al., arXiv 1911.03310); "group", of these the
      mean over each group's rows, so that translations are drawn to one
      vector (Reimers and Gurevych, arXiv 2004.09813, draw them to the English
      one's), made as long, from the common mean, as a row's own is on average.
    group_share: of "group": the target lies so far of the way from a row's own
      centred vector to that mean.

  Returns:
    y_RD, float32.

  Raises:
    ValueError: unknown `kind`, or a share that is not in 0…1.
  """
  if kind not in TARGETS:
    raise ValueError(f"targets {kind!r} is not one of {TARGETS}")
  if not 0 <= group_share <= 1:
    raise ValueError(f"group_share {group_share} is not in 0…1")
  z_RD = np.asarray(z_RD, np.float32)
  if kind == "own":
    return z_RD
  languages, place_R = np.unique(language_R, return_inverse=True)
  means_XD = np.array(
    [z_RD[language_R == x].mean(axis=0, dtype=np.float64) for x in languages]
  )
  common_D = means_XD.mean(axis=0).astype(np.float32)
  own_RD = z_RD - means_XD.astype(np.float32)[place_R]
  if kind == "group":
    mean_RD = _group_means(own_RD, group_R)
    own_RD = own_RD + group_share * (mean_RD - own_RD)
  y_RD = common_D + own_RD
  return y_RD / np.linalg.norm(y_RD, axis=1, keepdims=True)


def _group_means(own_RD, group_R):
  """Each row's mean over its group; a mean of several as long as one row."""
  _, place_R, count_G = np.unique(
    group_R, return_inverse=True, return_counts=True
  )
  sum_GD = np.zeros((len(count_G), own_RD.shape[1]), np.float32)
  np.add.at(sum_GD, place_R, own_RD)
  mean_GD = sum_GD / count_G[:, None]
  several_G = count_G > 1
  if several_G.any():
    several_R = several_G[place_R]
    alone = np.linalg.norm(own_RD[several_R], axis=1).mean()
    together = np.linalg.norm(mean_GD[several_G], axis=1).mean()
    mean_GD[several_G] *= alone / max(together, 1e-12)
  return mean_GD[place_R]


def distance(
  pairs: Any,
  query_bD: jax.Array,
  passage_bD: jax.Array,
  *,
  total: Callable[[Any], Any] = lambda x: x,
) -> jax.Array:
  """Mean squared distance of a batch's vectors from their targets.

  Args:
    pairs: `loss.Vectors` of this slice; queries and positives count alike.
    query_bD: targets of its queries.
    passage_bD: targets of its positives.
    total: this slice's values -> their sums over slices.
  """
  square_b = (
    jnp.sum((pairs.q_bD - query_bD) ** 2, axis=1)
    + jnp.sum((pairs.p_bD - passage_bD) ** 2, axis=1)
  ) / 2
  count = total(pairs.valid_b.sum().astype(square_b.dtype))
  return total(jnp.where(pairs.valid_b, square_b, 0).sum()) / count
