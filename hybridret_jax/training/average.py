"""An exponential moving average of parameters."""

from typing import Any

import jax
import jax.numpy as jnp


def start(params: Any) -> Any:
  """The average before any step: `params` in float32 or wider, as a copy.

  A copy, because a step that donates both cannot donate one buffer twice.
  """
  return jax.tree.map(lambda x: jnp.array(x, _wide(x.dtype), copy=True), params)


def update(
  average: Any, params: Any, *, decay: float, step: jax.Array | int
) -> Any:
  """The average after a step: d average + (1 - d) params.

  d is the smaller of `decay` and (1 + t) / (10 + t), so that early averages
  forget the start. Source: TensorFlow, `tf.train.ExponentialMovingAverage`
  with `num_updates`.

  Args:
    average: what `start` or the last update returned; the leaves' dtypes stay.
    params: parameters after this step.
    decay: d in the long run, from 0 to below 1.
    step: t, steps done before this one.

  Raises:
    ValueError: a decay out of range.
  """
  if not 0 <= decay < 1:
    raise ValueError(f"decay {decay} is not in 0…1; use 0.999 or so")
  # 1 - d, taken of d in float32, would keep three digits of 1e-4.
  share = jnp.maximum(1 - decay, 9 / (10 + jnp.asarray(step, jnp.float32)))

  def move(old, new):
    return old + share.astype(old.dtype) * (new.astype(old.dtype) - old)

  return jax.tree.map(move, average, params)


def _wide(dtype):
  return jnp.promote_types(dtype, jnp.float32)
