"""Which columns of a source are its queries, passages and negatives."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from hybridret_jax.ground import faults, fields, reading

FIELDS = frozenset(
  (
    *("id", "group", "lang", "query", "passage", "source", "block"),
    *("negatives", "negative_scores", "positive_score"),  # As mined.
  )
)
# Names that are taken for a field, the first that is there.
KNOWN = {
  "id": ("id", "_id"),
  "group": ("group",),
  "lang": ("lang", "language", "locale"),
  "query": ("query", "anchor", "question", "sentence1"),
  "passage": (
    "passage",
    "positive",
    "pos",
    "positive_passages",
    "document",
    "context",
    "answer",
    "sentence2",
  ),
  "block": ("block",),
}
_NEGATIVES = ("negatives", "negative", "neg", "negative_passages")
_NUMBERED = re.compile(r"(negative|neg)_?(\d+)")
_GRADED = ("label", "labels", "score", "similarity", "similarity_score")
_NEEDED = ("query", "passage")
_ALL_OR_NONE = ("id", "group", "lang")
Row = tuple[reading.Place, dict[str, Any]]


def mapped(
  rows: Iterable[Row],
  options: Mapping[str, str],
  *,
  source: str,
  guess: Callable[[str], None],
) -> Iterator[Row]:
  """The rows with their columns under the names of `FIELDS`.

  Columns are those that the options name, otherwise those that are known by
  their names, as the first row has them; what was taken is told to `guess`. A
  passage that is a list gives a row each, in one block. A text may be an object
  with a `text` and maybe a `title`. Columns that are none of these keep their
  names.

  Raises:
    Fault: no column is a query, or none a passage; sentence pairs have grades;
      or a value is no text.
  """
  chosen = None
  for place, record in rows:
    if chosen is None:
      chosen = _chosen(record, options, place)
      _tell(chosen, record, options, source, guess)
    yield from _mapped(place, record, chosen, options)


def is_known(name: str) -> bool:
  """Whether a column of this name is one that is looked for."""
  return any(name in names for names in KNOWN.values()) or _is_negative(name)


def _chosen(record, options, place) -> dict[str, str]:
  """The column of each field that has one."""
  found: dict[str, str] = {}
  for field, names in KNOWN.items():
    option = "lang_column" if field == "lang" else field
    if option in options:
      if options[option]:
        found[field] = options[option]
      continue
    there = [name for name in names if name in record]
    if there or field == "block":
      found[field] = there[0] if there else field
  for field in _NEEDED:
    if field not in found:
      others = ", ".join(reading.shown(key) for key in list(record)[:8])
      raise faults.Fault(
        place,
        f"{field} is missing, and no column is known as one",
        f"name it, as ?{field}=COLUMN behind the source, or all of a file"
        f" without a header, as ?columns=query,passage; there are {others}",
      )
  graded = [key for key in _GRADED if key in record]
  if found["passage"] == "sentence2" and "passage" not in options and graded:
    raise faults.Fault(
      place,
      f"sentence pairs with a {graded[0]!r}: not each is a pair of a query and"
      " what answers it",
      "keep those that are, or write ?query=sentence1&passage=sentence2",
    )
  return found


def _tell(chosen, record, options, source, guess) -> None:
  negatives = [key for key in record if _is_negative(key)]
  if "negatives" in options:
    negatives = list(filter(None, options["negatives"].split(",")))
  taken = dict(chosen) | (
    {"negatives": ", ".join(negatives)} if negatives else {}
  )
  other = {field: name for field, name in taken.items() if field != name}
  if not other:
    return
  told = ", ".join(f"{field} is {name!r}" for field, name in other.items())
  also = [
    name
    for field in _NEEDED
    for name in KNOWN[field]
    if field in other and name in record and name not in taken.values()
  ]
  left = f" (not {', '.join(also)})" if also else ""
  guess(f"Columns of source {source}: {told}{left}.")


def _mapped(place, record, chosen, options) -> Iterator[Row]:
  negatives = _negatives(place, record, options)
  used = {*chosen.values(), *negatives}
  made = {
    key: value
    for key, value in record.items()
    if key not in used and key not in FIELDS
  }
  if "source" in record:
    made["source"] = record["source"]
  for field, name in chosen.items():
    if name in record:
      made[field] = record[name]
    elif field != "block" or "block" in options:
      column = "" if name == field else f": there is no {reading.shown(name)}"
      raise faults.Fault(
        place,
        f"{field} is missing{column}",
        f"the record has {', '.join(map(reading.shown, list(record)[:8]))}",
      )
  _check_all_or_none(place, record, chosen, options)
  if negatives:
    made["negatives"] = _all_negatives(place, negatives)
  if chosen["query"] != "query" and "query" in made:
    made["query"] = _of_object(made["query"], chosen["query"], place)
  if chosen["passage"] == "passage" or "passage" not in made:
    yield place, made
    return
  yield from _by_passage(place, made, chosen["passage"])


def _check_all_or_none(place, record, chosen, options) -> None:
  """Raises where a row has what its file's first one did not have."""
  for field in _ALL_OR_NONE:
    option = "lang_column" if field == "lang" else field
    if field in chosen or option in options:
      continue
    late = [name for name in KNOWN[field] if name in record]
    if late:
      raise faults.Fault(
        place,
        f"{late[0]} is here and was not in the first row",
        "give it to every row, or to none",
      )


def _by_passage(place, made, column) -> Iterator[Row]:
  """A row for each text of the passage's column."""
  texts = made["passage"]
  if not isinstance(texts, list):
    yield place, made | {"passage": _of_object(texts, column, place)}
    return
  texts = [_of_object(text, column, place) for text in texts]
  if not texts:
    raise faults.Fault(place, f"{column} is empty", "leave the row out")
  if len(texts) > 1 and "group" in made:
    raise faults.Fault(
      place,
      f"{len(texts)} passages in the group {reading.shown(made['group'])}",
      "write a row for each, with a group of its own where it has translations",
    )
  if isinstance(made.get("negatives"), list):
    made["negatives"] = [x for x in made["negatives"] if x not in texts]
  for number, text in enumerate(dict.fromkeys(texts)):
    # `of` and `part` name the row, once its source has numbered it.
    part = {"part": number} if len(texts) > 1 else {}
    yield place, made | {"passage": text} | part


def _negatives(place, record, options) -> dict[str, Any]:
  """The columns with hard negatives, and what the record has there."""
  if "negatives" not in options:
    named = [key for key in record if _is_negative(key)]
    return {key: record[key] for key in sorted(named, key=_order)}
  wanted = list(filter(None, options["negatives"].split(",")))
  return {name: record[name] for name in wanted if name in record}


def _all_negatives(place, negatives: dict[str, Any]) -> Any:
  """One list of what the columns hold; another value is left to be refused."""
  if list(negatives) == ["negatives"]:
    value = negatives["negatives"]
    if not isinstance(value, list) or not any(
      isinstance(x, dict) for x in value
    ):
      return value
  found: list[Any] = []
  for column, value in negatives.items():
    values = value if isinstance(value, list) else [value]
    texts = [_of_object(x, column, place) for x in values if x is not None]
    found += [x for x in texts if x or isinstance(value, list)]
  return found


def _of_object(value: Any, column: str, place: reading.Place) -> Any:
  """A text, or that of an object with a title and a text."""
  if not isinstance(value, dict) or "text" not in value:
    if not isinstance(value, str):
      raise faults.Fault(
        place,
        f"{column} is {reading.shown(value)}",
        "it has to be a text, or an object with one",
      )
    return value
  title = fields.text(value, "title", place) if value.get("title") else ""
  return f"{title} {fields.text(value, 'text', place)}".strip()


def _is_negative(name: str) -> bool:
  return name in _NEGATIVES or bool(_NUMBERED.fullmatch(name))


def _order(name: str) -> tuple[int, str]:
  numbered = _NUMBERED.fullmatch(name)
  return (int(numbered[2]) + 1 if numbered else 0, name)
