"""A model folder whose weights are a pickle, as one with safetensors."""

import importlib.util
import logging
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from hybridret_jax.assembly import places
from hybridret_jax.ground import faults, settings_file, writing
from hybridret_jax.models import tensor_files

PICKLE = "pytorch_model.bin"
_INDEX = f"{PICKLE}.index.json"
# What a model is read from beside its weights.
_COPIED = (".json", ".txt", ".model", ".spm", ".md", ".jinja")
_LOG = logging.getLogger(__name__)


def convert(model: pathlib.Path, folder: pathlib.Path) -> dict[str, Any]:
  """Writes a folder of the same model whose weights are safetensors.

  The pickles are read in a process of their own, by torch's `weights_only`
  loader, which runs nothing that they name; types of numbers stay. Settings
  and tokenizer are copied, of modules (1_Pooling, 2_Dense, …) too, other files
  are left out.

  Args:
    model: the folder, with pytorch_model.bin or its shards.
    folder: where it is written; missing or empty.

  Returns:
    `tensors`: how many; `left_out`: files that were not taken.

  Raises:
    Fault: there is no pickle, or none is needed; torch is not installed; a
      file holds more than tensors; or the folder is not free.
  """
  pickles = found(model)
  target = places.free(folder)
  if importlib.util.find_spec("torch") is None:
    raise faults.Fault(
      "torch",
      "is not installed, and reads the pickles",
      "pip install 'hybridret_jax[export]'",
    )
  count, left = 0, []
  with writing.replacing_folder(target) as aside:
    for place, files in pickles.items():
      out = aside / place
      out.mkdir(exist_ok=True)
      count += _tensors(model / place, files, out / tensor_files.FILE)
    for file in _files(model):
      if file.suffix in _COPIED and file.name not in (_INDEX,):
        to = aside / file.relative_to(model)
        to.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, to)
      elif not file.name.startswith(PICKLE.partition(".")[0]):
        left.append(file.relative_to(model).as_posix())
    places.free(folder)
  if left:
    _LOG.info("Left out: %s.", ", ".join(left))
  return {"tensors": count, "left_out": left}


def found(model: pathlib.Path) -> dict[str, list[str]]:
  """The pickles of each place that has some: "" is the folder itself.

  Raises:
    Fault: there is none, or the folder has safetensors already.
  """
  if not model.is_dir():
    raise faults.Fault(
      model,
      "no such folder",
      "download it first: hf download OWNER/NAME --local-dir FOLDER",
    )
  if list(model.glob("*.safetensors")):
    raise faults.Fault(
      model, "has safetensors already", "use the folder as it is"
    )
  pickles = {}
  for place in ("", *sorted(p.name for p in _modules(model))):
    files = _named(model / place)
    if files:
      pickles[place] = files
  if "" not in pickles:
    raise faults.Fault(
      model, f"has no {PICKLE}", "give a folder with the model's weights"
    )
  return pickles


def _named(folder) -> list[str]:
  """Files of a folder that hold its weights as pickles."""
  if not (folder / _INDEX).is_file():
    return [PICKLE] if (folder / PICKLE).is_file() else []
  index = settings_file.read(folder / _INDEX)
  names = sorted(set(map(str, index.section("weight_map").values.values())))
  for name in names:
    if pathlib.PurePath(name).name != name or not name.endswith(".bin"):
      raise index.fault(
        f"weight_map names {name!r}", "name .bin files of this folder"
      )
    if not (folder / name).is_file():
      raise index.fault(
        f"weight_map names {name}, which is missing", "bring it"
      )
  return names


def _modules(model: pathlib.Path) -> Iterator[pathlib.Path]:
  """Folders of sentence-transformers' modules."""
  for place in model.iterdir():
    if place.is_dir() and not place.is_symlink() and place.name[:1].isdecimal():
      yield place


def _files(model: pathlib.Path) -> Iterator[pathlib.Path]:
  for place in (model, *_modules(model)):
    for file in sorted(place.iterdir()):
      if file.is_file():
        yield file


def _tensors(place, names, out) -> int:
  words = [sys.executable, "-m", "hybridret_jax.models.pickled", str(out)]
  done = subprocess.run(
    [*words, *(str(place / name) for name in names)],
    capture_output=True,
    text=True,
    env={k: v for k, v in os.environ.items() if not k.startswith("HF_TOKEN")},
  )
  if done.returncode:
    said = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
    raise faults.Fault(
      place,
      f"cannot be converted: {said}",
      "get a folder with safetensors from who made the model; nothing of this"
      " one was run",
    )
  return int(done.stdout.split()[-1])
