"""Gemma3's text model as an encoder (EmbeddingGemma): windows, four norms."""

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

_FULL, _SLIDING = "full_attention", "sliding_attention"
_THETAS = {_FULL: 1_000_000.0, _SLIDING: 10_000.0}
_EVERY = 6  # Layers, of which the last sees all of a text.
# Defaults of transformers' config class, as config_file_test compares them.
DEFAULTS: dict[str, dict[str, Any]] = {
  "gemma3_text": {
    "vocab_size": 262_208,
    "hidden_size": 2304,
    "num_hidden_layers": 26,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "intermediate_size": 9216,
    "hidden_activation": "gelu_pytorch_tanh",
    "max_position_embeddings": 131_072,
    "rms_norm_eps": 1e-6,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
    "use_bidirectional_attention": False,
    "pad_token_id": 0,
  },
}
COMPUTES = {
  "hidden_activation": ("gelu_pytorch_tanh",),
  "attn_logit_softcapping": (None,),
}
NO_NUMBERS = frozenset(
  {
    # Read beside those with a default.
    *("layer_types", "sliding_window_pattern", "_sliding_window_pattern"),
    *("rope_parameters", "rope_theta", "rope_local_base_freq"),
    # Of the head that makes texts, and of how they are made.
    *("final_logit_softcapping", "cache_implementation"),
  }
)
_NAMES = decoders.sources(
  attention_norm="input_layernorm",
  attention_out_norm="post_attention_layernorm",
  mlp_norm="pre_feedforward_layernorm",
  mlp_out_norm="post_feedforward_layernorm",
)


@dataclasses.dataclass(frozen=True)
class Gemma3(decoders.Decoder):
  """Scaled tokens, layers with a norm before and behind each part, a last norm.

  Source: Gemma Team, arXiv 2503.19786; Schechter Vera et al. (EmbeddingGemma),
  arXiv 2509.20354.

  Attributes:
    causal: whether a token sees none that come after it.
    window: tokens that a layer with a window sees to either side.
    full: numbers of the layers that see all of a text, from 0.
    full_theta: base of their rotary positions.
    window_theta: that of the others.
    scalar: scores are divided by its root.
  """

  causal: bool = False
  window: int = 256
  full: tuple[int, ...] = tuple(range(_EVERY - 1, 24, _EVERY))
  full_theta: float = _THETAS[_FULL]
  window_theta: float = _THETAS[_SLIDING]
  scalar: int = 256

  @property
  def layer(self):
    return Layer

  def embed(self, config, tokens_TD, rows):
    return (tokens_TD * config.hidden_size**0.5).astype(config.dtype)

  def kinds(self, config):
    return tuple(
      Kind(theta=self.full_theta, causal=self.causal)
      if i in self.full
      else Kind(self.window, self.causal, self.window_theta)
      for i in range(config.num_layers)
    )

  def finish(self, config, x_TD):
    norm = layers.rms_norm(config, "final_norm", centred=True)
    return norm(x_TD).astype(config.dtype)

  def sources(self, config):
    return _NAMES

  def their_config(self, config, pad_id):
    # A causal window counts the token itself; half of the other does not.
    window = self.window + 1 if self.causal else 2 * self.window
    return {
      "architectures": ["Gemma3TextModel"],
      "model_type": "gemma3_text",
      "hidden_activation": "gelu_pytorch_tanh",
      "query_pre_attn_scalar": self.scalar,
      "use_bidirectional_attention": not self.causal,
      "sliding_window": window,
      "layer_types": [
        _FULL if i in self.full else _SLIDING for i in range(config.num_layers)
      ],
      "rope_theta": self.full_theta,
      "rope_local_base_freq": self.window_theta,
      **decoders.their_config(config, pad_id, ("bos_token_id", "eos_token_id")),
    }


class Layer(nn.Module):
  """One layer; carries `x_TD`, the tokens of all rows in a line."""

  config: "EncoderConfig"
  kind: Kind

  @nn.compact
  def __call__(self, x_TD, tokens, deterministic):
    config = self.config
    made: Any = config.architecture

    def normed(name, x_TD):
      norm = layers.rms_norm(config, name, centred=True)
      return norm(x_TD).astype(config.dtype)

    x_TD = denses.kept(x_TD, layers.INPUT)
    key = None
    if not deterministic and config.attention_dropout:
      key = self.make_rng("dropout")
    y_TD = decoders.attention(
      config,
      self.kind,
      normed("attention_norm", x_TD),
      tokens,
      norm=lambda name: layers.rms_norm(config, name, axis=None, centred=True),
      scale=(made.size / made.scalar) ** 0.5,
      key=key,
    )
    x_TD = x_TD + normed("attention_out_norm", y_TD)
    y_TD = decoders.gated_mlp(config, normed("mlp_norm", x_TD), jax.nn.gelu)
    x_TD = x_TD + normed("mlp_out_norm", y_TD)
    return meshes.keep_rows_apart(x_TD), None


def read(said: Said) -> dict[str, Any]:
  """Fields of `EncoderConfig` that a config.json of this architecture says."""
  theirs = said.theirs
  causal = not theirs.flag(
    "use_bidirectional_attention", said.defaults["use_bidirectional_attention"]
  )
  window = said.whole("sliding_window", 2**20)
  thetas = said.thetas(
    _THETAS, {_FULL: "rope_theta", _SLIDING: "rope_local_base_freq"}
  )
  every = said.theirs.integer(
    "sliding_window_pattern",
    theirs.integer("_sliding_window_pattern", _EVERY, least=1, most=2**10),
    least=1,
    most=2**10,
  )
  count = said.whole("num_hidden_layers", 2**10)
  made = Gemma3(
    **decoders.read(said),
    causal=causal,
    window=window - 1 if causal else window // 2,
    full=said.layers_of(_FULL, _SLIDING, tuple(range(every - 1, count, every))),
    full_theta=thetas[_FULL],
    window_theta=thetas[_SLIDING],
    scalar=said.whole("query_pre_attn_scalar", 2**20),
  )
  return {"architecture": made, **decoders.fields(said)}
