"""Standard output and error that nothing can end a run with.

A terminal that is not UTF-8, an output that was closed, a reader that went away
or a full disk behind `>` lose what is shown, and never the run.
"""

import errno
import io
import os
import select
import sys
from typing import Any

from hybridret_jax.ground import display

_LOST: dict[int, OSError] = {}


def hold() -> None:
  """Takes standard output and error over; to be called before all else.

  A closed one is given to nobody first: else the next file that is opened gets
  its number, and what libraries print would go into that file. On standard
  output control characters are visible, see `display`.
  """
  descriptor = os.open(os.devnull, os.O_RDWR)
  while descriptor <= 2:
    descriptor = os.dup(descriptor)
  os.close(descriptor)
  sys.stdout = _stream(1, sys.stdout, _Shown)
  sys.stderr = _stream(2, sys.stderr, io.TextIOWrapper)


def lost() -> OSError | None:
  """Why what was printed on standard output did not arrive, if so."""
  try:
    sys.stdout.flush()
  except (OSError, ValueError) as error:
    _LOST.setdefault(1, OSError(errno.EIO, str(error)))
  return _LOST.get(1)


def flush() -> None:
  """Has both streams written out."""
  for stream in (sys.stdout, sys.stderr):
    try:
      stream.flush()
    except (OSError, ValueError):
      continue


class _Descriptor(io.FileIO):
  """A descriptor that swallows what it cannot pass on, and then all."""

  def write(self, data: Any) -> int:
    done = None
    while done is None:
      try:
        done = super().write(data)
        if done is None:  # Of a pipe that does not block and is full.
          select.select([], [self.fileno()], [])
      except OSError as error:
        _LOST.setdefault(self.fileno(), error)
        # For libraries that know the number only, too.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        done = memoryview(data).nbytes
    return done


class _Shown(io.TextIOWrapper):
  """Text whose control characters are visible."""

  def write(self, text: str, /) -> int:
    super().write(display.visible_lines(text))
    return len(text)


def _stream(number, before, kind):
  if before is not None:
    before.flush()
  try:
    raw = _Descriptor(number, "w", closefd=False)
  except OSError:  # A folder, or open for reading only.
    raw = _Descriptor(os.open(os.devnull, os.O_WRONLY), "w")
  is_terminal = raw.isatty()
  return kind(
    io.BufferedWriter(raw),
    encoding=getattr(before, "encoding", None) or "utf-8",
    # What the encoding lacks is written as Python writes it.
    errors="backslashreplace",
    newline="\n" if os.name == "posix" else None,
    line_buffering=is_terminal or number == 2,
    write_through=number == 2,
  )
