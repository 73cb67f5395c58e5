"""Qwen3 as an encoder: causal, shared key heads, norms of heads, rotary."""

import dataclasses
from typing import TYPE_CHECKING, Any

import flax.linen as nn
import jax

from hybridret_jax.models import dense as denses
from hybridret_jax.models import layers
from hybridret_jax.models.encoders import decoders
from hybridret_jax.models.encoders.architecture import Kind, Said
from hybridret_jax.parallel import mesh as meshes

if TYPE_CHECKING:
  from hybridret_jax.models.encoder import EncoderConfig

_FULL = "full_attention"
# Defaults of transformers' config class, as config_file_test compares them.
DEFAULTS: dict[str, dict[str, Any]] = {
  "qwen3": {
    "vocab_size": 151_936,
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "head_dim": 128,
    "intermediate_size": 22_016,
    "hidden_act": "silu",
    "max_position_embeddings": 32_768,
    "rms_norm_eps": 1e-6,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "use_sliding_window": False,
  },
}
COMPUTES = {"hidden_act": ("silu",), "use_sliding_window": (False,)}
NO_NUMBERS = frozenset(
  {
    # Read beside those with a default.
    *("layer_types", "rope_parameters", "rope_theta"),
    # Of windows, which are off; the tokenizer's padding is used.
    *("sliding_window", "max_window_layers", "pad_token_id"),
  }
)
_THETA = 10_000.0
_NAMES = decoders.sources(
  attention_norm="input_layernorm", mlp_norm="post_attention_layernorm"
)


@dataclasses.dataclass(frozen=True)
class Qwen3(decoders.Decoder):
  """Pre-norm layers that look back only, and a last norm.

  Source: Yang et al., arXiv 2505.09388; Zhang et al. (embedding), arXiv
  2506.05176.

  Attributes:
    theta: base of rotary positions.
  """

  theta: float = 1_000_000.0

  @property
  def layer(self):
    return Layer

  def embed(self, config, tokens_TD, rows):
    return tokens_TD.astype(config.dtype)

  def kinds(self, config):
    return (Kind(causal=True, theta=self.theta),) * config.num_layers

  def finish(self, config, x_TD):
    return layers.rms_norm(config, "final_norm")(x_TD).astype(config.dtype)

  def sources(self, config):
    return _NAMES

  def their_config(self, config, pad_id):
    ids = ("bos_token_id", "eos_token_id")
    return {
      "architectures": ["Qwen3Model"],
      "model_type": "qwen3",
      "hidden_act": "silu",
      "rope_theta": self.theta,
      "use_sliding_window": False,
      **decoders.their_config(config, pad_id, ids),
    }


class Layer(nn.Module):
  """One pre-norm layer; carries `x_TD`, the tokens of all rows in a line."""

  config: "EncoderConfig"
  kind: Kind

  @nn.compact
  def __call__(self, x_TD, tokens, deterministic):
    config = self.config

    def normed(name, x_TD):
      return layers.rms_norm(config, name)(x_TD).astype(config.dtype)

    x_TD = denses.kept(x_TD, layers.INPUT)
    key = None
    if not deterministic and config.attention_dropout:
      key = self.make_rng("dropout")
    x_TD = x_TD + decoders.attention(
      config,
      self.kind,
      normed("attention_norm", x_TD),
      tokens,
      norm=lambda name: layers.rms_norm(config, name, axis=None),
      key=key,
    )
    y_TD = normed("mlp_norm", x_TD)
    x_TD = x_TD + decoders.gated_mlp(config, y_TD, jax.nn.silu)
    return meshes.keep_rows_apart(x_TD), None


def read(said: Said) -> dict[str, Any]:
  """Fields of `EncoderConfig` that a config.json of this architecture says."""
  theirs = said.theirs
  count = said.whole("num_hidden_layers", 2**10)
  theirs.choice("layer_types", ([_FULL] * count,), [_FULL] * count)
  rotary = theirs.section("rope_parameters")
  rotary.choice("rope_type", ("default",), "default")
  rotary.only({"rope_type", "rope_theta"}, "this model is not supported")
  theta = said.base("rope_theta", _THETA)
  if rotary.says("rope_theta"):
    theta = rotary.number("rope_theta", above=1, below=1e12)
  return {
    "architecture": Qwen3(**decoders.read(said), theta=theta),
    **decoders.fields(said),
  }
