"""What Qwen3 and Gemma3 share: norms of heads, shared heads, a gated MLP."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax

from hybridret_jax.models import dense as denses
from hybridret_jax.models import layers
from hybridret_jax.models.encoders.architecture import (
  Architecture,
  Kind,
  Said,
  Source,
)

if TYPE_CHECKING:
  from hybridret_jax.models.encoder import EncoderConfig

_LAYER = "layers.{}."


@dataclasses.dataclass(frozen=True)
class Decoder(Architecture):
  """Fields and names of a decoder that is used as an encoder.

  Attributes:
    kv_heads: heads of keys and values, which heads of queries share (Ainslie et
      al., GQA, arXiv 2305.13245).
    size: units of a head.
    attention_bias: whether attention's dense layers have biases.
  """

  kv_heads: int
  size: int
  attention_bias: bool = False

  def check(self, config):
    if config.dropout:
      raise ValueError(
        f"model.dropout {config.dropout}: this architecture drops nothing but"
        " attention's probabilities; set model.dropout=0, or None"
      )
    if config.num_heads % self.kv_heads:
      raise ValueError(
        f"num_attention_heads {config.num_heads} is not a multiple of"
        f" num_key_value_heads {self.kv_heads}; give the file that the model"
        " came with"
      )

  def head_size(self, config):
    return self.size

  def products(self, config):
    width = config.hidden_size
    heads = 2 * config.num_heads + 2 * self.kv_heads
    return heads * self.size * width + 3 * width * config.mlp_size


def sources(**norms: str) -> dict[str, Source]:
  """Where parameters lie, `norms` by their name here, theirs in a layer."""
  scales = {
    "query_norm": "self_attn.q_norm",
    "key_norm": "self_attn.k_norm",
    **norms,
  }
  dense = {
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "attention_out": "self_attn.o_proj",
    "mlp_gate": "mlp.gate_proj",
    "mlp_in": "mlp.up_proj",
    "mlp_out": "mlp.down_proj",
  }
  return {
    "tokens/embedding": Source("embed_tokens.weight"),
    "final_norm/scale": Source("norm.weight"),
    **{
      f"layers/{ours}/scale": Source(f"{_LAYER}{theirs}.weight")
      for ours, theirs in scales.items()
    },
    **{
      f"layers/{ours}/{leaf}": Source(f"{_LAYER}{theirs}.{name}")
      for ours, theirs in dense.items()
      for leaf, name in (("kernel", "weight"), ("bias", "bias"))
    },
  }


def attention(
  config: "EncoderConfig",
  kind: Kind,
  x_TD: jax.Array,
  tokens: layers.Tokens,
  *,
  norm: Callable[[str], Any],
  scale: float = 1.0,
  key: jax.Array | None = None,
) -> jax.Array:
  """Attention with a norm over each query's and key's head, and its output.

  Makes modules of the layer that calls it.

  Args:
    config: of the encoder.
    kind: of the layer.
    x_TD: tokens after the layer's norm.
    tokens: of the line.
    norm: the norm over a head's units, by its name.
    scale: of the scores, beside the root of a head's units.
    key: of dropout of the probabilities; None for none.
  """
  made: Any = config.architecture
  widths = {
    "query": config.num_heads * made.size,
    "key": made.kv_heads * made.size,
    "value": made.kv_heads * made.size,
  }
  bias = made.attention_bias
  q_TD, k_TD, v_TD = denses.side_by_side(
    [
      layers.dense(config, width, ("embed", "heads"), name, bias=bias)
      for name, width in widths.items()
    ],
    x_TD,
  )
  turned = []
  assert kind.theta is not None
  for name, y_TD in (("query", q_TD), ("key", k_TD)):
    y_THK = y_TD.reshape(y_TD.shape[0], -1, made.size)
    y_THK = norm(f"{name}_norm")(y_THK)
    if name == "query" and scale != 1:
      y_THK = y_THK * scale
    y_TD = y_THK.reshape(y_TD.shape).astype(config.dtype)
    heads = y_THK.shape[1]
    turned.append(layers.rotate(y_TD, heads, tokens.rotary[kind.theta]))
  mixed_TD = layers.attend([*turned, v_TD], tokens, config, kind, key=key)
  out = layers.dense(
    config, config.hidden_size, ("heads", "embed"), "attention_out", bias=bias
  )
  return out(mixed_TD)


def gated_mlp(
  config: "EncoderConfig",
  x_TD: jax.Array,
  activation: Callable[[jax.Array], jax.Array],
) -> jax.Array:
  """An MLP whose hidden units are gated; makes modules of its caller.

  Source: Shazeer, arXiv 2002.05202.
  """
  gate_TF, up_TF = denses.side_by_side(
    [
      layers.dense(config, config.mlp_size, ("embed", "mlp"), name, bias=False)
      for name in ("mlp_gate", "mlp_in")
    ],
    x_TD,
  )
  wide = layers.wide(config.dtype)
  y_TF = (activation(gate_TF.astype(wide)) * up_TF).astype(config.dtype)
  out = layers.dense(
    config, config.hidden_size, ("mlp", "embed"), "mlp_out", bias=False
  )
  return out(y_TF)


def read(said: Said) -> dict[str, Any]:
  """Fields of `Decoder`, out of a config.json."""
  theirs, defaults = said.theirs, said.defaults
  return {
    "kv_heads": said.whole("num_key_value_heads", 2**10),
    "size": said.whole("head_dim", 2**12, least=2),
    "attention_bias": theirs.flag("attention_bias", defaults["attention_bias"]),
  }


def fields(said: Said) -> dict[str, Any]:
  """Fields of `EncoderConfig` that both say alike."""
  return {
    "type_vocab_size": 1,
    "position_offset": 0,
    "layer_norm_eps": said.epsilon("rms_norm_eps"),
    "dropout": 0.0,
    "attention_dropout": said.share("attention_dropout"),
  }


def their_config(
  config: "EncoderConfig", pad_id: int, ids: Sequence[str]
) -> dict[str, Any]:
  """What both write of themselves; `ids` are of tokens not known here."""
  made: Any = config.architecture
  return {
    "num_key_value_heads": made.kv_heads,
    "head_dim": made.size,
    "attention_bias": made.attention_bias,
    "attention_dropout": config.attention_dropout,
    "rms_norm_eps": config.layer_norm_eps,
    "initializer_range": 0.02,
    "pad_token_id": pad_id,
    "use_cache": False,
    **dict.fromkeys(ids),
  }
