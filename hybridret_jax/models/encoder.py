"""One transformer encoder for BERT, LaBSE and XLM-R, over packed rows."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from hybridret_jax.models import attention

# What the backward pass keeps of a layer: everything; the outputs of dense
# layers (attention scores and gelu are computed again); its input only.
REMATS = ("none", "dense", "full")
VOCAB_MULTIPLE = 128  # 250,002 pieces do not divide by 4 or 8 devices.


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
  """Shape and numerics of an encoder; the defaults are XLM-R base's."""

  vocab_size: int = 250_002
  hidden_size: int = 768
  num_layers: int = 12
  num_heads: int = 12
  mlp_size: int = 3072
  max_positions: int = 514
  type_vocab_size: int = 1
  position_offset: int = 2  # XLM-R counts positions from pad_id + 1.
  layer_norm_eps: float = 1e-5
  dropout: float = 0.1
  attention_dropout: float = 0.1
  dtype: str = "float32"  # Of activations.
  param_dtype: str = "float32"
  remat: str = "dense"

  def __post_init__(self):
    if self.remat not in REMATS:
      raise ValueError(f"remat {self.remat!r} is not one of {REMATS}")

  @property
  def table_size(self) -> int:
    """Rows of the token table: the vocabulary, rounded up so that it shards."""
    return -(-self.vocab_size // VOCAB_MULTIPLE) * VOCAB_MULTIPLE

  @property
  def max_length(self) -> int:
    """Longest text in tokens, special ones included."""
    return self.max_positions - self.position_offset


class Encoder(nn.Module):
  """Token states [R, L, D] of packed rows, in the compute dtype."""

  config: EncoderConfig

  @nn.compact
  def __call__(
    self, ids_RL, segments_RL, positions_RL, row_R, *, deterministic=True
  ):
    """Encodes rows in which several texts may stand side by side.

    Args:
      ids_RL: token ids.
      segments_RL: segment number of each token, 0 where there is no text.
      positions_RL: position of each token in its text, from 0.
      row_R: number of each row in the global batch: dropout follows from it.
      deterministic: False draws dropout from the "dropout" stream.
    """
    config = self.config
    length, width = ids_RL.shape[1], config.hidden_size

    def table(rows, name, axis):
      return nn.Embed(
        rows,
        width,
        name=name,
        dtype=config.dtype,
        param_dtype=config.param_dtype,
        embedding_init=_named(nn.initializers.normal(0.02), axis, None),
      )

    x_TD = (
      table(config.table_size, "tokens", "vocab")(ids_RL.reshape(-1))
      + table(config.max_positions, "positions", None)(
        positions_RL.reshape(-1) + config.position_offset
      )
      + table(config.type_vocab_size, "types", None)(
        jnp.zeros_like(ids_RL.reshape(-1))
      )
    )
    x_TD = _norm(config, "norm")(x_TD).astype(config.dtype)
    if not deterministic and config.dropout:
      x_TD = drop_rows(
        x_TD.reshape(-1, length, width),
        config.dropout,
        self.make_rng("dropout"),
        row_R,
      ).reshape(-1, width)
    layer = Layer
    if config.remat != "none":
      policies = jax.checkpoint_policies
      layer = nn.remat(
        Layer,
        prevent_cse=False,  # The scan keeps the two computations apart.
        static_argnums=(4,),
        policy=policies.dots_with_no_batch_dims_saveable
        if config.remat == "dense"
        else policies.nothing_saveable,
      )
    x_TD, _ = nn.scan(
      layer,
      length=config.num_layers,
      variable_axes={"params": 0},
      split_rngs={"params": True, "dropout": True},
      in_axes=(nn.broadcast,) * 3,  # pyright: ignore[reportArgumentType]
      metadata_params={nn.PARTITION_NAME: "layers"},
    )(config, name="layers")(x_TD, segments_RL, row_R, deterministic)
    return x_TD.reshape(-1, length, width)


class Layer(nn.Module):
  """One post-norm layer; carries `x_TD`, the tokens of all rows in a line."""

  config: EncoderConfig

  @nn.compact
  def __call__(self, x_TD, segments_RL, row_R, deterministic):
    config = self.config
    (rows, length), heads = segments_RL.shape, config.num_heads
    width = config.hidden_size

    def dense(features, axes, name):
      return nn.Dense(
        features,
        name=name,
        dtype=config.dtype,
        param_dtype=config.param_dtype,
        kernel_init=_named(nn.initializers.normal(0.02), *axes),
        bias_init=_named(nn.initializers.zeros, axes[1]),
      )

    def drop(x, rate):
      if deterministic or not rate:
        return x
      return drop_rows(x, rate, self.make_rng("dropout"), row_R)

    def drop_flat(x_TD):
      x_RLD = x_TD.reshape(rows, length, width)
      return drop(x_RLD, config.dropout).reshape(-1, width)

    # Dense layers see tokens in one line: XLA's CPU product is slow when a
    # backward pass contracts over two axes.
    q_RHLK, k_RHLK, v_RHLK = (
      dense(width, ("embed", "heads"), name)(x_TD)
      .reshape(rows, length, heads, width // heads)
      .swapaxes(1, 2)
      for name in ("query", "key", "value")
    )
    mixed_RHLK = attention.attend(
      q_RHLK,
      k_RHLK,
      v_RHLK,
      segments_RL,
      drop=functools.partial(drop, rate=config.attention_dropout),
    )
    y_TD = mixed_RHLK.swapaxes(1, 2).reshape(-1, width)
    y_TD = drop_flat(dense(width, ("heads", "embed"), "attention_out")(y_TD))
    x_TD = _norm(config, "attention_norm")(x_TD + y_TD).astype(config.dtype)

    y_TF = dense(config.mlp_size, ("embed", "mlp"), "mlp_in")(x_TD)
    y_TF = nn.gelu(y_TF, approximate=False)
    y_TD = drop_flat(dense(width, ("mlp", "embed"), "mlp_out")(y_TF))
    x_TD = _norm(config, "mlp_norm")(x_TD + y_TD).astype(config.dtype)
    return nn.with_logical_constraint(x_TD, ("rows", None)), None


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


def _named(initializer, *axes):
  return nn.with_logical_partitioning(initializer, axes)


def _norm(config, name):
  wide = jnp.promote_types(config.dtype, jnp.float32)
  return nn.LayerNorm(
    config.layer_norm_eps,
    name=name,
    dtype=wide,
    param_dtype=config.param_dtype,
    use_fast_variance=False,
    scale_init=_named(nn.initializers.ones, "embed"),
    bias_init=_named(nn.initializers.zeros, "embed"),
  )
