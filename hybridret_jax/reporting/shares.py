"""What a run's batches were composed of, beside what was asked: shares.json."""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from hybridret_jax.ground import faults, reading, writing

FILE = "shares.json"
SCHEMA = 1
NOTE = (
  "Shares of kinds are those of batches, the others of pairs: of a language"
  " each side of a pair is half a pair, a source is that of the query's row."
  " Over all steps so far; what is asked follows alpha's schedule."
)
TITLES = {
  "kind": "Kind",
  "language": "Language",
  "direction": "Direction",
  "source": "Source",
}
_MEND = "delete the file; training writes it again"


def save(
  folder: str | os.PathLike,
  *,
  steps: int,
  asked: Mapping[str, Mapping[str, float]],
  realised: Mapping[str, Mapping[str, float]],
) -> pathlib.Path:
  """Writes a run's shares.json and says where that is.

  Args:
    folder: of the run.
    steps: that are meant, from the first one.
    asked: what -> name -> share, as `composer.Composer.asked` has them.
    realised: likewise, as `mixture.Tally.shares` has them.
  """
  path = pathlib.Path(folder) / FILE
  whole = {"schema": SCHEMA, "steps": steps, "asked": asked}
  whole |= {"realised": realised}
  text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)
  writing.write(path, text + "\n")
  return path


def load(folder: str | os.PathLike) -> dict[str, Any] | None:
  """A run's shares.json; None where there is none.

  Raises:
    Fault: it is not what `save` writes.
  """
  path = pathlib.Path(folder) / FILE
  if not path.is_file():
    return None
  found = reading.document(path, mend=_MEND)
  if found.get("schema") != SCHEMA:
    raise faults.Fault(
      path, f"has the schema {reading.shown(found.get('schema'))}", _MEND
    )
  for key in ("asked", "realised"):
    if not _are_shares(found.get(key)):
      raise faults.Fault(path, f"{key} holds no shares", _MEND)
  if type(found.get("steps")) is not int:
    raise faults.Fault(path, "steps is no number", _MEND)
  return found


def rows(found: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
  """What, name, asked and realised share of each line of a table, as texts.

  Args:
    found: what `load` returned.
  """
  asked, realised = found["asked"], found["realised"]
  return [
    (
      title,
      name,
      _percent(asked.get(what, {}).get(name, 0.0)),
      _percent(realised.get(what, {}).get(name, 0.0)),
    )
    for what, title in TITLES.items()
    for name in sorted({*asked.get(what, {}), *realised.get(what, {})})
  ]


def _are_shares(found: Any) -> bool:
  return isinstance(found, dict) and all(
    isinstance(of, dict)
    and all(
      isinstance(share, (int, float)) and not isinstance(share, bool)
      for share in of.values()
    )
    for of in found.values()
  )


def _percent(share: float) -> str:
  return f"{100 * share:.2f} %"
