"""BERT, LaBSE, RoBERTa and XLM-R: post-norm, learnt positions and types."""

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

_UNTYPED = 5  # Arrays of a tier whose tokens all have type 0.
# Defaults of transformers' config classes, as config_file_test compares them.
_ALIKE = {
  "vocab_size": 30522,
  "hidden_size": 768,
  "num_hidden_layers": 12,
  "num_attention_heads": 12,
  "intermediate_size": 3072,
  "hidden_act": "gelu",
  "hidden_dropout_prob": 0.1,
  "attention_probs_dropout_prob": 0.1,
  "max_position_embeddings": 512,
  "type_vocab_size": 2,
  "layer_norm_eps": 1e-12,
}
DEFAULTS: dict[str, dict[str, Any]] = {
  "bert": {**_ALIKE, "pad_token_id": 0},
  "xlm-roberta": {**_ALIKE, "pad_token_id": 1},
  "roberta": {**_ALIKE, "vocab_size": 50265, "pad_token_id": 1},
}
# What would change the computation, and the values that leave it as it is.
COMPUTES = {
  "hidden_act": ("gelu",),
  "position_embedding_type": ("absolute",),
}
NO_NUMBERS = frozenset(
  {
    *("directionality", "pooler_fc_size", "pooler_num_attention_heads"),
    *("pooler_num_fc_layers", "pooler_size_per_head", "pooler_type"),
  }
)
_ATTENTION = "encoder.layer.{}.attention."
# Our parameter -> theirs; `{}` is the layer, stacked on our leading axis.
_NAMES = {
  "tokens/embedding": "embeddings.word_embeddings.weight",
  "positions/embedding": "embeddings.position_embeddings.weight",
  "types/embedding": "embeddings.token_type_embeddings.weight",
  "norm/scale": "embeddings.LayerNorm.weight",
  "norm/bias": "embeddings.LayerNorm.bias",
  "layers/query/kernel": _ATTENTION + "self.query.weight",
  "layers/query/bias": _ATTENTION + "self.query.bias",
  "layers/key/kernel": _ATTENTION + "self.key.weight",
  "layers/key/bias": _ATTENTION + "self.key.bias",
  "layers/value/kernel": _ATTENTION + "self.value.weight",
  "layers/value/bias": _ATTENTION + "self.value.bias",
  "layers/attention_out/kernel": _ATTENTION + "output.dense.weight",
  "layers/attention_out/bias": _ATTENTION + "output.dense.bias",
  "layers/attention_norm/scale": _ATTENTION + "output.LayerNorm.weight",
  "layers/attention_norm/bias": _ATTENTION + "output.LayerNorm.bias",
  "layers/mlp_in/kernel": "encoder.layer.{}.intermediate.dense.weight",
  "layers/mlp_in/bias": "encoder.layer.{}.intermediate.dense.bias",
  "layers/mlp_out/kernel": "encoder.layer.{}.output.dense.weight",
  "layers/mlp_out/bias": "encoder.layer.{}.output.dense.bias",
  "layers/mlp_norm/scale": "encoder.layer.{}.output.LayerNorm.weight",
  "layers/mlp_norm/bias": "encoder.layer.{}.output.LayerNorm.bias",
}


@dataclasses.dataclass(frozen=True)
class Bert(Architecture):
  """Sum of token, position and type, a norm, and post-norm layers.

  Source: Devlin et al., arXiv 1810.04805; Conneau et al., arXiv 1911.02116.
  """

  @property
  def layer(self):
    return Layer

  def embed(self, config, tokens_TD, rows):
    positions_T = layers.line([tier[2] for tier in rows])
    positions_PD = _table(config, "positions", config.max_positions)
    types_KD = _table(config, "types", config.type_vocab_size)
    # Looked up, then rounded: a gradient adds up in the table's own dtype.
    types_TD = types_KD[:1]
    if len(rows[0]) > _UNTYPED:
      types_TD = types_KD[layers.line([tier[_UNTYPED] for tier in rows])]
    places_T = positions_T + config.position_offset
    x_TD = tokens_TD + positions_PD[places_T] + types_TD
    return layers.norm(config, "norm")(x_TD).astype(config.dtype)

  def products(self, config):
    width = config.hidden_size
    return 4 * width**2 + 2 * width * config.mlp_size

  def second_type(self, config):
    # Only BERT's own class counts a pair's segments.
    return int(_is_bert(config))

  def sources(self, config):
    return {ours: Source(theirs) for ours, theirs in _NAMES.items()}

  def their_config(self, config, pad_id):
    bert = _is_bert(config)
    return {
      "architectures": ["BertModel" if bert else "XLMRobertaModel"],
      "model_type": "bert" if bert else "xlm-roberta",
      "type_vocab_size": config.type_vocab_size,
      "layer_norm_eps": config.layer_norm_eps,
      "hidden_act": "gelu",
      "hidden_dropout_prob": config.dropout,
      "attention_probs_dropout_prob": config.attention_dropout,
      "position_embedding_type": "absolute",
      "initializer_range": 0.02,
      "pad_token_id": pad_id,
    }


class Layer(nn.Module):
  """One post-norm layer; carries `x_TD`, the tokens of all rows in a line."""

  config: "EncoderConfig"
  kind: Kind

  @nn.compact
  def __call__(self, x_TD, tokens, deterministic):
    config = self.config
    width = config.hidden_size

    def drop_line(y_TD):
      if deterministic or not config.dropout:
        return y_TD
      key = self.make_rng("dropout")
      return layers.drop_line(y_TD, tokens, config.dropout, key)

    x_TD = denses.kept(x_TD, layers.INPUT)
    # Dense layers see tokens in one line: XLA's CPU product is slow when a
    # backward pass contracts over two axes.
    qkv_TD = denses.side_by_side(
      [
        layers.dense(config, width, ("embed", "heads"), name)
        for name in ("query", "key", "value")
      ],
      x_TD,
    )
    key = None
    if not deterministic and config.attention_dropout:
      key = self.make_rng("dropout")
    mixed_TD = layers.attend(qkv_TD, tokens, config, self.kind, key=key)
    out = layers.dense(config, width, ("heads", "embed"), "attention_out")
    y_TD = drop_line(out(mixed_TD))
    x_TD = layers.norm(config, "attention_norm")(x_TD + y_TD)
    x_TD = x_TD.astype(config.dtype)

    mlp_in = layers.dense(config, config.mlp_size, ("embed", "mlp"), "mlp_in")
    y_TF = layers.gelu(mlp_in(x_TD)).astype(config.dtype)
    mlp_out = layers.dense(config, width, ("mlp", "embed"), "mlp_out")
    y_TD = drop_line(mlp_out(y_TF))
    x_TD = layers.norm(config, "mlp_norm")(x_TD + y_TD).astype(config.dtype)
    return meshes.keep_rows_apart(x_TD), None


def read(said: Said) -> dict[str, Any]:
  """Fields of `EncoderConfig` that a config.json of this architecture says."""
  said.heads_divide()
  offset = 0
  # BERT's positions begin at 0, RoBERTa's behind padding's id.
  if said.kind != "bert":
    default = DEFAULTS[said.kind]["pad_token_id"]
    most = said.whole("vocab_size", 2**27) - 1
    offset = 1 + said.theirs.integer(
      "pad_token_id", default, least=0, most=most
    )
  return {
    "architecture": Bert(),
    "type_vocab_size": said.whole("type_vocab_size", 2**10),
    "position_offset": offset,
    "layer_norm_eps": said.epsilon("layer_norm_eps"),
    "dropout": said.share("hidden_dropout_prob"),
    "attention_dropout": said.share("attention_probs_dropout_prob"),
  }


def _is_bert(config):
  return config.position_offset == 0


def _table(config, name, rows):
  return layers.Table(
    rows, config.hidden_size, None, config.param_dtype, name=name
  )()
