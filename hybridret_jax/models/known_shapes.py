"""Shapes of models on the hub, where their config.json is not at hand."""

import pathlib
from typing import Any

import huggingface_hub

from hybridret_jax.models import encoder, huggingface

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
_KNOWN = {
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
