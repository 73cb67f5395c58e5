"""In-batch contrastive loss over the global batch, with translations masked."""

from typing import Any

import jax
import jax.numpy as jnp

SAME_GROUP = ("mask", "positive", "negative")


def contrastive(
  q_BD: jax.Array,
  p_ND: jax.Array,
  *,
  group_B: jax.Array,
  temperature: jax.Array | float,
  symmetric: bool = False,
  same_group: str = "mask",
) -> tuple[jax.Array, dict[str, Any]]:
  """InfoNCE: each query against every passage of the global batch.

  L = mean_i -log( exp(s_ii / τ) / Σ_j exp(s_ij / τ) ), s the cosine
  (Oord et al., arXiv 1807.03748, eq. 4; METHOD: arXiv 2408.10536, section 3).

  Args:
    q_BD: unit query vectors.
    p_ND: unit passage vectors, N = B (1 + K): the positive of query i is row
      i, its hard negatives are rows B + iK … B + (i+1)K - 1.
    group_B: the group of each pair. A passage of the query's own group in
      another row is a translation of its positive, hence a false negative.
    temperature: τ.
    symmetric: also each positive against every query; the mean of the two.
    same_group: "mask" leaves such passages out of the sum; "positive" takes
      the mean of -log p over all passages of the group (Khosla et al., arXiv
      2004.11362, eq. 2); "negative" counts them as negatives.

  Returns:
    The loss and {"accuracy"}: the share of queries whose best passage, masked
    ones aside, is their positive (or one of them).

  Raises:
    ValueError: shapes that do not fit, or an unknown `same_group`.
  """
  batch = q_BD.shape[0]
  if p_ND.shape[0] % batch or p_ND.shape[0] < batch:
    raise ValueError(
      f"{p_ND.shape[0]} passages for {batch} queries: not a whole number each"
    )
  if same_group not in SAME_GROUP:
    raise ValueError(f"same_group {same_group!r} is not one of {SAME_GROUP}")
  scores_BN = (
    jnp.matmul(
      q_BD,
      p_ND.T,
      precision=jax.lax.Precision.HIGHEST,
      preferred_element_type=q_BD.dtype,
    )
    / temperature
  )
  loss, hits_B = _direction(scores_BN, group_B, same_group)
  if symmetric:
    back, _ = _direction(scores_BN[:, :batch].T, group_B, same_group)
    loss = (loss + back) / 2
  return loss, {"accuracy": hits_B.mean()}


def _direction(scores_BN, group_B, same_group):
  batch, width = scores_BN.shape
  own_BN = jnp.eye(batch, width, dtype=bool)
  same_BN = jnp.pad(
    group_B[:, None] == group_B[None, :], ((0, 0), (0, width - batch))
  )
  positive_BN = own_BN
  if same_group == "mask":
    scores_BN = jnp.where(same_BN & ~own_BN, -jnp.inf, scores_BN)
  elif same_group == "positive":
    positive_BN = same_BN
  log_p_BN = scores_BN - jax.nn.logsumexp(scores_BN, axis=-1, keepdims=True)
  # where, not a product: a masked score is -inf and 0 * inf is not 0.
  taken_BN = jnp.where(positive_BN, log_p_BN, 0)
  loss_B = -taken_BN.sum(-1) / positive_BN.sum(-1)
  best_B = jnp.argmax(scores_BN, axis=-1)
  hits_B = positive_BN[jnp.arange(batch), best_B]
  return loss_B.mean(), hits_B
