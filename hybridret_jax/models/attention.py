"""Attention that stays inside the segments of a packed row."""

import functools

import jax
import jax.numpy as jnp

from hybridret_jax.models import kernels, windows
from hybridret_jax.models.dense import kept

IMPLEMENTATIONS = ("auto", "xla", "splash", "cudnn")


def choose(wanted: str, *, platform: str, dropout: bool, dtype: str) -> str:
  """The implementation for a platform.

  Args:
    wanted: one of `IMPLEMENTATIONS`.
    platform: "cpu", "gpu" or "tpu".
    dropout: whether probabilities are dropped, which only "xla" can do.
    dtype: of activations; cuDNN takes 16 bits only.

  Raises:
    ValueError: `wanted` cannot run so.
  """
  if wanted not in IMPLEMENTATIONS:
    raise ValueError(f"attention {wanted!r} is not one of {IMPLEMENTATIONS}")
  if wanted in ("splash", "cudnn") and dropout:
    raise ValueError(
      f"attention {wanted!r} cannot drop probabilities; set"
      " model.attention_dropout=0 or model.attention='xla'"
    )
  if wanted == "cudnn" and dtype != "bfloat16":
    raise ValueError(
      f"attention 'cudnn' takes bfloat16, not {dtype}; set"
      " model.dtype='bfloat16' or model.attention='xla'"
    )
  if wanted != "auto":
    return wanted
  if platform == "tpu" and not dropout:
    return "splash"
  if platform == "gpu" and not dropout and dtype == "bfloat16":
    return "cudnn"
  return "xla"


def attend(
  q_RHLK: jax.Array,
  k_RHLK: jax.Array,
  v_RHLK: jax.Array,
  segments_RL: jax.Array,
  *,
  implementation: str = "xla",
  window: int | None = None,
  causal: bool = False,
  drop: windows.Drop = None,
) -> jax.Array:
  """Softmax attention in which a token sees only its own segment.

  Args:
    q_RHLK: queries of R rows, H heads, L tokens and K units a head.
    k_RHLK: keys, the same shape.
    v_RHLK: values, the same shape.
    segments_RL: segment number of each token, from 0; padding is a segment of
      its own. A segment's tokens stand side by side.
    implementation: "xla"; "splash", the TPU kernel of jax's Pallas operations
      (rows shorter than its block go through "xla"); "cudnn" (a window goes
      through "xla": cuDNN knows none that looks to both sides).
    window: tokens that a token sees to either side; None for all.
    causal: whether it sees none that come after it.
    drop: (probabilities, block=) -> the same with dropout; the block is a
      number where only some queries' are given, else None; "xla" only.

  Returns:
    The mixed values, [R, H, L, K], in the dtype of `v_RHLK`, under the name
    that `dense.kept` gives; scores and softmax are float32 at least. No array
    has L x L numbers where there is a window, or where rows are long.
  """
  length = segments_RL.shape[1]
  if implementation == "splash" and not length % kernels.SPLASH_ROW:
    kernel = kernels.splash_of(window, causal)
    return _kept(kernels.split(kernel, q_RHLK, k_RHLK, v_RHLK, segments_RL))
  if implementation == "cudnn" and window is None:
    kernel = kernels.cudnn_of(causal)
    return _kept(kernels.split(kernel, q_RHLK, k_RHLK, v_RHLK, segments_RL))
  # Scaled where it is small, masked by a sum and divided after the mix, so that
  # as few passes as can be go over what has R x H x L x L numbers.
  inputs = q_RHLK * q_RHLK.shape[-1] ** -0.5, k_RHLK, v_RHLK, segments_RL
  if span(length, window) < length:
    assert window is not None
    parts = windows.mix(*inputs, window=window, causal=causal, drop=drop)
  elif length > windows.LONG:
    parts = windows.mix_long(*inputs, window=window, causal=causal, drop=drop)
  else:
    place_L = jnp.arange(length)
    seen = windows.seen(
      segments_RL, segments_RL, place_L, place_L, window, causal
    )
    drop = drop and functools.partial(drop, block=None)
    parts = windows.mix_block(*inputs[:3], seen[:, None], drop)
  return _divide(*parts, v_RHLK.dtype)


def span(length: int, window: int | None) -> int:
  """Keys that "xla" scores for each query in rows of a length."""
  if window is None:
    return length
  return min(3 * windows.block(window), length)


def _kept(mixed_RHLK):
  """The same, kept as a line of tokens: heads apart half fill a TPU's tiles."""
  rows, heads, length, units = mixed_RHLK.shape
  mixed_TD = kept(
    mixed_RHLK.swapaxes(1, 2).reshape(rows * length, heads * units)
  )
  return mixed_TD.reshape(rows, length, heads, units).swapaxes(1, 2)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _divide(mixed_RHLK, sums_RHL1, dtype):
  """mixed / sums in a dtype; the way back needs no more than that."""
  return (mixed_RHLK / sums_RHL1).astype(dtype)


def _divide_forward(mixed_RHLK, sums_RHL1, dtype):
  # As in dense.py, the name has to stand here.
  ratio_RHLK = _kept(_divide(mixed_RHLK, sums_RHL1, dtype))
  return ratio_RHLK, (ratio_RHLK, sums_RHL1)


def _divide_backward(dtype, saved, dy_RHLK):
  ratio_RHLK, sums_RHL1 = saved
  dmixed_RHLK = dy_RHLK.astype(sums_RHL1.dtype) / sums_RHL1
  dsums_RHL1 = -(dmixed_RHLK * ratio_RHLK).sum(-1, keepdims=True)
  return dmixed_RHLK, dsums_RHL1


_divide.defvjp(_divide_forward, _divide_backward)
