"""GTE's NewModel (gte-multilingual-base): post-norm, rotary, gated MLP.

Its class comes with the model as remote code, which is not run here.
"""

import dataclasses
from typing import TYPE_CHECKING, Any

import flax.linen as nn
import numpy as np

from hybridret_jax.models import dense as denses
from hybridret_jax.models import layers
from hybridret_jax.models.encoders.architecture import (
  Architecture,
  Kind,
  Said,
  Source,
)
from hybridret_jax.parallel import mesh as meshes

if TYPE_CHECKING:
  from hybridret_jax.models.encoder import EncoderConfig

# Defaults of its own config class.
DEFAULTS: dict[str, dict[str, Any]] = {
  "new": {
    "vocab_size": 30528,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.0,
    "max_position_embeddings": 2048,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-12,
    "rope_theta": 10_000.0,
    "pad_token_id": 0,
  },
}
COMPUTES = {
  "hidden_act": ("gelu",),
  "layer_norm_type": ("layer_norm",),
  "logn_attention_clip1": (False,),
  "logn_attention_scale": (False,),
  "pack_qkv": (True,),
  "position_embedding_type": ("rope",),
}
_REMOTE = "Alibaba-NLP/new-impl--"  # Where the hub has its code.
NO_NUMBERS = frozenset(
  {
    "rope_scaling",  # Read beside those with a default.
    *("auto_map", "unpad_inputs", "use_memory_efficient_attention"),
  }
)
_LAYER = "encoder.layer.{}."
_NAMES = {
  "tokens/embedding": Source("embeddings.word_embeddings.weight"),
  "types/embedding": Source("embeddings.token_type_embeddings.weight"),
  "norm/scale": Source("embeddings.LayerNorm.weight"),
  "norm/bias": Source("embeddings.LayerNorm.bias"),
  "layers/attention_norm/scale": Source(_LAYER + "attn_ln.weight"),
  "layers/attention_norm/bias": Source(_LAYER + "attn_ln.bias"),
  "layers/mlp_norm/scale": Source(_LAYER + "mlp_ln.weight"),
  "layers/mlp_norm/bias": Source(_LAYER + "mlp_ln.bias"),
  "layers/mlp_in/kernel": Source(_LAYER + "mlp.up_gate_proj.weight", 0, 2),
  "layers/mlp_gate/kernel": Source(_LAYER + "mlp.up_gate_proj.weight", 1, 2),
} | {
  f"layers/{ours}/{leaf}": Source(f"{_LAYER}{theirs}.{name}", part, parts)
  for leaf, name in (("kernel", "weight"), ("bias", "bias"))
  for ours, theirs, part, parts in (
    ("query", "attention.qkv_proj", 0, 3),
    ("key", "attention.qkv_proj", 1, 3),
    ("value", "attention.qkv_proj", 2, 3),
    ("attention_out", "attention.o_proj", 0, 1),
    ("mlp_out", "mlp.down_proj", 0, 1),
  )
}


@dataclasses.dataclass(frozen=True)
class Gte(Architecture):
  """Sum of token and type, a norm, and post-norm layers with a gated MLP.

  Source: Zhang et al., mGTE, arXiv 2407.19669, section 2.

  Attributes:
    theta: base of rotary positions, before it is scaled.
    scaling: how many times longer texts are than those the base is for, by
      which it is scaled ("NTK"-aware); 1 leaves it.
  """

  theta: float = 20_000.0
  scaling: float = 8.0

  in_transformers = False

  @property
  def layer(self):
    return Layer

  def embed(self, config, tokens_TD, rows):
    x_TD = tokens_TD
    if config.type_vocab_size:
      types_KD = layers.Table(
        config.type_vocab_size,
        config.hidden_size,
        None,
        config.param_dtype,
        name="types",
      )()
      x_TD = x_TD + types_KD[:1]
    return layers.norm(config, "norm")(x_TD).astype(config.dtype)

  def kinds(self, config):
    return (Kind(theta=self.theta),) * config.num_layers

  def frequencies(self, config, theta):
    if self.scaling == 1:
      return super().frequencies(config, theta)
    scaled = super().frequencies(config, theta * self.scaling)
    size = self.head_size(config)
    return (scaled / np.float32(self.scaling ** (2 / size))).astype(np.float32)

  def products(self, config):
    width = config.hidden_size
    return 4 * width**2 + 3 * width * config.mlp_size

  def sources(self, config):
    return _NAMES

  def their_config(self, config, pad_id):
    scaling = {"factor": self.scaling, "type": "ntk"}
    return {
      "architectures": ["NewModel"],
      "auto_map": {
        "AutoConfig": f"{_REMOTE}configuration.NewConfig",
        "AutoModel": f"{_REMOTE}modeling.NewModel",
      },
      "model_type": "new",
      "type_vocab_size": config.type_vocab_size,
      "layer_norm_eps": config.layer_norm_eps,
      "hidden_dropout_prob": config.dropout,
      "attention_probs_dropout_prob": config.attention_dropout,
      "rope_theta": self.theta,
      "rope_scaling": None if self.scaling == 1 else scaling,
      "initializer_range": 0.02,
      "pad_token_id": pad_id,
      **{key: values[0] for key, values in COMPUTES.items()},
    }


class Layer(nn.Module):
  """One post-norm layer; carries `x_TD`, the tokens of all rows in a line."""

  config: "EncoderConfig"
  kind: Kind

  @nn.compact
  def __call__(self, x_TD, tokens, deterministic):
    config, kind = self.config, self.kind
    dense, width = layers.dense, config.hidden_size

    def drop_line(y_TD):
      if deterministic or not config.dropout:
        return y_TD
      key = self.make_rng("dropout")
      return layers.drop_line(y_TD, tokens, config.dropout, key)

    x_TD = denses.kept(x_TD, layers.INPUT)
    q_TD, k_TD, v_TD = denses.side_by_side(
      [
        dense(config, width, ("embed", "heads"), name)
        for name in ("query", "key", "value")
      ],
      x_TD,
    )
    rotary = tokens.rotary[kind.theta]
    turned = [layers.rotate(x, config.num_heads, rotary) for x in (q_TD, k_TD)]
    key = None
    if not deterministic and config.attention_dropout:
      key = self.make_rng("dropout")
    mixed_TD = layers.attend([*turned, v_TD], tokens, config, kind, key=key)
    out = dense(config, width, ("heads", "embed"), "attention_out")
    x_TD = x_TD + drop_line(out(mixed_TD))
    x_TD = layers.norm(config, "attention_norm")(x_TD).astype(config.dtype)

    up_TF, gate_TF = denses.side_by_side(
      [
        dense(config, config.mlp_size, ("embed", "mlp"), name, bias=False)
        for name in ("mlp_in", "mlp_gate")
      ],
      x_TD,
    )
    y_TF = drop_line((layers.gelu(gate_TF) * up_TF).astype(config.dtype))
    out = dense(config, width, ("mlp", "embed"), "mlp_out")
    x_TD = layers.norm(config, "mlp_norm")(x_TD + drop_line(out(y_TF)))
    return meshes.keep_rows_apart(x_TD.astype(config.dtype)), None


def read(said: Said) -> dict[str, Any]:
  """Fields of `EncoderConfig` that a config.json of this architecture says."""
  said.heads_divide()
  theirs = said.theirs
  scaling = theirs.section("rope_scaling")
  factor = 1.0
  if scaling.values:
    scaling.choice("type", ("ntk",))
    factor = scaling.number("factor", above=1, below=1e4)
    scaling.only({"type", "factor"}, "this model is not supported")
  return {
    "architecture": Gte(
      theta=said.base("rope_theta", said.defaults["rope_theta"]),
      scaling=factor,
    ),
    "type_vocab_size": said.theirs.choice("type_vocab_size", (0, 1), 1),
    "position_offset": 0,
    "layer_norm_eps": said.epsilon("layer_norm_eps"),
    "dropout": said.share("hidden_dropout_prob"),
    "attention_dropout": said.share("attention_probs_dropout_prob"),
  }
