"""Parts that the layers of several architectures are made of."""

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from hybridret_jax.models import attention
from hybridret_jax.models import dense as denses
from hybridret_jax.models.encoders.architecture import Kind

if TYPE_CHECKING:
  from hybridret_jax.models.encoder import EncoderConfig

INPUT = "layer_input"  # Name of what a layer takes, for the policies of remat.


class Tokens(NamedTuple):
  """What layers are told of the tokens in a line.

  Attributes:
    tiers: (segments_RL, row_R) of each length of rows: see `encoder.Tier`.
    rotary: (cos_TK, sin_TK) by the base of the angles, K half a head's units.
  """

  tiers: tuple[tuple[jax.Array, jax.Array], ...]
  rotary: Mapping[float, tuple[jax.Array, jax.Array]]


class Table(nn.Module):
  """A table of vectors, one row a token, a position or a type."""

  rows: int
  width: int
  axis: str | None
  param_dtype: str

  @nn.compact
  def __call__(self) -> Any:
    return self.param(
      "embedding",
      named(nn.initializers.normal(0.02), self.axis, None),
      (self.rows, self.width),
      self.param_dtype,
    )


def named(initializer: Any, *axes: str | None) -> Any:
  """An initializer whose arrays carry the names of their logical axes."""
  return nn.with_logical_partitioning(initializer, axes)


def norm(
  config: "EncoderConfig", name: str, *, bias: bool = True
) -> nn.LayerNorm:
  """A layer norm in float32 at least."""
  return nn.LayerNorm(
    config.layer_norm_eps,
    name=name,
    dtype=wide(config.dtype),
    param_dtype=config.param_dtype,
    use_bias=bias,
    use_fast_variance=False,
    scale_init=named(nn.initializers.ones, "embed"),
    bias_init=named(nn.initializers.zeros, "embed"),
  )


def rms_norm(
  config: "EncoderConfig",
  name: str,
  *,
  axis: str | None = "embed",
  centred: bool = False,
) -> "RMSNorm":
  """A norm by the root mean square, in float32 at least.

  Args:
    config: of the encoder.
    name: of the module.
    axis: logical axis of the scale.
    centred: whether the scale is kept as its difference from 1.
  """
  return RMSNorm(config, axis, centred, name=name)


class RMSNorm(nn.Module):
  """x by its root mean square; see `rms_norm`.

  Source: Zhang and Sennrich, arXiv 1910.07467.
  """

  config: "EncoderConfig"
  axis: str | None
  centred: bool

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    config, ones = self.config, nn.initializers.ones
    scale_D: Any = self.param(
      "scale",
      named(nn.initializers.zeros if self.centred else ones, self.axis),
      x.shape[-1:],
      config.param_dtype,
    )
    x = x.astype(wide(config.dtype))
    square = jnp.mean(x * x, axis=-1, keepdims=True)
    x = x * jax.lax.rsqrt(square + config.layer_norm_eps)
    scale_D = scale_D.astype(x.dtype) + self.centred
    return x * scale_D.reshape((1,) * (x.ndim - 1) + scale_D.shape)


def wide(dtype: Any) -> Any:
  """The dtype of norms, softmax and angles: float32 at least."""
  return jnp.promote_types(dtype, jnp.float32)


def dense(
  config: "EncoderConfig",
  features: int,
  axes: tuple[str | None, str | None],
  name: str,
  *,
  bias: bool = True,
) -> denses.Dense:
  """A dense layer of an encoder."""
  return denses.Dense(
    features,
    axes,
    config.dtype,
    config.param_dtype,
    bias=bias,
    narrow=config.narrow_products,
    name=name,
  )


def gelu(x: jax.Array) -> jax.Array:
  """Gaussian error linear units by erf, in float32 at least.

  `jax.nn.gelu` takes erfc, which costs several times as much on a CPU.
  Source: Hendrycks and Gimpel, arXiv 1606.08415, section 2.
  """
  x = x.astype(wide(x.dtype))
  return 0.5 * x * (1 + _erf(x * 0.5**0.5))


@jax.custom_jvp
def _erf(x: jax.Array) -> jax.Array:
  """The error function, whose derivative every JAX takes under `shard_map`.

  That of JAX 0.12 stops there: its polynomial meets constants that vary on no
  axis (`Primitive polynomial requires varying manual axes to match`).
  """
  return jax.lax.erf(x)


@_erf.defjvp
def _erf_jvp(primals, tangents):
  (x,), (dx,) = primals, tangents
  return _erf(x), float(2 / np.sqrt(np.pi)) * (dx * jnp.exp(-jnp.square(x)))


def line(arrays: Sequence[jax.Array]) -> jax.Array:
  """Arrays of each tier's tokens, [R, L], as one line of all tokens."""
  return jnp.concatenate([array.reshape(-1) for array in arrays])


def angles(
  positions_T: jax.Array, frequencies_K: np.ndarray, dtype: Any
) -> tuple[jax.Array, jax.Array]:
  """(cos_TK, sin_TK) of the tokens' rotations, in float32 at least."""
  dtype = wide(dtype)
  angles_TK = (
    positions_T.astype(dtype)[:, None] * frequencies_K.astype(dtype)[None]
  )
  return jnp.cos(angles_TK), jnp.sin(angles_TK)


def rotate(
  x_TD: jax.Array, heads: int, rotary: tuple[jax.Array, jax.Array]
) -> jax.Array:
  """Heads whose pairs of units, half a head apart, are turned by `angles`.

  Source: Su et al., RoFormer, arXiv 2104.09864, section 3.4.2, in GPT-NeoX's
  order of units.
  """
  cos_T1K, sin_T1K = (x_TK[:, None] for x_TK in rotary)
  x_THK = x_TD.reshape(x_TD.shape[0], heads, -1).astype(cos_T1K.dtype)
  first_THK, second_THK = jnp.split(x_THK, 2, axis=-1)
  turned_THK = jnp.concatenate(
    [
      first_THK * cos_T1K - second_THK * sin_T1K,
      second_THK * cos_T1K + first_THK * sin_T1K,
    ],
    axis=-1,
  )
  return turned_THK.reshape(x_TD.shape).astype(x_TD.dtype)


def attend(
  qkv_TD: Sequence[jax.Array],
  tokens: Tokens,
  config: "EncoderConfig",
  kind: Kind,
  *,
  key: jax.Array | None = None,
) -> jax.Array:
  """Attention in each tier's rows; all tiers' tokens in a line.

  Args:
    qkv_TD: queries, keys and values; of the latter two there may be fewer
      heads, each of which several heads of queries share.
    tokens: of the line.
    config: of the encoder.
    kind: of the layer.
    key: of dropout of the probabilities; None for none.
  """
  heads, units = config.num_heads, config.architecture.head_size(config)
  mixed, start = [], 0
  for segments_RL, row_R in tokens.tiers:
    rows, length = segments_RL.shape
    end = start + rows * length
    q_RHLK, k_RHLK, v_RHLK = (
      _shared(
        x_TD[start:end].reshape(rows, length, -1, units).swapaxes(1, 2), heads
      )
      for x_TD in qkv_TD
    )
    drop = None
    if key is not None:
      drop = functools.partial(
        _drop_scores, rate=config.attention_dropout, key=key, row_R=row_R
      )
    mixed_RHLK = attention.attend(
      q_RHLK,
      k_RHLK,
      v_RHLK,
      segments_RL,
      implementation=config.attention,
      window=kind.window,
      causal=kind.causal,
      drop=drop,
    )
    mixed.append(mixed_RHLK.swapaxes(1, 2).reshape(end - start, heads * units))
    start = end
  return jnp.concatenate(mixed) if len(mixed) > 1 else mixed[0]


def drop_line(
  x_TD: jax.Array, tokens: Tokens, rate: float, key: jax.Array
) -> jax.Array:
  """Dropout of tokens in a line, row by row."""
  dropped, start = [], 0
  for segments_RL, row_R in tokens.tiers:
    end = start + segments_RL.size
    x_RLD = x_TD[start:end].reshape(*segments_RL.shape, -1)
    dropped.append(drop_rows(x_RLD, rate, key, row_R).reshape(end - start, -1))
    start = end
  return jnp.concatenate(dropped)


def drop_rows(
  x_RLD: jax.Array, rate: float, key: jax.Array, row_R: jax.Array
) -> jax.Array:
  """Dropout whose mask follows from the key and each row's global number.

  Neither the number of rows, nor a chunk, nor a device changes what a row
  draws. `rate` is kept to 1/65,536.
  """

  def keep(row):
    bits = jax.random.bits(
      jax.random.fold_in(key, row), x_RLD.shape[1:], jnp.uint16
    )
    return bits >= round(rate * 65536)

  scale = jnp.asarray(1 / (1 - rate), x_RLD.dtype)
  return jnp.where(jax.vmap(keep)(row_R), x_RLD * scale, 0)


def _shared(x_RGLK, heads):
  """A head for each of the queries', from the fewer that they share."""
  times = heads // x_RGLK.shape[1]
  return jnp.repeat(x_RGLK, times, axis=1) if times > 1 else x_RGLK


def _drop_scores(weights, block, *, rate, key, row_R):
  if block is not None:
    key = jax.random.fold_in(key, block)
  return drop_rows(weights, rate, key, row_R)
