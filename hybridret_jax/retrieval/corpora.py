"""A corpus on disk, record by record: JSONL, Parquet, or BEIR's folder."""

import os
import pathlib
from collections.abc import Collection, Iterator
from typing import Any

from hybridret_jax.ground import columnar, faults, fields, reading

IDS = ("id", "_id", "docid")
TEXTS = ("text", "contents", "passage")
TITLES = ("title",)
LANGUAGE = "lang"
_BEIR = "corpus.jsonl"


class Corpus:
  """Ids and texts of a corpus, read from its beginning each time.

  An `id`, `_id` or `docid`, a `text`, `contents` or `passage`, and maybe a
  `title`, which is put before the text. Records keep the file's order; of the
  texts none is held.

  Attributes:
    path: a .jsonl(.gz) or .parquet file, or a folder with BEIR's corpus.jsonl.
    skipped: what was left out in the last reading, with how often.
    unread: what is said of fields that nobody reads, with how many records
      have each.
  """

  def __init__(
    self, path: str | os.PathLike, *, languages: Collection[str] = ()
  ):
    """Finds the file.

    Args:
      path: as above.
      languages: whose records are read, by their field `lang`; empty is all.

    Raises:
      Fault: there is none, or it is of another kind.
    """
    place = pathlib.Path(path).expanduser()
    if place.is_dir():
      found = reading.find(place / _BEIR)
      if found is None:
        raise faults.Fault(
          place, f"has no {_BEIR}", "give a file, or BEIR's folder"
        )
      place = found
    if not place.is_file():
      raise faults.Fault(place, "no such file", "give a .jsonl or a .parquet")
    if not place.name.endswith((".jsonl", ".jsonl.gz", ".parquet")):
      raise faults.Fault(
        place, "is neither .jsonl(.gz) nor .parquet", "convert it to one"
      )
    self.path = place
    self.languages = frozenset(languages)
    self.skipped: dict[str, int] = {}
    self.unread: dict[str, int] = {}

  def __iter__(self) -> Iterator[tuple[str, str]]:
    """(id, text) of each record.

    Raises:
      Fault: naming file and line: a field is missing or no text, an id stands
        twice, or the file cannot be read.
    """
    self.skipped = {}
    seen: set[str] = set()
    keys = unknown = None
    for place, record in self._records():
      if keys is None or unknown is None:
        keys = _keys(record, place)
        unknown = fields.Unknown(keys)
      unknown.see(record)
      key, text_key, title_key = keys
      identity = fields.name(record, key, place)
      if identity in seen:
        raise faults.Fault(
          place, f"{key} {reading.shown(identity)} stands twice", "keep one"
        )
      seen.add(identity)
      if self.languages and self._is_of_another(record, place):
        what = "records of other languages"
        self.skipped[what] = self.skipped.get(what, 0) + 1
        continue
      text = fields.text(record, text_key, place)
      if record.get(title_key):
        text = f"{fields.text(record, title_key, place)} {text}".strip()
      if not text:
        what = "records without a text"
        self.skipped[what] = self.skipped.get(what, 0) + 1
        continue
      yield identity, text
    self.unread = unknown.described() if unknown else {}
    if not seen:
      raise faults.Fault(self.path, "holds no record", "give one with texts")

  def _is_of_another(self, record, place) -> bool:
    return fields.name(record, LANGUAGE, place) not in self.languages

  def _records(self) -> Iterator[tuple[Any, dict[str, Any]]]:
    if self.path.suffix != ".parquet":
      yield from reading.objects(self.path)
      return
    yield from columnar.parquet(self.path)


def _keys(record: dict[str, Any], place: Any) -> tuple[str, str, str]:
  """Which fields of the first record are its id, its text and its title."""
  found = [
    next((key for key in known if key in record), known[0])
    for known in (IDS, TEXTS, TITLES)
  ]
  for key, known in zip(found[:2], (IDS, TEXTS), strict=True):
    if key not in record:
      raise faults.Fault(
        place,
        f"has none of {', '.join(known)}",
        f"the record has {', '.join(map(reading.shown, list(record)[:8]))}",
      )
  return found[0], found[1], found[2]
