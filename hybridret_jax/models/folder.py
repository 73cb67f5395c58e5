"""A tower as a folder that transformers and sentence-transformers load."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy

from hybridret_jax.models import encoder, weights

_DTYPE = "float32"


def write(
  folder: pathlib.Path,
  tower: Any,
  config: encoder.EncoderConfig,
  *,
  pooling: str,
  tokenizer_files: Mapping[str, str],
  prompts: Mapping[str, str],
  max_lengths: Mapping[str, int],
  pad_id: int,
  lower_case: bool = False,
  truncate_dim: int = 0,
) -> None:
  """Writes weights, configs, tokenizer and modules of one tower.

  Args:
    folder: an empty folder.
    tower: its parameters, numpy: {"encoder", maybe "dense",
      "projection_hidden", "projection"}.
    config: shape of its encoder.
    pooling: as in `dual_encoder.DualEncoder`.
    tokenizer_files: text of each file of the tokenizer, by name.
    prompts: {"query", "passage"}: the text put before each.
    max_lengths: {"query", "passage"}: tokens a text is cut at.
    pad_id: token of padding.
    lower_case: whether texts are lowered before the tokenizer sees them.
    truncate_dim: see `dual_encoder.DualEncoder`.
  """
  tensors = weights.to_tensors(tower["encoder"], config)
  _write_tensors(folder, tensors)
  _write_json(folder / "config.json", _their_config(config, pad_id))
  for name, text in tokenizer_files.items():
    (folder / name).write_text(text, "utf-8", newline="")
  modules = ["Transformer", "Pooling"]
  width = config.hidden_size
  _write_json(
    _made(folder / "1_Pooling") / "config.json",
    {
      "word_embedding_dimension": width,
      "pooling_mode_cls_token": pooling.startswith("cls"),
      "pooling_mode_mean_tokens": pooling == "mean",
      **({"pooling_mode_lasttoken": True} if pooling == "last" else {}),
      "include_prompt": True,
    },
  )
  for name, activation in (
    ("dense", "torch.nn.modules.activation.Tanh"),
    ("projection_hidden", "torch.nn.modules.linear.Identity"),
    ("projection", "torch.nn.modules.linear.Identity"),
  ):
    if name in tower:
      place = _made(folder / f"{len(modules)}_Dense")
      _write_dense(place, tower[name], activation)
      modules.append("Dense")
  modules.append("Normalize")
  _made(folder / f"{len(modules) - 1}_Normalize")
  _write_json(
    folder / "modules.json",
    [
      {
        "idx": i,
        "name": str(i),
        "path": f"{i}_{module}" if i else "",
        "type": f"sentence_transformers.models.{module}",
      }
      for i, module in enumerate(modules)
    ],
  )
  lengths = {"max_seq_length": max_lengths["passage"]}
  if max_lengths["query"] != max_lengths["passage"]:
    # Known to sentence-transformers from version 6 on; older ones refuse them.
    lengths["query_length"] = max_lengths["query"]
    lengths["document_length"] = max_lengths["passage"]
  _write_json(
    folder / "sentence_bert_config.json",
    {**lengths, "do_lower_case": lower_case},
  )
  _write_json(
    folder / "config_sentence_transformers.json",
    {
      "prompts": {
        "query": prompts["query"],
        "passage": prompts["passage"],
        "document": prompts["passage"],
      },
      "default_prompt_name": None,
      "similarity_fn_name": "cosine",
      **({"truncate_dim": truncate_dim} if truncate_dim else {}),
    },
  )


def _their_config(config, pad_id):
  return {
    "vocab_size": config.vocab_size,
    "hidden_size": config.hidden_size,
    "num_hidden_layers": config.num_layers,
    "num_attention_heads": config.num_heads,
    "intermediate_size": config.mlp_size,
    "max_position_embeddings": config.max_positions,
    "dtype": _DTYPE,
    **config.architecture.their_config(config, pad_id),
  }


def _write_dense(folder, params, activation):
  kernel = np.asarray(params["kernel"], np.float32)
  _write_tensors(
    folder,
    {
      "linear.weight": np.ascontiguousarray(kernel.T),
      "linear.bias": np.asarray(params["bias"], np.float32),
    },
  )
  _write_json(
    folder / "config.json",
    {
      "in_features": kernel.shape[0],
      "out_features": kernel.shape[1],
      "bias": True,
      "activation_function": activation,
    },
  )


def _write_json(path, value):
  text = json.dumps(value, indent=2, ensure_ascii=False)
  path.write_text(text + "\n", "utf-8")


def _made(folder):
  folder.mkdir()
  return folder


def _write_tensors(folder, tensors):
  path = folder / "model.safetensors"
  path.touch()
  mode = path.stat().st_mode  # What the user lets others do with new files.
  safetensors.numpy.save_file(tensors, path, metadata={"format": "pt"})
  path.chmod(mode)  # The library lets nobody else read it.
