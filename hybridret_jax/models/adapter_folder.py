"""Low-rank adapters of a tower as a folder that PEFT loads."""

import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import safetensors.numpy

from hybridret_jax.models import encoder

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
_WEIGHT = ".weight"


def write(
  folder: pathlib.Path,
  layers: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]],
  config: encoder.EncoderConfig,
  *,
  alpha: float,
  dropout: float,
  base: str,
  share: float = 1.0,
) -> None:
  """Writes adapters beside the tensors that a Hugging Face folder holds.

  Where several kernels of ours lie in one tensor (a packed query, key and
  value), its adapter has the rank of all those that are adapted together, and
  an alpha that grows with it.

  Args:
    folder: an empty folder.
    layers: {dense layer: {"kernel": {"a": [L, D, r], "b": [L, r, F]}}}.
    config: shape of the encoder.
    alpha: a @ b counts alpha / r times.
    dropout: of training, for the record.
    base: name of the model that they stand beside.
    share: what is written is so much of what was learnt.
  """
  sources = config.architecture.sources(config)
  places: dict[str, list[tuple[Any, np.ndarray, np.ndarray]]] = {}
  for name, layer in sorted(layers.items()):
    source = sources[f"layers/{name}/kernel"]
    pair = layer["kernel"]
    a_LDr, b_LrF = np.asarray(pair["a"]), share * np.asarray(pair["b"])
    places.setdefault(source.name, []).append((source, a_LDr, b_LrF))
  tensors: dict[str, np.ndarray] = {}
  ranks: dict[str, int] = {}
  alone = 0
  for template, parts in places.items():
    alone = parts[0][1].shape[2]
    ranks[_suffix(template)] = alone * len(parts)
    for layer in range(parts[0][0].first, config.num_layers):
      module = template.format(layer).removesuffix(_WEIGHT)
      tensors[f"base_model.model.{module}.lora_A.weight"] = _float(
        np.concatenate([a_LDr[layer].T for _, a_LDr, _ in parts])
      )
      tensors[f"base_model.model.{module}.lora_B.weight"] = _float(
        _outputs([(source, b_LrF[layer]) for source, _, b_LrF in parts])
      )
  rank = min(ranks.values())
  others = {name: r for name, r in ranks.items() if r != rank}
  safetensors.numpy.save_file(
    tensors, folder / WEIGHTS, metadata={"format": "pt"}
  )
  settings = {
    "peft_type": "LORA",
    "task_type": "FEATURE_EXTRACTION",
    "base_model_name_or_path": base,
    "r": rank,
    "lora_alpha": alpha * rank / alone,
    "lora_dropout": dropout,
    "target_modules": _pattern(list(places)),
    "rank_pattern": {re.escape(name): r for name, r in others.items()},
    "alpha_pattern": {
      re.escape(name): alpha * r / alone for name, r in others.items()
    },
    "bias": "none",
    "fan_in_fan_out": False,
    "inference_mode": True,
  }
  (folder / CONFIG).write_text(json.dumps(settings, indent=2) + "\n", "utf-8")


def _outputs(parts: Sequence[tuple[Any, np.ndarray]]) -> np.ndarray:
  """B [outputs, ranks] of one tensor: each part's outputs in their place."""
  source, b_rF = parts[0]
  rank, width = b_rF.shape
  whole = np.zeros((source.parts * width, rank * len(parts)), b_rF.dtype)
  for number, (own, b_rF) in enumerate(parts):
    rows = slice(own.part * width, (own.part + 1) * width)
    whole[rows, number * rank : (number + 1) * rank] = b_rF.T
  return whole


def _float(x):
  return np.ascontiguousarray(x, np.float32)


def _suffix(template: str) -> str:
  """Name of a module within its layer."""
  return template.removesuffix(_WEIGHT).rpartition("{}.")[2]


def _pattern(templates: Sequence[str]) -> str:
  """Matches the whole names of these modules, and of no others."""
  heads = {t.rpartition("{}.")[0] for t in templates}
  tails = "|".join(re.escape(_suffix(t)) for t in templates)
  (head,) = heads
  return rf"{re.escape(head)}\d+\.({tails})"
