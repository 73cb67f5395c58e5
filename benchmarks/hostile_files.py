"""Reads files that strangers might send; no code may run, nothing be written.

  PYTHONPATH=. python benchmarks/hostile_files.py --out=hostile.json

Each file is made in a folder of its own and read by what reads it in earnest.
An audit hook sees every program that is started, every address that is asked
and every file that is opened to be written; there is a limit of time for each
file and of memory for all. A file is either refused, by an error that the
command would end with in a line, or read with nothing else having happened.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import hostile_kinds
from hybridret_jax.ground import ends

SECONDS = 30  # For a file.
MOST_BYTES = 3 * 2**30  # That the process may grow by.
# What an audit hook calls a program that starts, an address that is asked, and
# a pickle that is read (docs.python.org/3/library/audit_events.html).
_FORBIDDEN = (
  *("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"),
  *("os.system", "subprocess.Popen", "pty.spawn", "pickle.find_class"),
  *("socket.connect", "socket.getaddrinfo", "urllib.Request"),
)


_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.link", "os.symlink")


class Seen:
  """What the audit hook saw while a file was read.

  Attributes:
    folder: where nothing but this may be written.
    events: what was seen.
  """

  folder: str | None = None
  events: list[str] = []


def hook(event: str, arguments: tuple[Any, ...]) -> None:
  """Notes what a file must not have anybody do."""
  if Seen.folder is None:
    return
  if event == "pickle.find_class" and arguments[0].startswith("babel."):
    return  # Its own data, which it reads when a language is first named.
  if event in _FORBIDDEN:
    Seen.events.append(f"{event} {arguments!r}"[:200])
  elif event == "open":
    path, mode, flags = arguments
    writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (
      isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    )
    if writes and not _is_own(path):
      Seen.events.append(f"open {path!r} to write")
  elif event in _CHANGES and not _is_own(arguments[0]):
    Seen.events.append(f"{event} {arguments!r}"[:200])


def _is_own(path: Any) -> bool:
  if isinstance(path, int):
    return True
  name = os.path.realpath(os.fsdecode(path))
  return name == os.devnull or name.startswith(f"{Seen.folder}{os.sep}")


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--out", help="where what came of each is written")
  parser.add_argument("--only", default="", help="of these names")
  args = parser.parse_args()
  sys.addaudithook(hook)
  rows = list(tried(args.only))
  wrong = [row for row in rows if not is_right(row)]
  counts = collections.Counter((row["kind"], row["outcome"]) for row in rows)
  for (kind, outcome), count in sorted(counts.items()):
    print(f"{kind:24} {outcome:10} {count}")
  print(f"{len(rows)} files, {len(wrong)} of them wrong")
  for row in wrong:
    print(json.dumps(row))
  if args.out:
    pathlib.Path(args.out).write_text(json.dumps(rows, indent=1) + "\n")
  sys.exit(bool(wrong))


def is_right(row: dict[str, Any]) -> bool:
  """Whether nothing happened but a reading or a refusal in a line."""
  return (
    row["outcome"] == row["wanted"]
    and not row["events"]
    and row["seconds"] < SECONDS
    and row["grown_bytes"] < MOST_BYTES
    and "mistake of the program" not in row["said"]
    and len(row["said"]) < 3000
    and row["said"].isprintable()
  )


def tried(only: str = "") -> Iterator[dict[str, Any]]:
  """What came of each file."""
  for case in hostile_kinds.cases():
    name = f"{case.kind}/{case.name}"
    if only in name:
      yield {"kind": case.kind, "name": case.name, **_one(case)}


def _one(case: hostile_kinds.Case) -> dict[str, Any]:
  with tempfile.TemporaryDirectory() as place:
    folder = pathlib.Path(place, "given")
    folder.mkdir()
    case.make(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    Seen.events, Seen.folder = [], os.path.realpath(place)
    begun, said, outcome = time.perf_counter(), "", "read"
    try:
      with _limit():
        case.read(folder)
    except Exception as error:
      Seen.folder = None  # A traceback of a mistake goes to a file.
      outcome, said = "refused", ends.line(error)
    finally:
      Seen.folder = None
    return {
      "wanted": case.wanted,
      "outcome": outcome,
      "said": said.replace(place, "…"),
      "seconds": round(time.perf_counter() - begun, 3),
      "grown_bytes": 1024
      * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before),
      "events": Seen.events,
    }


@contextlib.contextmanager
def _limit() -> Iterator[None]:
  def late(number, frame):
    raise TimeoutError(f"{SECONDS} seconds have passed")

  signal.signal(signal.SIGALRM, late)
  signal.alarm(SECONDS)
  try:
    yield
  finally:
    signal.alarm(0)


if __name__ == "__main__":
  main()
