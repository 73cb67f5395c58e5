"""Fields of a record: names, texts, and keys that nobody reads."""

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from hybridret_jax.ground import faults, reading

_MOST_KEYS = 30  # Unknown ones that are told apart.


def name(record: Mapping[str, Any], key: str, place: object) -> str:
  """The name in a field; an integer is taken as its text.

  Raises:
    Fault: it is missing, empty, something else, or padded with white space.
  """
  value = _value(record, key, place, "a name")
  if isinstance(value, int) and not isinstance(value, bool):
    return str(value)
  if not isinstance(value, str):
    raise _wrong(key, value, place, "a text or a whole number")
  if not value.strip():
    raise faults.Fault(place, f"{key} is {value!r}, empty", "give it a name")
  if value.strip() != value:
    raise faults.Fault(
      place,
      f"{key} is {reading.shown(value)}, with white space around it",
      "leave that out, so that names that look alike are equal",
    )
  return value


def optional_name(record: Mapping[str, Any], key: str, place: object) -> str:
  """As `name`, and empty where the field is absent or an empty text."""
  value = record.get(key, "")
  return "" if value == "" else name(record, key, place)


def text(record: Mapping[str, Any], key: str, place: object) -> str:
  """The text in a field, stripped; a Fault if it is missing or no text."""
  value = _value(record, key, place, "a text")
  if not isinstance(value, str):
    raise _wrong(key, value, place, "a text")
  return value.strip()


class Unknown:
  """Counts the keys of records that nobody reads.

  Attributes:
    counts: how many records have each key, in order of appearance; of many
      different keys the later ones are counted together.
  """

  def __init__(self, known: Collection[str]):
    self._known = frozenset(known)
    self.counts: dict[str, int] = {}

  def see(self, record: Mapping[str, Any]) -> None:
    for key in sorted(record.keys() - self._known):
      if key not in self.counts and len(self.counts) >= _MOST_KEYS:
        key = "(others)"
      self.counts[key] = self.counts.get(key, 0) + 1

  def described(self) -> dict[str, int]:
    """What to say of each unknown key, with its count."""
    return {
      f"field {reading.shown(key)} is not read{suggestion(key, self._known)}": n
      for key, n in self.counts.items()
    }


def suggestion(key: str, known: Collection[str]) -> str:
  """ " (did you mean ...?)" where a known key is near, else nothing."""
  near = difflib.get_close_matches(
    key.strip().lower()[:100], sorted(known), 1, cutoff=0.7
  )
  return f" (did you mean {near[0]!r}?)" if near else ""


def _value(record, key, place, what):
  if key not in record:
    others = ", ".join(reading.shown(other) for other in list(record)[:8])
    raise faults.Fault(
      place,
      f"{key} is missing",
      f"it has to be {what}; the record has {others or 'no fields'}",
    )
  return record[key]


def _wrong(key, value, place, what):
  return faults.Fault(
    place, f"{key} is {reading.shown(value)}", f"it has to be {what}"
  )
