"""Shapes of models on the hub, where their config.json is not at hand."""

import pathlib
from typing import Any

import huggingface_hub

from hybridret_jax.models import encoder, huggingface
from hybridret_jax.models.encoders import gemma3, gte, modernbert, qwen3

# config.json of each model; what is not named is XLM-R base's.
_LARGE = {
  "hidden_size": 1024,
  "num_layers": 24,
  "num_heads": 16,
  "mlp_size": 4096,
}
_BERT = {
  "max_positions": 512,
  "type_vocab_size": 2,
  "position_offset": 0,
  "layer_norm_eps": 1e-12,
}
# mmBERT's rotary positions have one base in all layers.
_MMBERT = {
  "architecture": modernbert.ModernBert(window_theta=160_000.0),
  "vocab_size": 256_000,
  "num_layers": 22,
  "mlp_size": 1152,
  "max_positions": 8192,
  "position_offset": 0,
  "dropout": 0.0,
  "attention_dropout": 0.0,
}
_DECODER = {
  "position_offset": 0,
  "layer_norm_eps": 1e-6,
  "dropout": 0.0,
  "attention_dropout": 0.0,
}
_KNOWN: dict[str, dict[str, Any]] = {
  "FacebookAI/xlm-roberta-base": {},
  "FacebookAI/xlm-roberta-large": _LARGE,
  "sentence-transformers/LaBSE": {**_BERT, "vocab_size": 501_153},
  "intfloat/multilingual-e5-small": {
    **_BERT,
    "vocab_size": 250_037,
    "hidden_size": 384,
    "mlp_size": 1536,
  },
  "intfloat/multilingual-e5-base": {},
  "intfloat/multilingual-e5-large": _LARGE,
  "BAAI/bge-m3": {**_LARGE, "max_positions": 8194},
  "jhu-clsp/mmBERT-base": _MMBERT,
  "jhu-clsp/mmBERT-small": {**_MMBERT, "hidden_size": 384, "num_heads": 6},
  "Alibaba-NLP/gte-multilingual-base": {
    "architecture": gte.Gte(theta=20_000.0, scaling=8.0),
    "vocab_size": 250_048,
    "max_positions": 8192,
    "position_offset": 0,
    "layer_norm_eps": 1e-12,
    "attention_dropout": 0.0,
  },
  "Qwen/Qwen3-Embedding-0.6B": {
    **_DECODER,
    "architecture": qwen3.Qwen3(kv_heads=8, size=128),
    "vocab_size": 151_669,
    "hidden_size": 1024,
    "num_layers": 28,
    "num_heads": 16,
    "mlp_size": 3072,
    "max_positions": 32_768,
  },
  "google/embeddinggemma-300m": {
    **_DECODER,
    "architecture": gemma3.Gemma3(kv_heads=1, size=256),
    "vocab_size": 262_144,
    "num_layers": 24,
    "num_heads": 3,
    "mlp_size": 1152,
    "max_positions": 2048,
  },
}


def find(name: str, **changes: Any) -> encoder.EncoderConfig:
  """The encoder of a model, without a network and without its weights.

  Args:
    name: a Hugging Face folder, a hub id whose config.json lies in the hub's
      cache on this machine, or one of those known here.
    **changes: fields to set instead; None keeps what the model has.

  Raises:
    ValueError: none of these, or a folder as `huggingface.read_config` raises.
  """
  folder = pathlib.Path(name).expanduser()
  if not folder.is_dir() and huggingface.is_hub_id(name):
    cached = huggingface_hub.try_to_load_from_cache(name, "config.json")
    if isinstance(cached, str):
      folder = pathlib.Path(cached).parent
  if folder.is_dir():
    return huggingface.read_config(folder, **changes)
  if name not in _KNOWN:
    raise ValueError(
      f"model.init {name!r} is no folder, is not in the hub's cache here, and"
      " its shape is not known; give a folder with its config.json, or one of"
      f" {', '.join(_KNOWN)}"
    )
  kept = {key: value for key, value in changes.items() if value is not None}
  return encoder.EncoderConfig(**_KNOWN[name] | kept)
