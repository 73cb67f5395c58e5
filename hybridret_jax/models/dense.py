"""Dense layers whose products accumulate in float32, forward and backward."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

SAVED = "dense"  # Name of the outputs, for the policies of remat.


class Dense(nn.Module):
  """y_TF = x_TD @ kernel_DF + bias_F.

  Attributes:
    features: F.
    axes: logical axes of the kernel.
    dtype: in which factors are multiplied and the output comes; sums are
      float32 at least, and so are the gradients of the parameters.
    param_dtype: of the parameters.
  """

  features: int
  axes: tuple[str | None, str | None]
  dtype: Any
  param_dtype: Any

  @nn.compact
  def __call__(self, x_TD):
    kernel_DF: Any = self.param(
      "kernel",
      nn.with_logical_partitioning(nn.initializers.normal(0.02), self.axes),
      (x_TD.shape[-1], self.features),
      self.param_dtype,
    )
    bias_F: Any = self.param(
      "bias",
      nn.with_logical_partitioning(nn.initializers.zeros, self.axes[1:]),
      (self.features,),
      self.param_dtype,
    )
    y_TF = product(x_TD.astype(self.dtype), kernel_DF)
    y_TF = (y_TF + bias_F.astype(y_TF.dtype)[None]).astype(self.dtype)
    return checkpoint_name(y_TF, SAVED)


@jax.custom_vjp
def product(x_TD: jax.Array, kernel_DF: jax.Array) -> jax.Array:
  """x_TD @ kernel_DF in the dtype of `x_TD`, summed in float32 at least.

  The kernel is rounded to that dtype; its gradient is not.
  """
  return _dot(x_TD, kernel_DF.astype(x_TD.dtype), (1, 0))


def _forward(x_TD, kernel_DF):
  return product(x_TD, kernel_DF), (x_TD, kernel_DF)


def _backward(saved, dy_TF):
  x_TD, kernel_DF = saved
  dy_TF = dy_TF.astype(x_TD.dtype)
  dx_TD = _dot(dy_TF, kernel_DF.astype(x_TD.dtype), (1, 1))
  dk_DF = _dot(x_TD, dy_TF, (0, 0))
  return dx_TD.astype(x_TD.dtype), dk_DF.astype(kernel_DF.dtype)


product.defvjp(_forward, _backward)


def _dot(a, b, contracted):
  wide = jnp.promote_types(a.dtype, jnp.float32)
  dimensions = (((contracted[0],), (contracted[1],)), ((), ()))
  return jax.lax.dot_general(a, b, dimensions, preferred_element_type=wide)
