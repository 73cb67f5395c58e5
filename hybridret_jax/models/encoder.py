"""One transformer encoder for BERT, LaBSE and XLM-R, over packed rows."""

import dataclasses
import functools
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from hybridret_jax.models import attention
from hybridret_jax.models import dense as denses
from hybridret_jax.parallel import mesh as meshes

# One length of rows: ids_RL, segments_RL, positions_RL, text_index_RL, row_R;
# and types_RL where some token has a type other than 0.
Tier = tuple[jax.Array, ...]

# What the backward pass keeps of a layer: everything; its input, what attention
# mixed and the outputs of dense layers (scores and gelu are computed again);
# its input only.
REMATS = ("none", "dense", "full")
_INPUT = "layer_input"
_UNTYPED = 5  # Arrays of a tier whose tokens all have type 0.
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
  attention: str = "xla"  # attention.choose says which.

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
  """States x_TD of the tokens of all rows in a line, in the compute dtype."""

  config: EncoderConfig

  @nn.compact
  def __call__(self, rows, *, deterministic=True, token_vectors=None):
    """Encodes rows in which several texts may stand side by side.

    Args:
      rows: a tuple of tiers; one has the rows of one length: ids_RL,
        segments_RL (0 where there is no text), positions_RL (of each token in
        its text, from 0), text_index_RL, and row_R, the number of each row in
        the global batch, from which dropout follows; all tiers or none have
        types_RL too.
      deterministic: False draws dropout from the "dropout" stream.
      token_vectors: rows of the token table in the order of the ids, [T, D],
        if they were looked up outside.

    Returns:
      x_TD, T counting through the first tier's rows, then the next one's.
    """
    config = self.config
    if token_vectors is None:
      table_VD = self._table("tokens", config.table_size, "vocab")
      token_vectors = table_VD[_line([tier[0] for tier in rows])]
    positions_T = _line([tier[2] for tier in rows]) + config.position_offset
    positions_PD = self._table("positions", config.max_positions, None)
    types_KD = self._table("types", config.type_vocab_size, None)
    # Looked up, then rounded: a gradient adds up in the table's own dtype.
    types_TD = types_KD[:1]
    if len(rows[0]) > _UNTYPED:
      types_TD = types_KD[_line([tier[_UNTYPED] for tier in rows])]
    x_TD = token_vectors + positions_PD[positions_T] + types_TD
    x_TD = _norm(config, "norm")(x_TD).astype(config.dtype)
    inside = tuple((tier[1], tier[4]) for tier in rows)
    if not deterministic and config.dropout:
      x_TD = _drop_line(x_TD, inside, config.dropout, self.make_rng("dropout"))
    layer = Layer
    if config.remat != "none":
      policies = jax.checkpoint_policies
      layer = nn.remat(
        Layer,
        prevent_cse=False,  # The scan keeps the two computations apart.
        static_argnums=(3,),
        policy=policies.save_only_these_names(
          _INPUT, *((denses.SAVED,) if config.remat == "dense" else ())
        ),
      )
    x_TD, _ = nn.scan(
      layer,
      length=config.num_layers,
      variable_axes={"params": 0},
      split_rngs={"params": True, "dropout": True},
      in_axes=(nn.broadcast,) * 2,  # pyright: ignore[reportArgumentType]
      metadata_params={nn.PARTITION_NAME: "layers"},
    )(config, name="layers")(x_TD, inside, deterministic)
    return x_TD

  def _table(self, name, rows, axis):
    return Table(
      rows,
      self.config.hidden_size,
      axis,
      self.config.param_dtype,
      name=name,
    )()


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
      _named(nn.initializers.normal(0.02), self.axis, None),
      (self.rows, self.width),
      self.param_dtype,
    )


class Layer(nn.Module):
  """One post-norm layer; carries `x_TD`, the tokens of all rows in a line."""

  config: EncoderConfig

  @nn.compact
  def __call__(self, x_TD, inside, deterministic):
    config = self.config
    width = config.hidden_size

    def layer(features, axes, name):
      return denses.Dense(
        features, axes, config.dtype, config.param_dtype, name=name
      )

    def drop_line(y_TD):
      if deterministic or not config.dropout:
        return y_TD
      key = self.make_rng("dropout")
      return _drop_line(y_TD, inside, config.dropout, key)

    x_TD = denses.kept(x_TD, _INPUT)
    # Dense layers see tokens in one line: XLA's CPU product is slow when a
    # backward pass contracts over two axes.
    qkv_TD = denses.side_by_side(
      [
        layer(width, ("embed", "heads"), name)
        for name in ("query", "key", "value")
      ],
      x_TD,
    )
    key = None
    if not deterministic and config.attention_dropout:
      key = self.make_rng("dropout")
    mixed_TD = _attend(qkv_TD, inside, config, key)
    y_TD = drop_line(
      layer(width, ("heads", "embed"), "attention_out")(mixed_TD)
    )
    x_TD = _norm(config, "attention_norm")(x_TD + y_TD).astype(config.dtype)

    y_TF = layer(config.mlp_size, ("embed", "mlp"), "mlp_in")(x_TD)
    y_TF = gelu(y_TF).astype(config.dtype)
    y_TD = drop_line(layer(width, ("mlp", "embed"), "mlp_out")(y_TF))
    x_TD = _norm(config, "mlp_norm")(x_TD + y_TD).astype(config.dtype)
    return meshes.keep_rows_apart(x_TD), None


def gelu(x: jax.Array) -> jax.Array:
  """Gaussian error linear units by erf, in float32 at least.

  `jax.nn.gelu` takes erfc, which costs several times as much on a CPU.
  Source: Hendrycks and Gimpel, arXiv 1606.08415, section 2.
  """
  x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
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
  return _erf(x), 2 / math.sqrt(math.pi) * (dx * jnp.exp(-jnp.square(x)))


def _attend(qkv_TD, inside, config, key):
  """Attention in each tier's rows; all tiers' tokens in a line."""
  mixed, start = [], 0
  for segments_RL, row_R in inside:
    (rows, length), heads = segments_RL.shape, config.num_heads
    end = start + rows * length
    q_RHLK, k_RHLK, v_RHLK = (
      x_TD[start:end].reshape(rows, length, heads, -1).swapaxes(1, 2)
      for x_TD in qkv_TD
    )
    drop = None
    if key is not None:
      drop = functools.partial(
        drop_rows, rate=config.attention_dropout, key=key, row_R=row_R
      )
    mixed_RHLK = attention.attend(
      q_RHLK,
      k_RHLK,
      v_RHLK,
      segments_RL,
      implementation=config.attention,
      drop=drop,
    )
    mixed.append(
      mixed_RHLK.swapaxes(1, 2).reshape(end - start, config.hidden_size)
    )
    start = end
  return jnp.concatenate(mixed) if len(mixed) > 1 else mixed[0]


def _drop_line(x_TD, inside, rate, key):
  """Dropout of tokens in a line, row by row."""
  dropped, start = [], 0
  for segments_RL, row_R in inside:
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


def _line(arrays):
  return jnp.concatenate([array.reshape(-1) for array in arrays])


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
