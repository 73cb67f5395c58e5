"""Who works on a folder: claims on a shared disk, without any other contact.

A folder's claims are files claim_0001.json, claim_0002.json, …; the highest
number counts. A claim is had by being first to create the next number, which
file systems grant to one process only, and no claim is ever changed or removed
while the folder's work is unfinished. So there is no moment in which two
processes take over the same claim, however late one of them wakes up. The
holder touches its file; a claim that was not touched for the length of a lease
is dead, and so is one whose process is gone from this very machine. Giving
back is a claim of its own, by nobody.
"""

import contextlib
import dataclasses
import datetime
import errno
import functools
import json
import os
import pathlib
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from hybridret_jax.ground import writing

_NAME = re.compile(r"claim_(\d+)\.json")
_BEATS = 6  # Of a lease.
_LONGEST_BEAT = 60.0  # Seconds.


@dataclasses.dataclass(frozen=True)
class Lease:
  """A claim that this process has.

  Attributes:
    folder: what is claimed.
    number: of the claim.
    owner: whose it is, a word that no other process has.
  """

  folder: pathlib.Path
  number: int
  owner: str

  @property
  def path(self) -> pathlib.Path:
    """The claim's file."""
    return _path(self.folder, self.number)


def acquire(folder: pathlib.Path, *, lease_seconds: float) -> Lease | None:
  """The claim on a folder, which is made; None while another has it."""
  folder.mkdir(parents=True, exist_ok=True)
  number, _ = _newest(folder)
  if holder(folder, lease_seconds=lease_seconds) is not None:
    return None
  return _create(folder, number + 1, uuid.uuid4().hex)


def holder(
  folder: pathlib.Path, *, lease_seconds: float
) -> dict[str, Any] | None:
  """The claim of whoever has the folder and lives; None if it is free.

  Returns:
    owner, host, pid, started; {} of one that is being written.
  """
  number, claim = _newest(folder)
  if claim is None or (claim and claim["owner"] is None) or _is_gone(claim):
    return None
  try:
    with _path(folder, number).open() as file:
      # Opening asks a network's file server anew, a mere stat may not.
      touched = os.fstat(file.fileno()).st_mtime
  except FileNotFoundError:
    return None
  return claim if _now(folder) - touched <= lease_seconds else None


def last_sign(folder: pathlib.Path) -> float | None:
  """When the newest claim was touched, by its disk's clock; None of none."""
  number, _ = _newest(folder)
  try:
    with _path(folder, number).open() as file:
      return os.fstat(file.fileno()).st_mtime
  except FileNotFoundError:
    return None


def is_here(claim: dict[str, Any]) -> bool:
  """Whether a claim's process is one of this very machine."""
  return bool(_machine()) and claim.get("machine") == _machine()


def is_held(lease: Lease) -> bool:
  """Whether the claim is still the one that counts."""
  if _path(lease.folder, lease.number + 1).exists():
    return False
  return _read(lease.path).get("owner") == lease.owner


def beat(lease: Lease) -> bool:
  """Touches the claim; whether it is still held."""
  if not is_held(lease):
    return False
  try:
    os.utime(lease.path)
  except FileNotFoundError:
    return False
  return True


def seal(lease: Lease) -> Lease | None:
  """The claim, renewed for good: None if another process took it over.

  What is published after this is published by one process only.
  """
  if not is_held(lease):
    return None
  return _create(lease.folder, lease.number + 1, lease.owner)


def give_back(lease: Lease) -> None:
  """Leaves the folder to others, at once."""
  if is_held(lease):
    _create(lease.folder, lease.number + 1, None)


def end_of(folder: pathlib.Path, pid: int) -> Lease | None:
  """The claim of a process of this machine that has ended without giving back.

  To be given back by who started it; None if it has none.
  """
  number, claim = _newest(folder)
  if not claim or claim["owner"] is None or claim["pid"] != pid:
    return None
  if not _is_gone(claim):
    return None
  return Lease(folder, number, claim["owner"])


def attempts(folder: pathlib.Path) -> int:
  """How often a folder was claimed to be worked on."""
  claims = [_read(_path(folder, number)) for number in _numbers(folder)]
  return len({claim.get("owner") for claim in claims} - {None})


def forget_old(lease: Lease) -> None:
  """Removes claims from before the last one, in a folder that is never done.

  A process that saw one of these last, and was late to take it over, finds
  the later ones and holds nothing.
  """
  for number in _numbers(lease.folder):
    if number < lease.number - 1:
      _path(lease.folder, number).unlink(missing_ok=True)


def clear(folder: pathlib.Path) -> None:
  """Removes all claims of a folder whose work is finished, and says so."""
  for number in _numbers(folder):
    _path(folder, number).unlink(missing_ok=True)


@contextlib.contextmanager
def beating(
  lease: Lease, *, lease_seconds: float, lost: Callable[[], None]
) -> Iterator[None]:
  """Touches the claim in a thread while the block runs.

  Args:
    lease: what is held.
    lease_seconds: after which others take a claim for dead.
    lost: called in the thread, once, if another process took the claim over,
      or if it could not be touched for that long.
  """
  over = threading.Event()

  def run():
    touched = time.monotonic()
    while not over.wait(min(lease_seconds / _BEATS, _LONGEST_BEAT)):
      try:
        held = beat(lease)
        touched = time.monotonic()
      except OSError:  # A file server that is away for a moment.
        held = time.monotonic() - touched < lease_seconds
      if not held:
        if not over.is_set():
          lost()
        return

  thread = threading.Thread(target=run, name="lease", daemon=True)
  thread.start()
  try:
    yield
  finally:
    over.set()
    thread.join()


@contextlib.contextmanager
def in_turn(
  folder: pathlib.Path,
  *,
  lease_seconds: float,
  waiting: Callable[[], None] = lambda: None,
) -> Iterator[None]:
  """Runs the block when no other process runs one of the same folder.

  Args:
    folder: of the claims.
    lease_seconds: after which a process is taken for dead.
    waiting: called once if another has its turn.
  """
  lease = acquire(folder, lease_seconds=lease_seconds)
  if lease is None:
    waiting()
  while lease is None:
    time.sleep(min(lease_seconds / _BEATS, 2.0))
    lease = acquire(folder, lease_seconds=lease_seconds)
  try:
    with beating(lease, lease_seconds=lease_seconds, lost=lambda: None):
      yield
  finally:
    give_back(lease)


def _create(folder, number, owner) -> Lease | None:
  """The claim with that number, if this process is first to create it."""
  claim = {
    "owner": owner,
    "host": socket.gethostname(),
    "pid": os.getpid(),
    "machine": _machine(),
    "process_started": _process_started(os.getpid()),
    "started": datetime.datetime.now(datetime.UTC).isoformat("T", "seconds"),
  }
  path, flags = _path(folder, number), os.O_CREAT | os.O_EXCL | os.O_WRONLY
  try:
    descriptor = os.open(path, flags, 0o644)
  except FileExistsError:
    return None
  try:
    with writing.naming(path), os.fdopen(descriptor, "w") as file:
      file.write(json.dumps(claim, indent=1) + "\n")
  except OSError as error:
    # A mounted bucket finds out when the file is closed.
    if error.errno != errno.ESTALE:
      path.unlink(missing_ok=True)
      raise
    return None
  return Lease(folder, number, owner)


def _newest(folder) -> tuple[int, dict[str, Any] | None]:
  """(number, claim) of the one that counts; (0, None) if there is none."""
  number = max(_numbers(folder), default=0)
  return number, _read(_path(folder, number)) if number else None


def _numbers(folder) -> list[int]:
  try:
    names = os.listdir(folder)
  except FileNotFoundError:
    return []
  return [int(m[1]) for m in map(_NAME.fullmatch, names) if m]


def _path(folder, number):
  return folder / f"claim_{number:04}.json"


def _read(path) -> dict[str, Any]:
  """A claim; {} while it is being written, and if it is gone."""
  try:
    return json.loads(path.read_text("utf-8"))
  except (FileNotFoundError, json.JSONDecodeError):
    return {}


def _now(folder) -> float:
  """The time by the clock that stamps the folder's files."""
  path = folder / f".clock_{uuid.uuid4().hex}"
  path.touch()
  try:
    return path.stat().st_mtime
  finally:
    path.unlink(missing_ok=True)


def _is_gone(claim) -> bool:
  """Whether the claim's process ran on this machine and runs no more."""
  if not claim or not _machine() or claim["machine"] != _machine():
    return False
  return _process_started(claim["pid"]) != claim["process_started"]


@functools.cache
def _machine() -> str:
  """What tells this boot of this machine and its process ids from others.

  Empty where that is not known; containers of one machine differ.
  """
  try:
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"
  except OSError:
    return ""


def _process_started(pid) -> str | None:
  """When a process of this machine began, in ticks; None if it has ended."""
  try:
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
  except OSError:
    return None
  # The name before the last bracket may hold spaces and brackets.
  fields = text.rpartition(")")[2].split()
  return None if fields[0] in "ZX" else fields[19]
