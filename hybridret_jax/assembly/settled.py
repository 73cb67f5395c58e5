"""A config with nothing left open: the model folder's word, or our default."""

import pathlib
from typing import Any

import ml_collections

from hybridret_jax.models import huggingface, stated

SCRATCH = "scratch"
# Settings that are None until the folder is asked, and what they are where it
# says nothing.
DEFAULTS: dict[str, Any] = {
  "model.pooling": "mean",
  "model.projection": 0,
  "model.projection_hidden": 0,
  "model.tied": True,
  "model.truncate_dim": 0,
  "data.query_prefix": "query: ",
  "data.passage_prefix": "passage: ",
  "data.query_length": 64,
  "data.passage_length": 256,
  "evaluation.query_length": 512,
  "evaluation.passage_length": 512,
}


def of(
  config: ml_collections.ConfigDict, *, download: bool = True
) -> ml_collections.ConfigDict:
  """The config with every setting of `DEFAULTS` that is None filled.

  A setting that is given stays; then comes what the folder of `model.init`
  says, then our default. Training lengths are our defaults, bounded by what
  the folder says. A folder with modules that names no prompts has none, unless
  it is an E5's.

  Args:
    config: the whole config; it stays as it is.
    download: whether a hub id is asked for its folder, or counts as silent.

  Raises:
    ValueError: the folder, or a statement of it, cannot be used.
  """
  if all(_at(config, key) is not None for key in DEFAULTS):
    return config
  said, longest = stated.Stated(), None
  folder = _folder(config.model.init, config.model.revision, download)
  if folder is not None:
    said = stated.read(folder)
    longest = huggingface.read_config(folder).max_length
  return filled(config, said, longest)


def filled(
  config: ml_collections.ConfigDict,
  said: stated.Stated,
  longest: int | None = None,
) -> ml_collections.ConfigDict:
  """As `of`, of a folder that was read.

  Args:
    config: the whole config; it stays as it is.
    said: by the folder.
    longest: text that its encoder takes.
  """
  values = {
    key: default if value is None else value
    for (key, default), value in zip(
      DEFAULTS.items(), _said(said).values(), strict=True
    )
  }
  for side in stated.SIDES:
    silent = said.modules and not said.prefixes
    if silent and not stated.is_e5(config.model.init or ""):
      values[f"data.{side}_prefix"] = ""
    bounds = (said.lengths[side], longest)
    values[f"data.{side}_length"] = min(
      DEFAULTS[f"data.{side}_length"], *(x for x in bounds if x), 2**30
    )
  changed = config.copy_and_resolve_references()
  with changed.unlocked():
    for key, value in values.items():
      if _at(config, key) is None:
        section, name = key.split(".")
        changed[section][name] = value
  return changed


def opened(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
  """The config with every setting of `DEFAULTS` left to the folder."""
  changed = config.copy_and_resolve_references()
  with changed.unlocked():
    for key in DEFAULTS:
      section, name = key.split(".")
      changed[section][name] = None
  return changed


def notes(
  config: ml_collections.ConfigDict, said: stated.Stated
) -> tuple[str, ...]:
  """Where a settled config has its own word against the folder's.

  A length counts only where the config's is the longer one.
  """
  return tuple(
    f"{key}: the model's folder says {value!r}, the config"
    f" {_at(config, key)!r}; the config's is used."
    for key, value in _said(said).items()
    if value is not None
    and _at(config, key) != value
    and not (key.endswith("_length") and _at(config, key) < value)
  )


def _said(said):
  """What the folder says of each setting of `DEFAULTS`, in their order."""
  prefixes = said.prefixes or {}
  values = {
    "model.pooling": said.pooling,
    "model.projection": said.projection,
    "model.projection_hidden": said.projection_hidden,
    "model.tied": said.tied,
    "model.truncate_dim": said.truncate_dim,
    "data.query_prefix": prefixes.get("query"),
    "data.passage_prefix": prefixes.get("passage"),
  }
  for section in ("data", "evaluation"):
    for side in stated.SIDES:
      values[f"{section}.{side}_length"] = said.lengths[side]
  return values


def _folder(
  init: str | None, revision: str | None, download: bool
) -> pathlib.Path | None:
  if init is None or init == SCRATCH:
    return None
  folder = pathlib.Path(init).expanduser()
  if folder.is_dir():
    return folder
  return huggingface.resolve(init, revision) if download else None


def _at(config, dotted):
  for name in dotted.split("."):
    config = config[name]
  return config
