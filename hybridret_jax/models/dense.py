"""Dense layers whose products accumulate in float32, forward and backward."""

import functools
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from hybridret_jax.parallel import mesh as meshes

SAVED = "dense"  # Name of the outputs, for the policies of remat.
# XLA's CPU compiler leaves bfloat16 where a product's sum is much longer.
_TOKENS_AT_ONCE = 2048


class Dense(nn.Module):
  """y_TF = x_TD @ kernel_DF + bias_F.

  Attributes:
    features: F.
    axes: logical axes of the kernel.
    dtype: in which factors are multiplied and the output comes; sums are
      float32 at least, and so are the gradients of the parameters.
    param_dtype: of the parameters.
    bias: whether there is one.
    narrow: whether products are rounded to `dtype` as they come, before the
      bias is added: half the bytes, on devices that sum in float32 even so.
  """

  features: int
  axes: tuple[str | None, str | None]
  dtype: Any
  param_dtype: Any
  bias: bool = True
  narrow: bool = False

  def __call__(self, x_TD):
    kernel_DF, bias_F = self.weights(x_TD.shape[-1])
    return _affine(x_TD.astype(self.dtype), kernel_DF, bias_F, self.narrow)

  @nn.compact
  def weights(self, width: int) -> tuple[Any, Any]:
    """(kernel_DF, bias_F) of a layer over vectors of a width; maybe no bias."""
    initializers = nn.initializers
    kernel_DF = self.param(
      "kernel",
      nn.with_logical_partitioning(initializers.normal(0.02), self.axes),
      (width, self.features),
      self.param_dtype,
    )
    if not self.bias:
      return kernel_DF, None
    return kernel_DF, self.param(
      "bias",
      nn.with_logical_partitioning(initializers.zeros, self.axes[1:]),
      (self.features,),
      self.param_dtype,
    )


def side_by_side(layers: Sequence[Dense], x_TD: jax.Array) -> list[jax.Array]:
  """What each layer makes of x_TD, in one product; all have biases or none.

  Where the mesh splits heads over devices, in a product each: side by side,
  the kernels' splits would not be the whole's.
  """
  if meshes.splits_heads():
    return [layer(x_TD) for layer in layers]
  weights = [layer.weights(x_TD.shape[-1]) for layer in layers]
  kernels, biases = zip(*weights, strict=True)
  bias_F = (
    None
    if any(bias is None for bias in biases)
    else jnp.concatenate(biases, axis=-1)
  )
  kernel_DF = jnp.concatenate(kernels, axis=-1)
  y_TF = _affine(
    x_TD.astype(layers[0].dtype), kernel_DF, bias_F, layers[0].narrow
  )
  ends = np.cumsum([layer.features for layer in layers])
  return jnp.split(y_TF, ends[:-1], axis=1)


def kept(x: jax.Array, name: str = SAVED) -> jax.Array:
  """x, under a name by which remat's policies keep it.

  What has 16 bits is kept as integers: XLA's CPU compiler would convert a whole
  stack of bfloat16 to float32 and back whenever a layer writes into it.
  """
  if x.dtype.itemsize == 2:
    return _through_bits(x, name)
  return checkpoint_name(x, name)


def _bits_named(x, name):
  bits = jax.lax.bitcast_convert_type(x, jnp.uint16)
  return jax.lax.bitcast_convert_type(checkpoint_name(bits, name), x.dtype)


# Integers have no gradient. The name has to stand in the forward rule: what is
# inside the function itself is hidden from remat.
_through_bits = jax.custom_vjp(_bits_named, nondiff_argnums=(1,))
_through_bits.defvjp(
  lambda x, name: (_bits_named(x, name), None), lambda name, _, dy: (dy,)
)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def product(
  x_TD: jax.Array, kernel_DF: jax.Array, narrow: bool = False
) -> jax.Array:
  """x_TD @ kernel_DF in the dtype of `x_TD`, summed in float32 at least.

  The kernel is rounded to that dtype; its gradient is not. The product is if
  `narrow`, as is the gradient of `x_TD` before anything is done to it.
  """
  return _dot(x_TD, kernel_DF.astype(x_TD.dtype), (1, 0), narrow)


def _forward(x_TD, kernel_DF, narrow):
  return product(x_TD, kernel_DF, narrow), (x_TD, kernel_DF)


def _backward(narrow, saved, dy_TF):
  x_TD, kernel_DF = saved
  dy_TF = dy_TF.astype(x_TD.dtype)
  dx_TD = _dot(dy_TF, kernel_DF.astype(x_TD.dtype), (1, 1), narrow)
  dk_DF = jax.lax.platform_dependent(
    x_TD, dy_TF, cpu=_over_tokens_on_cpu, default=_over_tokens
  )
  return dx_TD.astype(x_TD.dtype), dk_DF.astype(kernel_DF.dtype)


product.defvjp(_forward, _backward)


def _affine(x_TD, kernel_DF, bias_F, narrow):
  y_TF: Any = product(x_TD, kernel_DF, narrow)
  if bias_F is not None:
    # Added in float32, and so is its gradient.
    y_TF = y_TF.astype(jnp.promote_types(y_TF.dtype, jnp.float32))
    y_TF += bias_F.astype(y_TF.dtype)[None]
  return kept(y_TF.astype(x_TD.dtype))


def _over_tokens(x_TD, dy_TF):
  return _dot(x_TD, dy_TF, (0, 0))


def _over_tokens_on_cpu(x_TD, dy_TF):
  """`_over_tokens` such that XLA's CPU compiler multiplies in bfloat16.

  It does so where both factors lie as it wants them and the sum is short, and
  converts them to float32 elsewhere.
  """
  if x_TD.dtype != jnp.bfloat16:
    return _over_tokens(x_TD, dy_TF)
  x_DT = jax.lax.optimization_barrier(x_TD.T)
  parts = []
  for begin in range(0, x_TD.shape[0], _TOKENS_AT_ONCE):
    some = slice(begin, begin + _TOKENS_AT_ONCE)
    # Without the barrier the transposition goes back into the product.
    part_DT = jax.lax.optimization_barrier(x_DT[:, some])
    parts.append(_dot(part_DT, dy_TF[some], (1, 0)))
  return sum(parts[1:], start=parts[0])


def _dot(a, b, contracted, narrow=False):
  out = a.dtype if narrow else jnp.promote_types(a.dtype, jnp.float32)
  dimensions = (((contracted[0],), (contracted[1],)), ((), ()))
  return jax.lax.dot_general(a, b, dimensions, preferred_element_type=out)
