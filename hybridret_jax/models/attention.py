"""Attention that stays inside the segments of a packed row."""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def attend(
  q_RHLK: jax.Array,
  k_RHLK: jax.Array,
  v_RHLK: jax.Array,
  segments_RL: jax.Array,
  *,
  drop: Callable[[jax.Array], jax.Array],
) -> jax.Array:
  """Softmax attention in which a token sees only its own segment.

  Args:
    q_RHLK: queries of R rows, H heads, L tokens and K units a head.
    k_RHLK: keys, the same shape.
    v_RHLK: values, the same shape.
    segments_RL: segment number of each token; padding is a segment of its own.
    drop: dropout of the probabilities, [R, H, L, L] to the same shape.

  Returns:
    The mixed values, [R, H, L, K], in the dtype of `v_RHLK`; scores and
    softmax are float32 at least.
  """
  wide = jnp.promote_types(q_RHLK.dtype, jnp.float32)
  scores_RHLM = jnp.einsum(
    "rhlk,rhmk->rhlm", q_RHLK, k_RHLK, preferred_element_type=wide
  )
  same_RLM = segments_RL[:, :, None] == segments_RL[:, None, :]
  scores_RHLM = jnp.where(
    same_RLM[:, None], scores_RHLM * q_RHLK.shape[-1] ** -0.5, -1e9
  )
  mix_RHLM = drop(jax.nn.softmax(scores_RHLM, axis=-1).astype(v_RHLK.dtype))
  return jnp.einsum("rhlm,rhmk->rhlk", mix_RHLM, v_RHLK)
