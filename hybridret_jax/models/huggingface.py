"""Hugging Face folders and hub ids: their config and their weights."""

import json
import pathlib
import re
from typing import Any

import huggingface_hub
import huggingface_hub.errors
import numpy as np
import safetensors

from hybridret_jax.models import encoder, weights

_POOLER = ("pooler.dense.weight", "pooler.dense.bias")
_HUB_FILES = (
  "*.json",
  "model*.safetensors",
  "2_Dense/*",
  "3_Dense/*",
  "1_Pooling/*",
)


def is_hub_id(name: str) -> bool:
  """Whether `name` has the form OWNER/MODEL."""
  return re.fullmatch(r"[\w.-]+/[\w.-]+", name) is not None


def resolve(name: str) -> pathlib.Path:
  """The local folder of a model: `name` itself, or a download from the hub.

  Raises:
    ValueError: no such folder, and no model of this id can be had.
  """
  folder = pathlib.Path(name).expanduser()
  if folder.is_dir():
    return folder
  if not is_hub_id(name):
    raise ValueError(f"model {name!r}: no such folder, and no hub id either")
  try:
    return pathlib.Path(
      huggingface_hub.snapshot_download(name, allow_patterns=list(_HUB_FILES))
    )
  except (OSError, huggingface_hub.errors.HfHubHTTPError) as error:
    raise ValueError(
      f"model {name!r} is no local folder and could not be had from the hub"
      f" ({type(error).__name__}); without a network, copy the model's folder"
      " (config.json, model.safetensors, tokenizer.json) to this machine and"
      " give its path"
    ) from error


def read_config(folder: pathlib.Path, **changes: Any) -> encoder.EncoderConfig:
  """The encoder that a folder's `config.json` describes.

  Args:
    folder: a Hugging Face model folder.
    **changes: fields to set instead of what the file says; None keeps it.

  Raises:
    ValueError: no such file, or an architecture that this encoder is not.
  """
  path = folder / "config.json"
  if not path.is_file():
    raise ValueError(f"{path}: no such file; give a Hugging Face model folder")
  theirs = json.loads(path.read_text("utf-8"))
  expected = {
    "model_type": ("bert", "xlm-roberta", "roberta"),
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute", None),
  }
  for key, allowed in expected.items():
    if theirs.get(key) not in allowed:
      raise ValueError(
        f"{path}: {key} {theirs.get(key)!r} is not supported; supported:"
        f" {', '.join(str(a) for a in allowed if a)}"
      )
  pad_id = theirs.get("pad_token_id", 0)
  fields = {
    "vocab_size": theirs["vocab_size"],
    "hidden_size": theirs["hidden_size"],
    "num_layers": theirs["num_hidden_layers"],
    "num_heads": theirs["num_attention_heads"],
    "mlp_size": theirs["intermediate_size"],
    "max_positions": theirs["max_position_embeddings"],
    "type_vocab_size": theirs["type_vocab_size"],
    "position_offset": 0 if theirs["model_type"] == "bert" else pad_id + 1,
    "layer_norm_eps": theirs["layer_norm_eps"],
    "dropout": theirs.get("hidden_dropout_prob", 0.1),
    "attention_dropout": theirs.get("attention_probs_dropout_prob", 0.1),
  }
  fields |= {key: value for key, value in changes.items() if value is not None}
  return encoder.EncoderConfig(**fields)


def read_tensors(folder: pathlib.Path) -> dict[str, np.ndarray]:
  """All tensors of a folder's safetensors files, under canonical names.

  Canonical: without `roberta.` or `bert.`, layer norms as weight and bias.

  Raises:
    ValueError: the folder has no safetensors file.
  """
  files = sorted(folder.glob("model*.safetensors"))
  if not files:
    pickles = [path.name for path in folder.glob("*.bin")]
    found = f"only {pickles[0]}, a pickle" if pickles else "no weights"
    raise ValueError(
      f"{folder} has {found}; save it as safetensors first:"
      f" AutoModel.from_pretrained({str(folder)!r}).save_pretrained(NEW_FOLDER)"
    )
  tensors = {}
  for path in files:
    for name, value in _read_file(path).items():
      tensors[_canonical(name)] = value
  return tensors


def load(
  folder: pathlib.Path,
  abstract: Any,
  config: encoder.EncoderConfig,
  *,
  seed: int,
) -> Any:
  """Parameters of a dual encoder, each tower filled from a folder.

  A head that the folder does not have (a projection) is drawn from `seed`.

  Args:
    folder: a Hugging Face folder, or one that `save` wrote.
    abstract: shapes of the dual encoder's parameters.
    config: its encoder.
    seed: of the projection.

  Raises:
    ValueError: weights missing, unused or misshapen.
  """
  side_folders = {
    name: folder / name if (folder / name).is_dir() else folder
    for name in abstract
  }
  return {
    name: _load_tower(side_folders[name], tower, config, seed)
    for name, tower in abstract.items()
  }


def _load_tower(folder, abstract, config, seed):
  tensors = read_tensors(folder)
  params = {}
  for name, shapes in abstract.items():
    if name == "encoder":
      params[name] = weights.from_tensors(tensors, shapes, config)
    elif name == "dense":
      params[name] = _read_dense(folder / "2_Dense", shapes) or _dense(
        {key: tensors.get(key) for key in _POOLER}, shapes, _POOLER, folder
      )
    else:
      place = "3_Dense" if "dense" in abstract else "2_Dense"
      params[name] = _read_dense(folder / place, shapes) or _draw(shapes, seed)
  return params


def _read_dense(folder, shapes):
  path = folder / "model.safetensors"
  if not path.is_file():
    return None
  names = ("linear.weight", "linear.bias")
  return _dense(_read_file(path), shapes, names, folder)


def _dense(tensors, shapes, names, folder):
  values = [tensors.get(name) for name in names]
  expected = [shapes["kernel"].shape[::-1], shapes["bias"].shape]
  for name, value, shape in zip(names, values, expected, strict=True):
    if value is None or value.shape != shape:
      found = "missing" if value is None else f"of shape {value.shape}"
      raise ValueError(f"{folder}: {name} is {found}, expected {shape}")
  kernel, bias = (np.asarray(value, np.float32) for value in values)
  return {"kernel": kernel.T, "bias": bias}


def _draw(shapes, seed):
  rng = np.random.default_rng(seed)
  kernel = rng.normal(
    0, shapes["kernel"].shape[0] ** -0.5, shapes["kernel"].shape
  )
  return {
    "kernel": kernel.astype(np.float32),
    "bias": np.zeros(shapes["bias"].shape, np.float32),
  }


def _read_file(path):
  # numpy has no bfloat16 of its own; jax brings one.
  with safetensors.safe_open(path, framework="flax") as file:
    return {name: np.asarray(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (no dict)


def _canonical(name):
  name = re.sub(r"^(roberta|bert)\.", "", name)
  return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace(
    "LayerNorm.beta", "LayerNorm.bias"
  )
