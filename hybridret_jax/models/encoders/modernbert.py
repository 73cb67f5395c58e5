"""ModernBERT, mmBERT and Granite R2: pre-norm, GeGLU, rotary, windows."""

import dataclasses
from typing import TYPE_CHECKING, Any

import flax.linen as nn

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

_FULL, _SLIDING = "full_attention", "sliding_attention"
_THETAS = {_FULL: 160_000.0, _SLIDING: 10_000.0}
_EVERY = 3  # Layers, of which the first sees all of a text.
# Defaults of transformers' config class, as config_file_test compares them.
DEFAULTS: dict[str, dict[str, Any]] = {
  "modernbert": {
    "vocab_size": 50368,
    "hidden_size": 768,
    "num_hidden_layers": 22,
    "num_attention_heads": 12,
    "intermediate_size": 1152,
    "hidden_activation": "gelu",
    "max_position_embeddings": 8192,
    "norm_eps": 1e-5,
    "norm_bias": False,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "local_attention": 128,
    "embedding_dropout": 0.0,
    "mlp_bias": False,
    "mlp_dropout": 0.0,
    "pad_token_id": 50283,
  },
}
COMPUTES = {"hidden_activation": ("gelu",)}
NO_NUMBERS = frozenset(
  {
    # Read beside those with a default.
    *("layer_types", "global_attn_every_n_layers", "rope_parameters"),
    *("global_rope_theta", "local_rope_theta"),
    # Heads, and how a model is trained or run.
    *("classifier_pooling", "classifier_bias", "classifier_activation"),
    *("decoder_bias", "sparse_prediction", "sparse_pred_ignore_index"),
    *(
      "deterministic_flash_attn",
      "reference_compile",
      "initializer_cutoff_factor",
    ),
    *("repad_logits_with_grad", "compile"),
    # Of files on the hub, without a meaning in the class.
    *("position_embedding_type", "layer_norm_eps"),
  }
)
_LAYER = "layers.{}."
_NAMES = {
  "tokens/embedding": Source("embeddings.tok_embeddings.weight"),
  "norm/scale": Source("embeddings.norm.weight"),
  "norm/bias": Source("embeddings.norm.bias"),
  "final_norm/scale": Source("final_norm.weight"),
  "final_norm/bias": Source("final_norm.bias"),
  # The first layer has no norm of its own before attention.
  "layers/attention_norm/scale": Source(_LAYER + "attn_norm.weight", first=1),
  "layers/attention_norm/bias": Source(_LAYER + "attn_norm.bias", first=1),
  "layers/mlp_norm/scale": Source(_LAYER + "mlp_norm.weight"),
  "layers/mlp_norm/bias": Source(_LAYER + "mlp_norm.bias"),
} | {
  f"layers/{ours}/{leaf}": Source(f"{_LAYER}{theirs}.{name}", part, parts)
  for leaf, name in (("kernel", "weight"), ("bias", "bias"))
  for ours, theirs, part, parts in (
    ("query", "attn.Wqkv", 0, 3),
    ("key", "attn.Wqkv", 1, 3),
    ("value", "attn.Wqkv", 2, 3),
    ("attention_out", "attn.Wo", 0, 1),
    ("mlp_in", "mlp.Wi", 0, 2),
    ("mlp_gate", "mlp.Wi", 1, 2),
    ("mlp_out", "mlp.Wo", 0, 1),
  )
}


@dataclasses.dataclass(frozen=True)
class ModernBert(Architecture):
  """A norm over tokens, pre-norm layers, some with a window, a last norm.

  Source: Warner et al., arXiv 2412.13663; Marone et al. (mmBERT), arXiv
  2509.06888.

  Attributes:
    window: tokens that a layer with a window sees to either side.
    full: numbers of the layers that see all of a text, from 0.
    full_theta: base of their rotary positions.
    window_theta: that of the others.
    attention_bias: whether attention's dense layers have biases.
    mlp_bias: whether those of the MLP do.
    norm_bias: whether norms do.
  """

  window: int = 64
  full: tuple[int, ...] = tuple(range(0, 22, _EVERY))
  full_theta: float = _THETAS[_FULL]
  window_theta: float = _THETAS[_SLIDING]
  attention_bias: bool = False
  mlp_bias: bool = False
  norm_bias: bool = False

  unused = r"(head|decoder)\."  # Of its masked language model.

  @property
  def layer(self):
    return Layer

  def embed(self, config, tokens_TD, rows):
    norm = layers.norm(config, "norm", bias=self.norm_bias)
    return norm(tokens_TD).astype(config.dtype)

  def kinds(self, config):
    return tuple(
      Kind(theta=self.full_theta, first=i == 0)
      if i in self.full
      else Kind(window=self.window, theta=self.window_theta, first=i == 0)
      for i in range(config.num_layers)
    )

  def finish(self, config, x_TD):
    norm = layers.norm(config, "final_norm", bias=self.norm_bias)
    return norm(x_TD).astype(config.dtype)

  def products(self, config):
    width = config.hidden_size
    return 4 * width**2 + 3 * width * config.mlp_size

  def sources(self, config):
    return _NAMES

  def their_config(self, config, pad_id):
    every = min((i for i in self.full if i), default=config.num_layers)
    theirs = {
      "architectures": ["ModernBertModel"],
      "model_type": "modernbert",
      "hidden_activation": "gelu",
      "norm_eps": config.layer_norm_eps,
      "norm_bias": self.norm_bias,
      "attention_bias": self.attention_bias,
      "mlp_bias": self.mlp_bias,
      "attention_dropout": config.attention_dropout,
      "embedding_dropout": config.dropout,
      "mlp_dropout": config.dropout,
      "local_attention": 2 * self.window,
      "global_attn_every_n_layers": every,
      "layer_types": [
        _FULL if i in self.full else _SLIDING for i in range(config.num_layers)
      ],
      "global_rope_theta": self.full_theta,
      "local_rope_theta": self.window_theta,
      "initializer_range": 0.02,
      "pad_token_id": pad_id,
    }
    # Those of the class are of another tokenizer.
    ids = ("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id")
    return theirs | dict.fromkeys(ids)


class Layer(nn.Module):
  """One pre-norm layer; carries `x_TD`, the tokens of all rows in a line."""

  config: "EncoderConfig"
  kind: Kind

  @nn.compact
  def __call__(self, x_TD, tokens, deterministic):
    config, kind = self.config, self.kind
    made: Any = config.architecture
    dense, width = layers.dense, config.hidden_size
    rate = 0.0 if deterministic else config.attention_dropout

    x_TD = denses.kept(x_TD, layers.INPUT)
    normed_TD = x_TD
    if not kind.first:
      norm = layers.norm(config, "attention_norm", bias=made.norm_bias)
      normed_TD = norm(x_TD).astype(config.dtype)
    bias = made.attention_bias
    q_TD, k_TD, v_TD = denses.side_by_side(
      [
        dense(config, width, ("embed", "heads"), name, bias=bias)
        for name in ("query", "key", "value")
      ],
      normed_TD,
    )
    rotary = tokens.rotary[kind.theta]
    turned = [layers.rotate(x, config.num_heads, rotary) for x in (q_TD, k_TD)]
    key = self.make_rng("dropout") if rate else None
    mixed_TD = layers.attend([*turned, v_TD], tokens, config, kind, key=key)
    out = dense(config, width, ("heads", "embed"), "attention_out", bias=bias)
    y_TD = out(mixed_TD)
    if rate:
      key = self.make_rng("dropout")
      y_TD = layers.drop_line(y_TD, tokens, rate, key)
    x_TD = x_TD + y_TD

    norm = layers.norm(config, "mlp_norm", bias=made.norm_bias)
    in_TF, gate_TF = denses.side_by_side(
      [
        dense(
          config, config.mlp_size, ("embed", "mlp"), name, bias=made.mlp_bias
        )
        for name in ("mlp_in", "mlp_gate")
      ],
      norm(x_TD).astype(config.dtype),
    )
    y_TF = (layers.gelu(in_TF) * gate_TF).astype(config.dtype)
    if not deterministic and config.dropout:
      key = self.make_rng("dropout")
      y_TF = layers.drop_line(y_TF, tokens, config.dropout, key)
    out = dense(config, width, ("mlp", "embed"), "mlp_out", bias=made.mlp_bias)
    return meshes.keep_rows_apart(x_TD + out(y_TF)), None


def read(said: Said) -> dict[str, Any]:
  """Fields of `EncoderConfig` that a config.json of this architecture says."""
  said.heads_divide()
  theirs, defaults = said.theirs, said.defaults
  dropout = said.share("mlp_dropout")
  if said.share("embedding_dropout") != dropout:
    raise theirs.fault(
      f"embedding_dropout and mlp_dropout {dropout} differ",
      "set both to one number, or model.dropout",
    )
  local = said.whole("local_attention", 2**20)
  thetas = said.thetas(
    _THETAS, {_FULL: "global_rope_theta", _SLIDING: "local_rope_theta"}
  )
  every = theirs.integer(
    "global_attn_every_n_layers", _EVERY, least=1, most=2**10
  )
  count = said.whole("num_hidden_layers", 2**10)
  made = ModernBert(
    window=local // 2,
    full=said.layers_of(_FULL, _SLIDING, tuple(range(0, count, every))),
    full_theta=thetas[_FULL],
    window_theta=thetas[_SLIDING],
    **{
      key: theirs.flag(key, defaults[key])
      for key in ("attention_bias", "mlp_bias", "norm_bias")
    },
  )
  return {
    "architecture": made,
    "type_vocab_size": 1,
    "position_offset": 0,
    "layer_norm_eps": said.epsilon("norm_eps"),
    "dropout": dropout,
    "attention_dropout": said.share("attention_dropout"),
  }
