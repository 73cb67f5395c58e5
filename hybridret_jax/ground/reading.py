"""Reads text files for everybody: plain or packed, lines or JSON, guarded."""

import contextlib
import gzip
import io
import json
import os
import pathlib
import re
import reprlib
import stat
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from hybridret_jax.ground import faults

LINE = 2**24  # Bytes of a line, at most: a page of text has some thousand.
DOCUMENT = 2**27  # Bytes of a JSON file that is read whole, at most.
LEVELS = 64  # Of lists and objects in one another, at most.
# Text shrinks by a factor of 3 to 30; gzip cannot do more than 1,032.
EXPANSION = 200
PACKED = {".gz": "gzip", ".zst": "Zstandard"}
_SMALL = 2**26  # Bytes that any packed file may expand to.
_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = {
  b"\x00\x00\xfe\xff": "UTF-32",
  b"\xff\xfe\x00\x00": "UTF-32",
  b"\xff\xfe": "UTF-16",
  b"\xfe\xff": "UTF-16",
}
_STARTS = {
  b"\x1f\x8b": ("gzip", "let its name end in .gz, or unpack it"),
  b"\x28\xb5\x2f\xfd": (
    "Zstandard",
    "let its name end in .zst, or unpack it",
  ),
  b"PAR1": ("Parquet", "let its name end in .parquet"),
  b"ARROW1": ("Arrow", "let its name end in .arrow"),
}
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf]")  # As its three bytes in UTF-8.
_ESCAPED = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
_UTF8 = "write the text as UTF-8"
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 64
_SHORT.maxlevel = 3


class Place(NamedTuple):
  """A line of a file, or a row of a data set; shown as FILE:LINE."""

  file: Any
  line: int  # From 1.

  def __str__(self) -> str:
    return f"{self.file}:{self.line}"


def lines(path: str | os.PathLike) -> Iterator[tuple[Place, str]]:
  """Every line of a file that is not blank, without its end, as it is read.

  Only a line feed ends a line, with or without a carriage return before it:
  what else Unicode takes for a line's end stands inside texts. A name that
  ends in `.gz` or `.zst` says how the file is packed. A byte order mark in
  front of a line is left out (files that were put together have them inside).

  Raises:
    Fault: the file cannot be read, is not UTF-8 or not what its name says,
      ends early, has a line of more than `LINE` bytes, expands as no text does,
      or a line has a NUL, a lone carriage return or half of a surrogate pair.
  """
  return ((place, text) for place, text in every_line(path) if text.strip())


def every_line(path: str | os.PathLike) -> Iterator[tuple[Place, str]]:
  """As `lines`, and the blank ones too."""
  number = 0
  with _opened(path) as (file, most):
    read = 0
    while True:
      place = Place(path, number + 1)
      line = _next_line(file, place)
      if not line:
        return
      number, read = number + 1, read + len(line)
      if read > most:
        raise faults.Fault(
          place,
          f"{read:,} bytes so far out of a packed file that cannot hold so much"
          " text",
          f"unpack it and look; text shrinks by less than {EXPANSION} times",
        )
      text = _text(line, place)
      if "\r" in text:
        raise faults.Fault(
          place,
          "a carriage return stands alone",
          "end lines in a line feed (\\n)",
        )
      yield place, text


def objects(path: str | os.PathLike) -> Iterator[tuple[Place, dict[str, Any]]]:
  """The JSON object of every line that is not blank; see `lines`, `parse`."""
  for place, line in lines(path):
    found = parse(line, place)
    if not isinstance(found, dict):
      raise faults.Fault(
        place, f"{shown(found)} is not a JSON object", "write one per line"
      )
    yield place, found


def document(
  path: str | os.PathLike, *, most: int = DOCUMENT, mend: str = ""
) -> dict[str, Any]:
  """The JSON object that a file holds, plain or packed, with all its guards.

  Args:
    path: of the file.
    most: bytes that it may have.
    mend: what to do about whatever is wrong; empty says it case by case.

  Raises:
    Fault: as in `lines` and `parse`, or it is longer, or no object.
  """
  try:
    with _opened(path) as (file, _):
      place = Place(path, 1)
      data = _guarded(file.read, most + 1, place)
    if len(data) > most:
      raise faults.Fault(path, f"it has more than {most:,} bytes", "split it")
    _check_kind(data, place)
    found = parse(_text(data, path), path)
    if not isinstance(found, dict):
      raise faults.Fault(
        path, f"{shown(found)} is not a JSON object", "write one"
      )
  except faults.Fault as fault:
    if mend:
      raise faults.Fault(fault.place, fault.what, mend) from fault
    raise
  return found


def parse(text: str, place: object) -> Any:
  """The value of a JSON text; `place` is where it stands.

  Raises:
    Fault: it is not JSON, an object has a key twice, a number is none (NaN) or
      too big, lists and objects stand in more than `LEVELS` of one another, or
      a text has a NUL or half of a surrogate pair.
  """
  try:
    found = _DECODER.decode(text)
  except _Refused as refused:
    raise faults.Fault(place, *refused.args) from None
  except json.JSONDecodeError as error:
    # A line has its number already.
    at = place if isinstance(place, Place) else Place(place, error.lineno)
    raise faults.Fault(
      at, f"not JSON ({error.msg}, column {error.colno})", "correct it"
    ) from error
  except RecursionError:
    raise faults.Fault(place, _NESTED, "write it flatter") from None
  except ValueError as error:  # An integer of thousands of digits.
    raise faults.Fault(
      place, "a number is too big", "write a smaller one, or a text"
    ) from error
  except MemoryError:
    raise faults.Fault(
      place, "it does not fit the memory", "split it"
    ) from None
  if text.count("[") + text.count("{") > LEVELS or _ESCAPED.search(text):
    _check_inside(found, place)
  return found


def check_text(text: str, place: object, what: str = "a text") -> None:
  """Raises a Fault if `text` has a NUL or half of a surrogate pair."""
  if "\0" in text:
    raise faults.Fault(place, f"{what} has a NUL character", "leave it out")
  try:
    text.encode()
  except UnicodeEncodeError:
    raise faults.Fault(
      place, f"{what} holds half of a surrogate pair", _UTF8
    ) from None


def find(*paths: str | os.PathLike) -> pathlib.Path | None:
  """The one of `paths`, each also packed, that is there, if one is.

  Raises:
    Fault: several are.
  """
  there = [
    pathlib.Path(path)
    for plain in paths
    for path in (plain, *(f"{os.fspath(plain)}{end}" for end in PACKED))
    if os.path.lexists(path)
  ]
  if len(there) > 1:
    raise both(*there[:2])
  return there[0] if there else None


def both(one: pathlib.Path, other: pathlib.Path) -> faults.Fault:
  """The fault of two files that stand for one."""
  return faults.Fault(one, f"{other} stands for the same", "keep one of them")


def entries(folder: str | os.PathLike) -> list[pathlib.Path]:
  """What stands in a folder, sorted; a Fault if it cannot be listed."""
  try:
    return sorted(pathlib.Path(folder).iterdir())
  except (OSError, ValueError) as error:
    raise _of_system(folder, error) from error


def shown(value: object) -> str:
  """A value on one line of an error: escaped, and cut where it is long."""
  return _SHORT.repr(value)


class _Refused(Exception):
  """What the decoder's hooks found: what is wrong, and the mend."""


_NESTED = f"lists and objects stand in more than {LEVELS} of one another"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  made = dict(pairs)
  if len(made) < len(pairs):
    keys = [key for key, _ in pairs]
    twice = next(key for key in keys if keys.count(key) > 1)
    raise _Refused(f"the key {shown(twice)} stands twice", "keep one of them")
  return made


def _float(text: str) -> float:
  number = float(text)
  if number in (float("inf"), float("-inf")):
    raise _Refused(f"the number {text[:40]} is too big", "write a smaller one")
  return number


def _constant(name: str) -> float:
  raise _Refused(f"{name} is no JSON", "write a number, or leave it out")


_DECODER = json.JSONDecoder(
  object_pairs_hook=_object, parse_float=_float, parse_constant=_constant
)


@contextlib.contextmanager
def _opened(path) -> Iterator[tuple[BinaryIO, float]]:
  """The bytes of a file, unpacked, and how many may come out of it."""
  try:
    # A pipe without a writer would wait for one.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
  except (OSError, ValueError) as error:  # A path with a NUL is no value.
    raise _of_system(path, error) from error
  status = os.fstat(descriptor)
  if not stat.S_ISREG(status.st_mode):
    os.close(descriptor)
    raise faults.Fault(path, "it is not a file", "name a file")
  with open(descriptor, "rb") as file:
    kind = _packed(path)
    if not kind:
      yield file, float("inf")
      return
    if not status.st_size:
      raise _not_whole(Place(path, 1), "it is empty")
    most = max(_SMALL, EXPANSION * status.st_size)
    if kind == PACKED[".gz"]:
      with gzip.GzipFile(fileobj=file) as unpacked:
        yield unpacked, most  # pyright: ignore[reportReturnType]
      return
    import pyarrow  # Slow to import, and seldom needed.

    stream = pyarrow.CompressedInputStream(file, "zstd")
    with io.BufferedReader(stream) as unpacked:
      yield unpacked, most


def _packed(path) -> str:
  """How a file is packed by its name, or ""."""
  return PACKED.get(os.path.splitext(os.fspath(path))[1], "")


def _next_line(file: BinaryIO, place: Place) -> bytes:
  """The next line, with its end; empty after the last."""
  line = _guarded(file.readline, LINE + 1, place)
  if len(line) > LINE:
    raise faults.Fault(
      place, f"the line has more than {LINE:,} bytes", "split its text"
    )
  if place.line == 1:
    _check_kind(line, place)
  return line


def _check_kind(start: bytes, place: Place) -> None:
  """Raises where a file's first bytes say that it is no text in UTF-8."""
  for mark, name in _OTHER_BOMS.items():
    if start.startswith(mark):
      raise faults.Fault(place, f"the file is {name}", _UTF8)
  for mark, (name, mend) in _STARTS.items():
    if start.startswith(mark):
      raise faults.Fault(place, f"the file is {name}", mend)


def _guarded(read, size: int, place: Place) -> bytes:
  try:
    return read(size)
  except (EOFError, gzip.BadGzipFile, zlib.error) as error:
    raise _not_whole(place, error) from error
  except OSError as error:
    if error.errno is None and _packed(place.file):  # As pyarrow says it.
      raise _not_whole(place, error) from error
    raise _of_system(place, error) from error


def _text(data: bytes, place: object) -> str:
  """Bytes of a line or a file as text, without a mark or its last end."""
  data = data.removeprefix(_BOM).removesuffix(b"\n").removesuffix(b"\r")
  if b"\0" in data:
    raise faults.Fault(
      place, "a NUL byte", f"leave it out; if the file is UTF-16, {_UTF8}"
    )
  try:
    return data.decode()
  except UnicodeDecodeError as error:
    what = (
      f"not UTF-8 (byte {data[error.start]:#x}, {error.start + 1} bytes in)"
    )
    if _SURROGATE.match(data, error.start):
      what = "half of a surrogate pair"
    raise faults.Fault(place, what, _UTF8) from error


def _check_inside(value: Any, place: object) -> None:
  """Raises where a value is nested too deeply or has a text that is none."""
  waiting = [(value, 0)]
  while waiting:
    value, level = waiting.pop()
    if isinstance(value, str):
      check_text(value, place)
    elif isinstance(value, dict | list):
      if level == LEVELS:
        raise faults.Fault(place, _NESTED, "write it flatter")
      waiting += [(item, level + 1) for item in value]
      if isinstance(value, dict):
        waiting += [(item, level + 1) for item in value.values()]


def _of_system(place: object, error: Exception) -> faults.Fault:
  return faults.Fault(
    place,
    f"it cannot be read ({getattr(error, 'strerror', None) or error})",
    "look at its path, its rights and its disk",
  )


def _not_whole(place: Place, why: object) -> faults.Fault:
  end = os.path.splitext(os.fspath(place.file))[1]
  return faults.Fault(
    place,
    f"not a whole {PACKED[end]} file ({why})",
    f"copy it again, or drop {end}",
  )
