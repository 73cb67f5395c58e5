"""A transformer encoder over packed rows: its shape, and its layers in turn."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax

from hybridret_jax.models import dense as denses
from hybridret_jax.models import layers
from hybridret_jax.models.encoders import bert
from hybridret_jax.models.encoders.architecture import Architecture, Kind

# One length of rows: ids_RL, segments_RL, positions_RL, text_index_RL, row_R;
# and types_RL where some token has a type other than 0.
Tier = tuple[jax.Array, ...]

# What the backward pass keeps of a layer: everything; its input, what attention
# mixed and the outputs of dense layers (scores and gelu are computed again);
# its input only.
REMATS = ("none", "dense", "full")
VOCAB_MULTIPLE = 128  # 250,002 pieces do not divide by 4 or 8 devices.


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
  """Shape and numerics of an encoder; the defaults are XLM-R base's.

  `architecture` says what the encoder is, and has what only that one needs.
  """

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
  narrow_products: bool = False  # dense.Dense says what of.
  # Layers are compiled one by one: more time and program for less copying of
  # what the backward pass keeps, which a loop stacks.
  unrolled: bool = False
  architecture: Architecture = bert.Bert()

  def __post_init__(self):
    if self.remat not in REMATS:
      raise ValueError(f"remat {self.remat!r} is not one of {REMATS}")
    self.architecture.check(self)

  @property
  def table_size(self) -> int:
    """Rows of the token table: the vocabulary, rounded up so that it shards."""
    return -(-self.vocab_size // VOCAB_MULTIPLE) * VOCAB_MULTIPLE

  @property
  def max_length(self) -> int:
    """Longest text in tokens, special ones included."""
    return self.max_positions - self.position_offset

  @property
  def kinds(self) -> tuple[Kind, ...]:
    """The kind of each layer."""
    return self.architecture.kinds(self)


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
      table_VD = layers.Table(
        config.table_size,
        config.hidden_size,
        "vocab",
        config.param_dtype,
        name="tokens",
      )()
      token_vectors = table_VD[layers.line([tier[0] for tier in rows])]
    x_TD = config.architecture.embed(config, token_vectors, rows)
    tokens = _tokens(config, rows)
    if not deterministic and config.dropout:
      x_TD = layers.drop_line(
        x_TD, tokens, config.dropout, self.make_rng("dropout")
      )
    x_TD = self._in_turn(x_TD, tokens, deterministic)
    return config.architecture.finish(config, x_TD)

  def _in_turn(self, x_TD, tokens, deterministic):
    """All layers. Those of one kind are one loop, and make all parameters."""
    config = self.config
    if len(set(config.kinds)) == 1 or self.is_initializing():
      layer = config.architecture.layer
      if config.remat != "none":
        layer = nn.remat(
          layer,
          # A loop keeps the two computations apart.
          prevent_cse=config.unrolled,
          static_argnums=(3,),
          policy=_kept(config),
        )
      x_TD, _ = nn.scan(
        layer,
        length=config.num_layers,
        unroll=config.num_layers if config.unrolled else 1,
        variable_axes={"params": 0},
        split_rngs={"params": True, "dropout": True},
        in_axes=(nn.broadcast,) * 2,  # pyright: ignore[reportArgumentType]
        metadata_params={nn.PARTITION_NAME: "layers"},
      )(config, config.kinds[-1], name="layers")(x_TD, tokens, deterministic)
      return x_TD
    keys = None
    if not deterministic:
      keys = jax.random.split(self.make_rng("dropout"), config.num_layers)
    params = nn.unbox(self.get_variable("params", "layers"))
    return alternate(config, params, x_TD, tokens, keys)


def alternate(
  config: EncoderConfig,
  stacked: Any,
  x_TD: jax.Array,
  tokens: layers.Tokens,
  keys_L: jax.Array | None,
) -> jax.Array:
  """Layers of several kinds in turn; what repeats of them is one loop.

  Args:
    config: of the encoder.
    stacked: parameters of all layers, along their leading axis.
    x_TD: what the first layer takes.
    tokens: of the line.
    keys_L: of each layer's dropout; None for none.
  """
  for start, pattern, repeats in runs(config.kinds):
    steps = [
      _step(config, kind, tokens, looped=repeats > 1 and not config.unrolled)
      for kind in pattern
    ]
    count = len(pattern)
    some = jax.tree.map(
      lambda x, at=start, count=count, repeats=repeats: x[
        at : at + count * repeats
      ].reshape(repeats, count, *x.shape[1:]),
      (stacked, keys_L),
    )

    def group(x_TD, group, steps=steps):
      for i, step in enumerate(steps):
        x_TD = step(x_TD, *jax.tree.map(lambda x, i=i: x[i], group))
      return x_TD, None

    if repeats > 1:
      x_TD, _ = jax.lax.scan(
        group, x_TD, some, unroll=repeats if config.unrolled else 1
      )
    else:
      x_TD, _ = group(x_TD, jax.tree.map(lambda x: x[0], some))
  return x_TD


def runs(
  kinds: Sequence[Kind],
) -> list[tuple[int, tuple[Kind, ...], int]]:
  """(first layer, kinds that repeat, how often) of each stretch of layers."""
  found, start = [], 0
  while start < len(kinds):
    pattern, repeats = kinds[start : start + 1], 1
    for size in range(1, (len(kinds) - start) // 2 + 1):
      these, times = kinds[start : start + size], 1
      while kinds[start + times * size :][:size] == these:
        times += 1
      if times > 1 and times * size > repeats * len(pattern):
        pattern, repeats = these, times
    found.append((start, tuple(pattern), repeats))
    start += repeats * len(pattern)
  return found


def _step(config, kind, tokens, *, looped) -> Callable[..., jax.Array]:
  """(x_TD, a layer's parameters, its key) -> x_TD."""
  layer = config.architecture.layer(config, kind, parent=None)

  def step(x_TD, params, key):
    rngs = {} if key is None else {"dropout": key}
    return layer.apply(
      {"params": params}, x_TD, tokens, key is None, rngs=rngs
    )[0]

  if config.remat == "none":
    return step
  # What stands in no loop would be taken for what was computed before.
  return jax.checkpoint(step, prevent_cse=not looped, policy=_kept(config))


def _kept(config):
  names = (denses.SAVED,) if config.remat == "dense" else ()
  return jax.checkpoint_policies.save_only_these_names(layers.INPUT, *names)


def _tokens(config, rows):
  thetas = {kind.theta for kind in config.kinds if kind.theta is not None}
  positions_T = layers.line([tier[2] for tier in rows])
  return layers.Tokens(
    tiers=tuple((tier[1], tier[4]) for tier in rows),
    rotary={
      theta: layers.angles(
        positions_T,
        config.architecture.frequencies(config, theta),
        config.dtype,
      )
      for theta in sorted(thetas)
    },
  )
