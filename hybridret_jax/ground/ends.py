"""How a process ends that cannot go on: one line, with the place and the mend.

What was given (a file, a folder, a setting), a disk, memory or another process
are told with what to do about them. All else is a mistake of the program: it is
called so, and its traceback is written to a file that the line names.
"""

import errno
import gzip
import logging
import os
import pathlib
import shutil
import struct
import tempfile
import traceback
import zipfile
import zlib
from collections.abc import Iterator

from hybridret_jax.ground import display

TRACEBACK = "HYBRIDRET_TRACEBACK"
_PACKAGE = pathlib.Path(__file__).parents[1]
_LONGEST = 400  # Letters that are shown of what a library says.
_KEPT: list[str] = []  # What libraries said with a traceback.
_MOST_KEPT = 100
_MENDS = {
  errno.EROFS: "it cannot be written there; give a place that can",
  errno.EACCES: "this user may not; change its permissions or give another",
  errno.EPERM: "this user may not; change its permissions or give another",
  errno.ENAMETOOLONG: "give a shorter name",
  errno.ENOTDIR: "a part of this path is a file; give another",
  errno.EISDIR: "this is a folder; give a file",
  errno.ENOENT: "give a path that exists",
  errno.EEXIST: "remove it or give another",
  errno.ESTALE: "the disk was mounted anew meanwhile; run the command again",
  errno.EIO: "the disk fails; look at it, then run the command again",
  errno.EMFILE: "too many files are open; raise `ulimit -n`",
  errno.ENFILE: "too many files are open on this machine; close some",
  errno.ELOOP: "its links go in a circle; give another path",
  errno.EFBIG: "files may not be larger here; raise `ulimit -f`",
  errno.ETIMEDOUT: "try again once it answers",
  errno.ECONNREFUSED: "try again once it answers",
}
_FULL = (errno.ENOSPC, errno.EDQUOT)
# What readers of damaged files raise that nobody has made a fault of.
_DAMAGED = (
  EOFError,
  UnicodeDecodeError,
  gzip.BadGzipFile,
  struct.error,
  zipfile.BadZipFile,
  zlib.error,
)
_DAMAGED_NAMES = ("SafetensorError", "JSONDecodeError")
_PLACES = ("path", "file", "folder")


def line(error: BaseException) -> str:
  """What ended the process, in a line that a user can act on.

  Errors of ours stand as they are. Of a mistake of the program the traceback is
  written to a file.
  """
  error = _first(error)
  told = _told(error)
  if told is None:
    told = (
      f"a mistake of the program: {type(error).__name__}: {_short(error)};"
      f" please report it{_written(error)}"
    )
  return display.visible_lines(told)


def keep(text: str) -> None:
  """Keeps what a library said, for the file of a traceback."""
  if len(_KEPT) < _MOST_KEPT:
    _KEPT.append(text)


def wants_traceback() -> bool:
  """Whether tracebacks are to be shown."""
  return bool(os.environ.get(TRACEBACK))


class FirstLine(logging.Formatter):
  """Records in one line; tracebacks of libraries are kept, not shown."""

  def format(self, record: logging.LogRecord) -> str:
    if wants_traceback():
      return super().format(record)
    if record.exc_info or "\n" in record.getMessage():
      keep(super().format(record))
    shown = logging.makeLogRecord({**record.__dict__, "exc_info": None})
    shown.exc_text = shown.stack_info = None
    first = (record.getMessage().strip().splitlines() or [""])[0]
    shown.msg, shown.args = display.visible(first)[:_LONGEST], ()
    return super().format(shown)


def _told(error: BaseException) -> str | None:
  """The line of an error that is no mistake of the program; else None."""
  name = type(error).__name__
  if isinstance(error, _DAMAGED) or name in _DAMAGED_NAMES:
    return (
      f"{_place(error)}: damaged or cut short ({name}: {_short(error)}); bring"
      " it anew, or remove it if it is of the cache"
    )
  if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)[:80]:
    return (
      f"memory is full ({_short(error) or name}); lower batches.batch_size, set"
      " train.chunk_tokens, or take a machine with more"
    )
  if isinstance(error, RecursionError):
    return (
      f"{_place(error)}: nested too deeply to be read; bring one that is not"
    )
  if isinstance(error, ModuleNotFoundError) and error.name:
    return f"{error.name} is not installed; run `pip install` for it"
  if isinstance(error, (OSError, ValueError, FloatingPointError)):
    if isinstance(error, OSError) and error.errno is not None:
      return _of_system(error)
    return str(error) if _is_ours(error) else None
  if name == "JaxRuntimeError" and _of_another_process(str(error)):
    return (
      f"another process of the job has ended or does not answer"
      f" ({_short(error)}); its log says why"
    )
  return None


def _of_system(error: OSError) -> str:
  number = error.errno or 0
  names = [os.fsdecode(x) for x in (error.filename,) if _is_path(x)]
  place = names[0] if names else _place(error)
  what = error.strerror or os.strerror(number)
  if number in _FULL:
    left = _free(place) if names else ""
    mend = f"free some room there{left} or give another place"
    if ".cache" in place:
      mend += ", as with --config.cache"
    return f"{place}: {what}; {mend}"
  mend = _MENDS.get(number, "mend that, then run the command again")
  return f"{place}: {what}; {mend}"


def _is_path(name) -> bool:
  return isinstance(name, (str, bytes)) and bool(name)


def _free(place: str) -> str:
  for folder in (pathlib.Path(place), *pathlib.Path(place).parents):
    try:
      return f" ({shutil.disk_usage(folder).free:,} bytes are left)"
    except OSError:
      continue
  return ""


def _of_another_process(text: str) -> bool:
  kinds = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED")
  return text.startswith(kinds) or "coordination service" in text.lower()


def _is_ours(error: BaseException) -> bool:
  """Whether this package raised it itself."""
  frames = list(traceback.walk_tb(error.__traceback__))
  if not frames:
    return True
  innermost = pathlib.Path(frames[-1][0].f_code.co_filename)
  return innermost.is_relative_to(_PACKAGE)


def _place(error: BaseException) -> str:
  """The file that was at hand where an error came up that names none."""
  ours = [
    frame
    for frame, _ in traceback.walk_tb(error.__traceback__)
    if pathlib.Path(frame.f_code.co_filename).is_relative_to(_PACKAGE)
  ]
  for frame in reversed(ours):
    for name in _PLACES:
      value = frame.f_locals.get(name)
      if isinstance(value, (str, os.PathLike)) and str(value):
        return str(value)
  if not ours:
    return "a file"
  code = ours[-1].f_code
  return f"what {pathlib.Path(code.co_filename).stem}.{code.co_name} reads"


def _short(error: BaseException) -> str:
  text = " ".join(str(error).split())
  return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _first(error: BaseException) -> BaseException:
  while isinstance(error, BaseExceptionGroup) and error.exceptions:
    error = error.exceptions[0]
  return error


def _written(error: BaseException) -> str:
  """Where the traceback was written, as the end of a sentence."""
  text = "".join([*traceback.format_exception(error), *_said()])
  for folder in (None, "."):
    try:
      number, name = tempfile.mkstemp(
        ".txt", f"hybridret_jax-{os.getpid()}-", folder
      )
      with open(number, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
      return f" with {os.path.abspath(name)}"
    except OSError:
      continue
  return f" with what {TRACEBACK}=1 shows"


def _said() -> Iterator[str]:
  for text in _KEPT:
    yield f"\nSaid before:\n{text}\n"
