"""Softmax attention in XLA, whole or block by block of the rows."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from hybridret_jax.models.dense import kept

LONG = 1024  # Tokens of rows whose queries are scored some at a time.
_AT_ONCE = 512
_NOWHERE = -1  # Segment of what fills up a last block.
# Of the probabilities of some queries, and `block`, which.
Drop = Callable[..., jax.Array] | None


def block(window: int) -> int:
  """Queries that are scored together where each sees a window."""
  return max(window, 1)


def mix(
  q_RHLK: jax.Array,
  k_RHLK: jax.Array,
  v_RHLK: jax.Array,
  segments_RL: jax.Array,
  *,
  window: int,
  causal: bool,
  drop: Drop,
) -> tuple[jax.Array, jax.Array]:
  """What attention with a window mixes, and the sums that it is divided by.

  A block of queries is scored against its own keys and those of both its
  neighbours, so that what is held grows with L, not with L x L.

  Args:
    q_RHLK: scaled queries.
    k_RHLK: keys.
    v_RHLK: values.
    segments_RL: see `attention.attend`.
    window: tokens seen to either side.
    causal: see `attention.attend`.
    drop: likewise.

  Returns:
    mixed_RHLK and sums_RHL1, float32 at least.
  """
  size, length = block(window), segments_RL.shape[1]
  q_RHNBK, k_RHNBK, v_RHNBK = (
    _blocks(x, size, axis=2) for x in (q_RHLK, k_RHLK, v_RHLK)
  )
  segments_RNB = _blocks(segments_RL, size, axis=1, fill=_NOWHERE)
  k_RHNCK, v_RHNCK = (_with_neighbours(x, axis=2) for x in (k_RHNBK, v_RHNBK))
  around_RNC = _with_neighbours(segments_RNB, axis=1, fill=_NOWHERE)
  place_B = jnp.arange(size)
  place_C = jnp.arange(-size, 2 * size)
  seen_RNBC = seen(segments_RNB, around_RNC, place_B, place_C, window, causal)
  mixed_RHNBK, sums_RHNB1 = mix_block(
    q_RHNBK,
    k_RHNCK,
    v_RHNCK,
    seen_RNBC[:, None],
    _of_block(drop, None),
  )
  return _unblocked(mixed_RHNBK, length), _unblocked(sums_RHNB1, length)


def mix_long(
  q_RHLK: jax.Array,
  k_RHLK: jax.Array,
  v_RHLK: jax.Array,
  segments_RL: jax.Array,
  *,
  window: int | None,
  causal: bool,
  drop: Drop,
) -> tuple[jax.Array, jax.Array]:
  """`mix` with all keys: some queries at a time, scored again on the way back.

  Arguments and results as of `mix`.
  """
  length = segments_RL.shape[1]
  q_RHNBK = _blocks(q_RHLK, _AT_ONCE, axis=2)
  segments_RNB = _blocks(segments_RL, _AT_ONCE, axis=1, fill=_NOWHERE)
  place_L = jnp.arange(length)

  @jax.checkpoint
  def some(block):
    number, q_RHBK, segments_RB = block
    place_B = number * _AT_ONCE + jnp.arange(_AT_ONCE)
    seen_RBL = seen(segments_RB, segments_RL, place_B, place_L, window, causal)
    return mix_block(
      q_RHBK,
      k_RHLK,
      v_RHLK,
      seen_RBL[:, None],
      _of_block(drop, number),
    )

  blocks = (
    jnp.arange(q_RHNBK.shape[2]),
    jnp.moveaxis(q_RHNBK, 2, 0),
    jnp.moveaxis(segments_RNB, 1, 0),
  )
  mixed_NRHBK, sums_NRHB1 = jax.lax.map(some, blocks)
  mixed_RHLK, sums_RHL1 = (
    _unblocked(jnp.moveaxis(x, 0, 2), length) for x in (mixed_NRHBK, sums_NRHB1)
  )
  # With these kept nothing is scored a third time.
  return mixed_RHLK, kept(sums_RHL1)


def seen(
  segments_RL: jax.Array,
  segments_RM: jax.Array,
  place_L: jax.Array,
  place_M: jax.Array,
  window: int | None,
  causal: bool,
) -> jax.Array:
  """Whether each query sees each key: [R, L, M], or [R, N, L, M] of blocks.

  Args:
    segments_RL: of the queries.
    segments_RM: of the keys.
    place_L: of the queries in their row, or in their block.
    place_M: of the keys, counted alike.
    window: tokens seen to either side; None for all.
    causal: whether none that come later are seen.
  """
  same_RLM = segments_RL[..., :, None] == segments_RM[..., None, :]
  ahead_LM = place_M[None, :] - place_L[:, None]
  near_LM = None
  if window is not None:
    near_LM = jnp.abs(ahead_LM) <= window
  if causal:
    before_LM = ahead_LM <= 0
    near_LM = before_LM if near_LM is None else near_LM & before_LM
  if near_LM is None:
    return same_RLM
  return same_RLM & near_LM[(None,) * (same_RLM.ndim - 2)]


def mix_block(
  q_RHLK: jax.Array,
  k_RHMK: jax.Array,
  v_RHMK: jax.Array,
  seen_R1LM: jax.Array,
  drop: Callable[[jax.Array], jax.Array] | None,
) -> tuple[jax.Array, jax.Array]:
  """What queries mix of values, and the sums that it is divided by.

  Args:
    q_RHLK: scaled queries; a further axis of blocks may follow H in all.
    k_RHMK: keys.
    v_RHMK: values.
    seen_R1LM: whether a query sees a key.
    drop: dropout of the probabilities.
  """
  wide = jnp.promote_types(q_RHLK.dtype, jnp.float32)
  scores_RHLM = jnp.einsum(
    "...lk,...mk->...lm", q_RHLK, k_RHMK, preferred_element_type=wide
  )
  scores_RHLM += jnp.where(seen_R1LM, 0.0, -1e9).astype(wide)
  # Any number in its place gives the same, so it has no gradient.
  highest_RHL1 = jax.lax.stop_gradient(scores_RHLM.max(-1, keepdims=True))
  weights_RHLM = jnp.exp(scores_RHLM - highest_RHL1)
  sums_RHL1 = weights_RHLM.sum(-1, keepdims=True)
  weights_RHLM = weights_RHLM.astype(v_RHMK.dtype)
  if drop is not None:
    weights_RHLM = drop(weights_RHLM)
  mixed_RHLK = jnp.einsum(
    "...lm,...mk->...lk", weights_RHLM, v_RHMK, preferred_element_type=wide
  )
  return mixed_RHLK, sums_RHL1


def _of_block(drop, number):
  return drop and functools.partial(drop, block=number)


def _blocks(x, size, *, axis, fill=0):
  """An axis of L as two, of blocks and what is in one, filled up at the end."""
  extra = -x.shape[axis] % size
  if extra:
    widths = [(0, 0)] * x.ndim
    widths[axis] = (0, extra)
    x = jnp.pad(x, widths, constant_values=fill)
  shape = (*x.shape[:axis], -1, size, *x.shape[axis + 1 :])
  return x.reshape(shape)


def _with_neighbours(x, *, axis, fill=0):
  """Blocks with what stands in the one before and in the one behind."""
  widths = [(0, 0)] * x.ndim
  widths[axis] = (1, 1)
  padded = jnp.pad(x, widths, constant_values=fill)
  count = x.shape[axis]
  return jnp.concatenate(
    [
      jax.lax.slice_in_dim(padded, start, start + count, axis=axis)
      for start in range(3)
    ],
    axis=axis + 1,
  )


def _unblocked(x_RHNBK, length):
  rows, heads, _, _, units = x_RHNBK.shape
  return x_RHNBK.reshape(rows, heads, -1, units)[:, :, :length]
