"""Files and folders that appear whole or not at all.

What is written lies beside its place under a name that says whose it is: the
machine, the process and when that began. What a dead process has left so is
removed by the next one that writes into the same folder, and nothing else is.
Before it takes its place a file is on the disk: what stands under its name
after a power cut is whole, too.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import pathlib
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterator

from hybridret_jax.ground import display

_MARK = ".hybridret-"
_ASIDE = re.compile(
  re.escape(_MARK) + r"([0-9a-f]{12})-(\d+)-(\d+)-[0-9a-f]{8}(\..*)?"
)
# Of another machine, whose processes cannot be looked at, in seconds.
_OLD = 7 * 24 * 3600
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_AT_FDCWD = -100
_SUFFIX = 16  # Letters; names end at 255 bytes.


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Yields a new path beside `path` that takes its place at the end.

  If the block raises, what was written is removed and `path` stays as it was.
  The folder is made where it is missing. An OSError names `path`.
  """
  path = pathlib.Path(path)
  with naming(path):
    aside = _aside(path)
    try:
      yield aside
      _flush(aside)
      os.replace(aside, path)
      _flush_folder(path.parent)
    finally:
      with contextlib.suppress(OSError):
        aside.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path: str | os.PathLike) -> Iterator[pathlib.Path]:
  """As `replacing`, of a folder; the block finds it empty.

  A folder that stood at `path` is gone afterwards: whether it may be is the
  caller's to know. Where the system can exchange two names there is no moment
  at which neither stands there.
  """
  path = pathlib.Path(path)
  with naming(path):
    aside = _aside(path)
    aside.mkdir()
    try:
      yield aside
      for file in sorted(aside.rglob("*")):
        if file.is_file():
          _flush(file)
      _take_place(aside, path)
      _flush_folder(path.parent)
    finally:
      shutil.rmtree(aside, ignore_errors=True)


def write(path: str | os.PathLike, text: str) -> None:
  """Writes `text` as the whole of `path`, in UTF-8."""
  with replacing(path) as aside:
    aside.write_text(text, encoding="utf-8", newline="")


def show(path: str | os.PathLike, text: str) -> None:
  """`write` of what people look at: no character steers what shows it."""
  write(path, display.visible_lines(text))


@contextlib.contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
  """Has an OSError of the block name what was to be written."""
  try:
    yield
  except OSError as error:
    # A write that fails knows no name, and nobody knows the one aside.
    if error.errno is not None and (
      error.filename is None
      or is_aside(pathlib.Path(os.fsdecode(error.filename)).name)
    ):
      error.filename, error.filename2 = str(path), None
    raise


def tidy(folder: str | os.PathLike) -> None:
  """Removes what dead processes have left aside in a folder.

  Of other machines, whose processes cannot be looked at, what was not touched
  for a week.
  """
  try:
    entries = list(os.scandir(folder))
  except OSError:
    return
  for entry in entries:
    found = _ASIDE.fullmatch(entry.name)
    if not found or _is_in_use(entry, *found.groups()[:3]):
      continue
    with contextlib.suppress(OSError):
      if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path, ignore_errors=True)
      else:
        os.unlink(entry.path)


def is_aside(name: str) -> bool:
  """Whether a file of this name is one that is not finished."""
  return bool(_ASIDE.fullmatch(name))


@functools.lru_cache(maxsize=4096)
def _tidy_once(folder: str, pid: int) -> None:
  """`tidy`, at a process's first write into a folder."""
  del pid  # A child asks anew.
  tidy(folder)


def _aside(path):
  path.parent.mkdir(parents=True, exist_ok=True)
  _tidy_once(str(path.parent.absolute()), os.getpid())
  pid = os.getpid()
  name = f"{_machine()}-{pid}-{_born(pid) or 0}-{uuid.uuid4().hex[:8]}"
  suffix = path.suffix if len(path.suffix) <= _SUFFIX else ""
  return path.with_name(f"{_MARK}{name}{suffix}")


def _take_place(aside, path):
  if not os.path.lexists(path):
    os.rename(aside, path)
    return
  if not _exchange(aside, path):
    before = _aside(path)
    os.rename(path, before)
    os.rename(aside, path)
    before.rename(aside)  # To be removed.


def _exchange(one, other) -> bool:
  """Whether two names have been exchanged; not every file system can."""
  try:
    rename = ctypes.CDLL(None, use_errno=True).renameat2
  except (AttributeError, OSError, TypeError):
    return False
  names = os.fsencode(one), os.fsencode(other)
  return not rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE)


def _is_in_use(entry, machine, pid, born) -> bool:
  if machine == _machine():
    return _born(int(pid)) == int(born)
  try:
    return time.time() - entry.stat(follow_symlinks=False).st_mtime < _OLD
  except OSError:
    return True


@functools.cache
def _machine() -> str:
  """Where the numbers of processes mean the same; 12 hex digits."""
  parts = [socket.gethostname()]
  with contextlib.suppress(OSError):
    parts.append(pathlib.Path("/proc/sys/kernel/random/boot_id").read_text())
  with contextlib.suppress(OSError):
    parts.append(os.readlink("/proc/self/ns/pid"))
  return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _born(pid: int) -> int | None:
  """When a process began; 0 where that is not known, None if it is gone."""
  try:
    text = pathlib.Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    # The name, in brackets, may hold anything.
    state, *fields = text.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])
  except FileNotFoundError:
    if pathlib.Path("/proc/self/stat").exists():
      return None
  except (OSError, ValueError, IndexError):
    return 0
  try:
    os.kill(pid, 0)
  except ProcessLookupError:
    return None
  except OSError:
    return 0
  return 0


def _flush(path):
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def _flush_folder(path):
  # Some file systems flush no folders.
  with contextlib.suppress(OSError):
    _flush(path)
