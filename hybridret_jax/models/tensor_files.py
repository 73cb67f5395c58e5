"""The tensors of a folder's safetensors files: first looked at, then read."""

import contextlib
import dataclasses
import logging
import pathlib
import re
import shlex
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import safetensors

from hybridret_jax.ground import faults, reading, settings_file

FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_LOG = logging.getLogger(__name__)
_FLOATS = ("F64", "F32", "F16", "BF16")
_AGAIN = "copy it again from where the model came from"


@dataclasses.dataclass(frozen=True)
class Tensor:
  """A tensor that is not in memory yet; `numpy.asarray` reads it.

  Attributes:
    path: its file.
    name: in that file.
    kind: its type as safetensors names it.
    shape: its shape.
  """

  path: pathlib.Path
  name: str
  kind: str
  shape: tuple[int, ...]

  def check(self) -> None:
    """Refuses what holds no floating numbers, such as quantised weights."""
    if self.kind not in _FLOATS:
      raise faults.Fault(
        self.path,
        f"{self.name} holds {self.kind}, no floats of 16 bits or more",
        "dequantise the model and save it as float32 or float16",
      )

  def read(self) -> np.ndarray:
    """Its values in float32.

    Raises:
      faults.Fault: as `check`, or a value is not finite.
    """
    self.check()
    with _opened(self.path) as file:
      # numpy has no bfloat16 of its own; jax, which reads it, brings one.
      value = np.asarray(file.get_tensor(self.name))
    with np.errstate(over="ignore"):
      value = value.astype(np.float32)
    if not np.isfinite(value).all():
      raise faults.Fault(
        self.path,
        f"{self.name} has {int((~np.isfinite(value)).sum()):,} values that are"
        " no finite float32",
        _AGAIN,
      )
    return value

  def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
    return np.asarray(self.read(), dtype)


def of_folder(folder: pathlib.Path) -> dict[str, Tensor]:
  """The tensors of a folder's model, under canonical names.

  Canonical: without `roberta.`, `bert.`, `model.` or `new.`, layer norms as
  weight and bias.
  Where there is an index, it alone names the files; others are left alone, and
  that is said.

  Raises:
    faults.Fault: no weights, files that cannot be read or do not hold what the
      index says, or two tensors of one canonical name.
  """
  index, single = folder / INDEX, folder / FILE
  found = _indexed(index) if index.is_file() else None
  if found is None:
    found = _whole(folder, single)
  elif single.is_file() and single not in {x.path for x in found.values()}:
    _same(index, found, of_file(single))
  used = {tensor.path for tensor in found.values()}
  stale = sorted(set(folder.glob("model*.safetensors")) - used - {single})
  if stale:
    _LOG.warning(
      "%s: not read, because %s does not name them: %s.",
      folder,
      INDEX if index.is_file() else FILE,
      ", ".join(path.name for path in stale),
    )
  tensors: dict[str, Tensor] = {}
  for name, tensor in found.items():
    ours = canonical(name)
    if ours in tensors:
      raise faults.Fault(
        tensor.path,
        f"{name} and {tensors[ours].name} are both {ours}",
        "keep the one that is meant",
      )
    tensors[ours] = tensor
  return tensors


def canonical(name: str) -> str:
  """A tensor's name without its model's, norms as weight and bias."""
  name = re.sub(r"^(roberta|bert|model|new)\.", "", name)
  return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace(
    "LayerNorm.beta", "LayerNorm.bias"
  )


def files(folder: pathlib.Path) -> list[pathlib.Path]:
  """The files of `of_folder`: the index and what it names, or the one file."""
  index = folder / INDEX
  paths = [index, folder / FILE]
  if index.is_file():
    named = settings_file.read(index).section("weight_map").values.values()
    paths += [folder / name for name in sorted({str(x) for x in named})]
  return [path for path in dict.fromkeys(paths) if path.is_file()]


def of_file(path: pathlib.Path) -> dict[str, Tensor]:
  """The tensors of one file, by their names there.

  Raises:
    faults.Fault: it cannot be read.
  """
  with _opened(path) as file:
    _check_names(path)
    tensors = {}
    for name in file.keys():  # noqa: SIM118 (no dict)
      part = file.get_slice(name)
      tensors[name] = Tensor(
        path, name, part.get_dtype(), tuple(part.get_shape())
      )
    return tensors


def _check_names(path) -> None:
  """Refuses a name that stands twice; the file itself has been opened."""
  with path.open("rb") as file:
    (size,) = struct.unpack("<Q", file.read(8))
    header = file.read(size).decode()
  try:
    reading.parse(header, path)
  except faults.Fault as fault:
    raise faults.Fault(path, fault.what, _AGAIN) from fault


def _whole(folder, single):
  if single.is_file():
    return of_file(single)
  shards = sorted(folder.glob("model*.safetensors"))
  if shards:
    raise faults.Fault(
      folder / INDEX, f"is missing, though {shards[0].name} is there", _AGAIN
    )
  pickles = sorted(path.name for path in folder.glob("*.bin"))
  found = f"only {pickles[0]}, a pickle" if pickles else "no weights"
  raise faults.Fault(
    folder,
    f"has {found}",
    "convert it first, which runs nothing of it: python -m hybridret_jax.main"
    f" convert --model={shlex.quote(str(folder))} --workdir=NEW_FOLDER"
    if pickles
    else "give a folder with model.safetensors",
  )


def _indexed(path):
  index = settings_file.read(path)
  names = index.section("weight_map").values
  if not names:
    raise index.fault("weight_map names no tensor", _AGAIN)
  files: dict[str, dict[str, Tensor]] = {}
  tensors = {}
  for name, file in names.items():
    if (
      not isinstance(file, str)
      or pathlib.PurePath(file).name != file
      or not file.endswith(".safetensors")
      or not file.isprintable()  # No NUL, no half of a surrogate pair.
    ):
      raise index.fault(
        f"weight_map puts {name} in {file!r}", "name a file of this folder"
      )
    if file not in files:
      files[file] = of_file(path.with_name(file))
    if name not in files[file]:
      raise faults.Fault(
        path.with_name(file), f"has no {name}, which {INDEX} puts there", _AGAIN
      )
    tensors[name] = files[file][name]
  extra = [
    f"{file}: {name}"
    for file, found in files.items()
    for name in found
    if names.get(name) != file
  ]
  if extra:
    _LOG.warning(
      "%s does not name %d tensors of its files, and they are not read: %s%s",
      path,
      len(extra),
      ", ".join(extra[:3]),
      " ..." if len(extra) > 3 else "",
    )
  return tensors


def _same(index, found, single):
  """Refuses an index beside a model.safetensors that holds something else."""
  for name in sorted(set(found) | set(single)):
    pair = [tensors.get(name) for tensors in (found, single)]
    if None not in pair:
      bits = [(x.kind, x.shape, _bytes(x)) for x in pair if x]
      if bits[0] == bits[1]:
        continue
    raise faults.Fault(
      index,
      f"names other weights than {FILE} beside it holds: {name} differs",
      "remove the one that is not meant",
    )


def _bytes(tensor):
  with _opened(tensor.path) as file:
    return np.asarray(file.get_tensor(tensor.name)).tobytes()


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[Any]:
  try:
    with safetensors.safe_open(path, framework="flax") as file:
      yield file
  except (safetensors.SafetensorError, OSError) as error:
    raise faults.Fault(
      path, f"cannot be read as safetensors ({error})", _AGAIN
    ) from error
