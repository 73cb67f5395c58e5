"""Digests of checkpoints: whether what is read is what was written.

Beside a checkpoint's own files stands one with the SHA-256 of each of them. It
is written when the checkpoint is whole; one that a kill has left without it is
taken as it is.
"""

import contextlib
import json
import os
import pathlib
import threading
import time
from collections.abc import Iterator

from hybridret_jax.ground import digests, writing

FILE = "sha256.json"
DAMAGED = ".damaged"  # What a checkpoint's name ends in once it is set aside.
_POLL = 0.05  # Seconds.


class Writer:
  """Writes digests of checkpoints behind the run's back."""

  def __init__(self, folder: pathlib.Path):
    """Of the checkpoints in `folder`."""
    self._folder = folder
    self._threads: list[threading.Thread] = []
    self._closed = threading.Event()

  def follow(self, step: int) -> None:
    """Has a checkpoint hashed once it is there."""
    thread = threading.Thread(target=self._hash, args=(step,), daemon=True)
    thread.start()
    self._threads = [one for one in self._threads if one.is_alive()] + [thread]

  def close(self) -> None:
    """Waits for what is being hashed; gives up what never appeared."""
    self._closed.set()
    for thread in self._threads:
      thread.join()

  def _hash(self, step: int) -> None:
    place = self._folder / str(step)
    while not place.is_dir():
      if self._closed.is_set() and not place.is_dir():
        return
      time.sleep(_POLL)
    # It may be removed meanwhile, as an old one, or the disk be full.
    with contextlib.suppress(OSError):
      write(place)


def write(place: pathlib.Path) -> None:
  """Writes the digests of a checkpoint that is whole."""
  before = place.stat().st_ino
  found = {name: digests.of_file(path) for name, path in _files(place)}
  if place.stat().st_ino == before:  # Else it was written anew meanwhile.
    writing.write(place / FILE, json.dumps(found, indent=1) + "\n")


def problem(place: pathlib.Path) -> str | None:
  """What is wrong with a checkpoint, by file; None if nothing is known to be.

  Args:
    place: its folder.
  """
  try:
    stated = json.loads((place / FILE).read_text("utf-8"))
  except FileNotFoundError:
    return None
  except (OSError, ValueError) as error:
    return f"{FILE} cannot be read ({error})"
  if not isinstance(stated, dict):
    return f"{FILE} is not what it was"
  for name, sha256 in stated.items():
    try:
      found = digests.of_file(place / name)
    except OSError as error:
      return f"{name}: {error.strerror or error}"
    if found != sha256:
      return f"{name} is not what was written (SHA-256 {found[:16]}…)"
  return None


def is_verified(place: pathlib.Path) -> bool:
  """Whether a checkpoint has digests to be compared with."""
  return (place / FILE).is_file()


def set_aside(place: pathlib.Path) -> pathlib.Path:
  """Moves a checkpoint out of the way, and says where it lies now."""
  aside = place.with_name(place.name + DAMAGED)
  number = 1
  while os.path.lexists(aside):
    number += 1
    aside = place.with_name(f"{place.name}{DAMAGED}{number}")
  place.rename(aside)
  return aside


def _files(place: pathlib.Path) -> Iterator[tuple[str, pathlib.Path]]:
  for path in sorted(place.rglob("*")):
    name = path.relative_to(place).as_posix()
    if path.is_file() and name != FILE and not writing.is_aside(path.name):
      yield name, path
