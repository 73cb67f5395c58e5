"""JSON files of settings, read so that every fault names file and key."""

import dataclasses
import json
import math
import pathlib
from collections.abc import Collection
from typing import Any

from hybridret_jax.ground import faults

MOST = 64 * 2**20  # Bytes; real ones have some thousand.
_REQUIRED: Any = object()


@dataclasses.dataclass(frozen=True)
class Settings:
  """The object that a JSON file holds.

  A key that is null counts as absent, but for numbers. Each reader raises
  `faults.Fault` with the file and the key.

  Attributes:
    path: of the file.
    values: what it says, by key.
  """

  path: pathlib.Path
  values: dict[str, Any]

  def fault(self, what: str, mend: str) -> faults.Fault:
    """What is wrong with this file."""
    return faults.Fault(self.path, what, mend)

  def says(self, key: str) -> bool:
    """Whether the file has a value for a key."""
    return self.values.get(key) is not None

  def integer(
    self, key: str, default: Any = _REQUIRED, *, least: int = 0, most: int
  ) -> int:
    """A whole number of a range."""
    value = self._get(key, default)
    if type(value) is not int or not least <= value <= most:
      raise self.fault(
        f"{key} is {_shown(value)}",
        f"give a whole number from {least:,} to {most:,}",
      )
    return value

  def number(
    self, key: str, default: Any = _REQUIRED, *, above: float, below: float
  ) -> float:
    """A finite number with `above` <= it < `below`."""
    value = self._get(key, default)
    # A whole number of many digits has no finite float.
    if (
      type(value) not in (int, float)
      or not above <= value < below
      or not math.isfinite(value)
    ):
      raise self.fault(
        f"{key} is {_shown(value)}",
        f"give a number from {above:g} to below {below:g}",
      )
    return float(value)

  def flag(self, key: str, default: bool) -> bool:
    """True or false."""
    return self._of(bool, key, default, "true or false")

  def text(self, key: str, default: str) -> str:
    """A string that can be written as UTF-8."""
    value = self._of(str, key, default, "a text in quotes")
    try:
      value.encode()
    except UnicodeEncodeError as error:
      raise self.fault(
        f"{key} is {_shown(value)}, half a surrogate pair",
        "write the character itself",
      ) from error
    return value

  def section(self, key: str) -> "Settings":
    """An object inside the file; empty where there is none."""
    return Settings(self.path, self._of(dict, key, {}, "an object, {...}"))

  def choice(
    self, key: str, allowed: Collection[Any], default: Any = _REQUIRED
  ) -> Any:
    """One of the values that are supported."""
    value = self.values.get(key)
    if value is None:
      value = self._get(key, _REQUIRED) if default is _REQUIRED else default
    if not any(type(a) is type(value) and a == value for a in allowed):
      raise self.fault(
        f"{key} {_shown(value)} is not supported",
        f"supported: {', '.join(map(repr, allowed))}",
      )
    return value

  def only(self, known: Collection[str], mend: str) -> None:
    """Refuses keys that are not known; a null, false or empty one says nothing.

    Args:
      known: keys that may stand there.
      mend: what to do about another one.
    """
    for key, value in self.values.items():
      if key not in known and value not in (None, False, "", [], {}):
        raise self.fault(
          f"{_shown(key)} is {_shown(value)}, which is not known here", mend
        )

  def _get(self, key, default):
    if key not in self.values and default is not _REQUIRED:
      return default
    if key not in self.values:
      raise self.fault(f"{key} is missing", "add it")
    return self.values[key]

  def _of(self, kind, key, default, wanted):
    value = self.values.get(key)
    if value is None:
      return default
    if type(value) is not kind:
      raise self.fault(f"{key} is {_shown(value)}", f"give {wanted}")
    return value


def read(path: pathlib.Path) -> Settings:
  """The settings of a JSON file.

  Raises:
    faults.Fault: it cannot be read, is no JSON object, or says a thing twice.
  """
  value = read_any(path)
  if not isinstance(value, dict):
    raise faults.Fault(path, "holds no object", "begin it with { ")
  return Settings(path, value)


def read_if_there(path: pathlib.Path) -> Settings | None:
  """As `read`; None where there is no such file."""
  return read(path) if path.is_file() else None


def read_any(path: pathlib.Path) -> Any:
  """What a JSON file holds, an object or not.

  Raises:
    faults.Fault: it cannot be read, is no JSON, or says a thing twice.
  """
  try:
    size = path.stat().st_size
    if size > MOST:
      raise faults.Fault(
        path,
        f"has {size:,} bytes, more than {MOST:,} for settings",
        "give the file that the model came with",
      )
    text = path.read_text("utf-8")
  except UnicodeDecodeError as error:
    raise faults.Fault(
      path, f"is not UTF-8 ({error})", "save it as UTF-8"
    ) from error
  except (OSError, ValueError) as error:  # ValueError: a name with a NUL.
    raise faults.Fault(
      path,
      f"cannot be read ({getattr(error, 'strerror', None) or error})",
      "give a folder that has it",
    ) from error
  if text.startswith("\ufeff"):
    raise faults.Fault(
      path, "begins with a byte order mark", "save it as UTF-8 without BOM"
    )
  try:
    return json.loads(text, object_pairs_hook=_once)
  except RecursionError as error:
    raise faults.Fault(
      path, "is nested too deep", "give the file that the model came with"
    ) from error
  except ValueError as error:  # Of JSON, of numbers of 5,000 digits, of _once.
    raise faults.Fault(
      path, f"is no JSON ({error})", "mend it or copy it again"
    ) from error


def _once(pairs):
  values = dict(pairs)
  if len(values) < len(pairs):
    keys = [key for key, _ in pairs]
    twice = next(key for key in keys if keys.count(key) > 1)
    raise ValueError(f"{_shown(twice)} stands there twice")
  return values


def _shown(value):
  text = repr(value)
  return text if len(text) <= 80 else f"{text[:77]}..."
