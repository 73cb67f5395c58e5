"""Hugging Face folders and hub ids: their config and their weights."""

import pathlib
import re
from typing import Any

import huggingface_hub
import huggingface_hub.errors
import numpy as np

from hybridret_jax.ground import faults
from hybridret_jax.models import (
  config_file,
  encoder,
  stated,
  tensor_files,
  weights,
)

_POOLER = ("pooler.dense.weight", "pooler.dense.bias")
_HUB_FILES = (
  "*.json",
  "model*.safetensors",
  "*/model*.safetensors",
  "2_Dense/*",
  "3_Dense/*",
  "4_Dense/*",
  "1_Pooling/*",
)


def is_hub_id(name: str) -> bool:
  """Whether `name` has the form OWNER/MODEL."""
  return re.fullmatch(r"[\w.-]+/[\w.-]+", name) is not None


def resolve(name: str, revision: str | None = None) -> pathlib.Path:
  """The local folder of a model: `name` itself, or a download from the hub.

  Args:
    name: a folder, or OWNER/MODEL.
    revision: branch, tag or commit of the hub's; None is its main branch. A
      folder has none.

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
      huggingface_hub.snapshot_download(
        name, revision=revision, allow_patterns=list(_HUB_FILES)
      )
    )
  except (OSError, huggingface_hub.errors.HfHubHTTPError) as error:
    pinned = f" at revision {revision!r}" if revision else ""
    raise ValueError(
      f"model {name!r} is no local folder and could not be had from the hub"
      f"{pinned} ({type(error).__name__}); without a network, copy the model's"
      " folder (config.json, model.safetensors, tokenizer.json) to this machine"
      " and give its path"
    ) from error


def commit(folder: pathlib.Path) -> str | None:
  """The hub's commit that a folder of its cache holds; None of others."""
  if folder.parent.name != "snapshots" or "--" not in folder.parent.parent.name:
    return None
  return folder.name


def read_config(folder: pathlib.Path, **changes: Any) -> encoder.EncoderConfig:
  """The encoder that a folder's `config.json` describes; see `config_file`.

  Args:
    folder: a Hugging Face model folder, or one of two towers.
    **changes: fields to set instead of what the file says; None keeps it.

  Raises:
    faults.Fault: as `config_file.read`, or two towers of different shapes.
  """
  shapes = {
    place: config_file.read(place, **changes)
    for place in stated.towers(folder).values()
  }
  if len(set(shapes.values())) > 1:
    raise faults.Fault(
      folder,
      f"its towers differ in {config_file.FILE}",
      "give towers of one shape",
    )
  return next(iter(shapes.values()))


def files(folder: pathlib.Path, *, weights: bool = True) -> list[pathlib.Path]:
  """The files of a folder that its model follows from, in a fixed order.

  Args:
    folder: as `resolve` returns it.
    weights: whether the tensors' files are wanted too.
  """
  found = []
  for place in stated.towers(folder).values():
    found += stated.files(place)
    if weights:
      found += tensor_files.files(place)
      for dense in stated.dense_folders(place):
        found += tensor_files.files(dense)
  return found


def is_weights(name: str) -> bool:
  """Whether a file of this name holds tensors, or says which files do."""
  return name.endswith((".safetensors", tensor_files.INDEX))


def read_tensors(folder: pathlib.Path) -> dict[str, np.ndarray]:
  """All floating tensors of a folder, under canonical names.

  Raises:
    faults.Fault: as `tensor_files.of_folder`, or a value that is not finite.
  """
  return {
    name: tensor.read()
    for name, tensor in tensor_files.of_folder(folder).items()
    if not name.endswith("position_ids")
  }


def check(
  folder: pathlib.Path, abstract: Any, config: encoder.EncoderConfig
) -> None:
  """Looks at names, types and shapes of a folder's weights; reads none.

  Arguments as of `load`.

  Raises:
    ValueError: as `load`, but for values that are not finite.
  """
  for place, tower in _places(folder, abstract):
    _tower_tensors(place, tower, config)


def load(
  folder: pathlib.Path,
  abstract: Any,
  config: encoder.EncoderConfig,
  *,
  seed: int,
) -> Any:
  """Parameters of a dual encoder, each tower filled from a folder.

  A projection of a width that the folder does not have is drawn from `seed`.

  Args:
    folder: a Hugging Face folder, or one that `folder.write` wrote.
    abstract: shapes of the dual encoder's parameters.
    config: its encoder.
    seed: of the projection.

  Raises:
    ValueError: weights missing, unused, misshapen, of no floating type or not
      finite.
  """
  return {
    name: _load_tower(place, tower, config, seed)
    for name, (place, tower) in zip(
      abstract, _places(folder, abstract), strict=True
    )
  }


def _places(folder, abstract):
  """(folder, shapes) of each tower."""
  places = stated.towers(folder)
  missing = [n for n in abstract if n not in places and "both" not in places]
  if missing:
    raise faults.Fault(
      folder, "holds two towers, query/ and passage/", "set model.tied=False"
    )
  return [
    (places.get(name, places.get("both")), tower)
    for name, tower in abstract.items()
  ]


def _tower_tensors(folder, abstract, config):
  """(the encoder's tensors, {head: (kernel, bias)}), none of them read."""
  said = stated.read(folder)
  tensors = tensor_files.of_folder(folder)
  try:
    weights.check(tensors, abstract["encoder"], config)
  except ValueError as error:
    raise faults.Fault(
      folder, str(error), f"give the weights that {config_file.FILE} describes"
    ) from error
  heads = {}
  if "dense" in abstract:
    heads["dense"] = (
      _dense(said.tanh, abstract["dense"])
      if said.tanh
      else _fitting(tensors, abstract["dense"], _POOLER, folder)
    )
  if "projection" in abstract:
    hidden = abstract.get("projection_hidden")
    wanted = hidden["kernel"].shape[1] if hidden else 0
    shapes = abstract["projection"]
    if (said.projection_hidden or 0) == wanted:
      if said.hidden:
        heads["projection_hidden"] = _dense(said.hidden, hidden)
      if said.linear and said.linear.width == shapes["kernel"].shape[1]:
        heads["projection"] = _dense(said.linear, shapes)
  for value in (
    *(tensors[name] for name in weights.used(tensors, config)),
    *(value for head in heads.values() for value in head if value is not None),
  ):
    value.check()
  return tensors, heads


def _load_tower(folder, abstract, config, seed):
  tensors, heads = _tower_tensors(folder, abstract, config)
  params = {}
  for name, shapes in abstract.items():
    if name == "encoder":
      params[name] = weights.from_tensors(tensors, shapes, config)
    elif name in heads:
      kernel, bias = heads[name]
      params[name] = {
        "kernel": kernel.read().T,
        "bias": bias.read()
        if bias
        else np.zeros(shapes["bias"].shape, np.float32),
      }
    else:
      params[name] = _draw(shapes, seed)
  return params


def _dense(layer, shapes):
  """(kernel, bias) of a folder's dense layer; None for a bias that it lacks."""
  path = layer.folder / tensor_files.FILE
  if not path.is_file():
    raise faults.Fault(
      path,
      "no such file, though modules.json names the layer",
      "save the model as safetensors first, with sentence-transformers:"
      " SentenceTransformer(FOLDER).save(NEW_FOLDER)",
    )
  names = ("linear.weight", "linear.bias") if layer.bias else ("linear.weight",)
  tensors = tensor_files.of_file(path)
  extra = sorted(set(tensors) - set(names))
  if extra:
    raise faults.Fault(
      path, f"holds {extra[0]}, which config.json does not have", "mend either"
    )
  found = _fitting(tensors, shapes, names, path)
  return found if layer.bias else (*found, None)


def _fitting(tensors, shapes, names, place):
  found = [tensors.get(name) for name in names]
  expected = (shapes["kernel"].shape[::-1], shapes["bias"].shape)
  for name, value, shape in zip(names, found, expected, strict=False):
    if value is None or value.shape != shape:
      said = "missing" if value is None else f"of shape {value.shape}"
      raise faults.Fault(
        place, f"{name} is {said}", f"expected is {shape}; copy it again"
      )
  return tuple(found)


def _draw(shapes, seed):
  rng = np.random.default_rng(seed)
  kernel = rng.normal(
    0, shapes["kernel"].shape[0] ** -0.5, shapes["kernel"].shape
  )
  return {
    "kernel": kernel.astype(np.float32),
    "bias": np.zeros(shapes["bias"].shape, np.float32),
  }
