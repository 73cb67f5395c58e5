"""What both programs of this package start with: settings, model, versions."""

import importlib.metadata
from typing import Any

import jax
import ml_collections

from hybridret_jax import defaults
from hybridret_jax.assembly import model


def read_config(settings: dict[str, Any]) -> ml_collections.ConfigDict:
  """The config with these settings, from JSON, in the defaults' types."""
  config = defaults.get_config()
  config.update(settings)
  return config


def pretrained_model(config: ml_collections.ConfigDict) -> model.Model:
  """The model of a config, from a folder that the other side can load.

  Raises:
    ValueError: the model is made from scratch.
  """
  made = model.make(config)
  if made.folder is None:
    raise ValueError(
      "model.init is 'scratch', which the other side cannot load; give a"
      " Hugging Face folder or a hub id"
    )
  return made


def device_kind() -> str:
  """What JAX calls the device that it computes on."""
  return jax.devices()[0].device_kind


def peak_bytes() -> int | None:
  """Most memory of the device that JAX has held so far; None of a CPU's."""
  return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")


def versions(*names: str) -> dict[str, str]:
  """Installed versions of some distributions."""
  return {name: importlib.metadata.version(name) for name in names}
