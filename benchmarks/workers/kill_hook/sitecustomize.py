"""Kills its process at a write that the environment names; or lists the writes.

Python imports a module of this name at its start, so it disturbs a program that
knows nothing of it. KILL_ROOTS are folders, KILL_LIST a file to list what is
done below them in, KILL_AT an entry of such a list: it and what comes after it
("before") or only what comes after it ("after") is not done any more.
"""

import builtins
import functools
import io
import json
import os
import re
import signal
import sys
import threading

_ROOTS = [x for x in os.environ.get("KILL_ROOTS", "").split(os.pathsep) if x]
_LIST = os.environ.get("KILL_LIST", "")
_AT = json.loads(os.environ.get("KILL_AT", "null"))
_LOCK = threading.RLock()
_SEEN: dict[tuple[str, str], int] = {}
_MADE = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_RDWR
# What differs from run to run.
_RANDOM = re.compile(r"\.hybridret-[^/]*?(?=\.[a-z]+$|/|$)|[0-9a-f]{16,}")
_NUMBERS = re.compile(r"(tmp-|tfevents\.|process_|fd/)\d+")

# The check of an export by another library takes most of the time.
sys.modules["sentence_transformers"] = None  # type: ignore[assignment]


def _event(operation, path):
  """The entry of what is about to be done, if it is below a root."""
  try:
    path = os.path.abspath(os.fsdecode(path))
  except TypeError:  # A number.
    return None
  if path.startswith("/proc/self/fd/"):
    path = os.path.realpath(path)
  for name, root in zip(("run", "cache"), _ROOTS, strict=False):
    if path == root or path.startswith(root + os.sep):
      short = name + path[len(root) :]
      short = _NUMBERS.sub(r"\1N", _RANDOM.sub("#", short))
      key = (operation, short)
      with _LOCK:
        _SEEN[key] = _SEEN.get(key, 0) + 1
        return [operation, short, _SEEN[key]]
  return None


def _hooked(operation, done, writes=lambda *_: True, which=0):
  @functools.wraps(done)
  def call(*args, **kwargs):
    if len(args) <= which or not writes(*args, **kwargs):
      return done(*args, **kwargs)
    event = _event(operation, args[which])
    if event is None:
      return done(*args, **kwargs)
    if _AT and _AT[:3] == event and _AT[3] == "before":
      os.kill(os.getpid(), signal.SIGKILL)
    if _LIST:
      with _LOCK, _open(_LIST, "a", encoding="utf-8") as file:
        file.write(json.dumps(event) + "\n")
    result = done(*args, **kwargs)
    if _AT and _AT[:3] == event and _AT[3] == "after":
      os.kill(os.getpid(), signal.SIGKILL)
    return result

  return call


def _mode_writes(file, mode="r", *_, **kwargs):
  return any(x in kwargs.get("mode", mode) for x in "wax+")


def _flags_write(path, flags, *_, **kwargs):
  return bool(flags & _MADE)


_open = io.open
if _ROOTS:
  io.open = builtins.open = _hooked("open", _open, _mode_writes)
  os.open = _hooked("os.open", os.open, _flags_write)
  for _name, _which in (("replace", 1), ("rename", 1), ("mkdir", 0)):
    setattr(os, _name, _hooked(_name, getattr(os, _name), which=_which))
  for _name in ("unlink", "remove", "rmdir", "truncate"):
    setattr(os, _name, _hooked(_name, getattr(os, _name)))
