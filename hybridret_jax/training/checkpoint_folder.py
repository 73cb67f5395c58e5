"""The folder of a run's checkpoints: which path, what failed."""

import contextlib
import os
import pathlib
import re
import shutil
from collections.abc import Iterator

import jax

from hybridret_jax.ground import faults

# In these Orbax looks for its own files as for a pattern, or TensorStore reads
# another path: what it wrote is not found again.
_MISREAD = re.compile(r"[\[\]*?\\\x00-\x1f\ud800-\udfff]")
_DESCRIPTORS = pathlib.Path("/proc/self/fd")


def steps(folder: pathlib.Path) -> list[tuple[int, pathlib.Path]]:
  """(step, its folder) of all that are not being written, by step."""
  try:
    names = os.listdir(folder)
  except FileNotFoundError:
    return []
  return sorted((int(n), folder / n) for n in names if n.isdecimal())


@contextlib.contextmanager
def plain(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  """The folder under a path that Orbax and TensorStore find again."""
  folder = folder.absolute()
  if not _MISREAD.search(str(folder)) or not folder.is_dir():
    yield folder
    return
  if jax.process_count() > 1 or not _DESCRIPTORS.is_dir():
    raise faults.Fault(
      folder,
      "checkpoints in a path with one of []*?\\ or with what is no text are"
      " not found again",
      "give another --workdir",
    )
  # Processes do not share numbers, and Orbax compares paths between them.
  descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
  try:
    yield _DESCRIPTORS / str(descriptor)
  finally:
    os.close(descriptor)


@contextlib.contextmanager
def telling(place: pathlib.Path, done: str) -> Iterator[None]:
  """Has what a library raises of a disk name the place and what to do."""
  try:
    yield
  except (faults.Fault, jax.errors.JaxRuntimeError):
    raise  # Of the devices' memory, mostly.
  # Orbax, asyncio and TensorStore raise what they like of a disk that fails,
  # a bare Exception among them.
  except Exception as error:
    raise _fault(place, done, error) from error


def _fault(place, done, error) -> faults.Fault:
  said = " ".join(str(error).split())[:200] or type(error).__name__
  left = _free(place)
  if "No space left" in said or "ENOSPC" in said or left == 0:
    return faults.Fault(
      place,
      f"cannot be {done}: No space left on device",
      f"free some room there ({left or 0:,} bytes are left); the same command"
      " goes on from the checkpoint before",
    )
  mend = (
    "look at the disk; the same command goes on from the checkpoint before"
    if done == "written"
    else "if the settings are those of the run it is damaged: bring it back, or"
    " move it away to go on from the one before"
  )
  return faults.Fault(
    place, f"cannot be {done} ({type(error).__name__}: {said})", mend
  )


def _free(place: pathlib.Path) -> int | None:
  for folder in (place, *place.parents):
    try:
      return shutil.disk_usage(folder).free
    except OSError:
      continue
  return None
