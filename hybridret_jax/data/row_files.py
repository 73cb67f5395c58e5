"""Opens a file of rows, whatever its form: the form is what its name says."""

import os
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hybridret_jax.data import array_records, columns
from hybridret_jax.ground import columnar, delimited, faults, reading

Row = tuple[reading.Place, dict[str, Any]]
FORMS = ("jsonl", "tsv", "csv", "parquet", "arrow", "array_record")
TOLD = ", ".join(f".{form}" for form in FORMS)
TEXT = ("jsonl", "tsv", "csv")  # May be packed.
_PART = r"(?:[-_.]?\d+-of-\d+)?"
_NAME = re.compile(
  rf"(?P<stem>[^.].*?){_PART}\.(?P<form>{'|'.join(FORMS)}){_PART}"
  rf"(?P<packed>{'|'.join(re.escape(x) for x in reading.PACKED)})?"
)
_TRIPLES = ("query", "positive", "negative")


class Named(NamedTuple):
  """What a file's name says: its stem without the shard's number, its form."""

  stem: str
  form: str


def named(name: str) -> Named | None:
  """The stem and form of a file of rows; None for another file."""
  found = _NAME.fullmatch(name)
  if not found or (found["packed"] and found["form"] not in TEXT):
    return None
  return Named(found["stem"], found["form"])


def rows(
  path: pathlib.Path,
  options: Mapping[str, str],
  *,
  skip: Callable[[str, int], None],
) -> Iterator[Row]:
  """The rows of a file as they stand there, with their places.

  Raises:
    Fault: it is none of `FORMS`, or cannot be read as what its name says.
  """
  found = named(path.name)
  if found is None:
    raise faults.Fault(
      path, f"the source is none of {TOLD}", "convert it to one of them"
    )
  if options.get("columns") and found.form not in ("tsv", "csv"):
    raise faults.Fault(
      path,
      f"?columns= names those of a .tsv or .csv, and it is .{found.form}",
      "leave it out",
    )
  if found.form == "parquet":
    return columnar.parquet(path)
  if found.form == "arrow":
    return columnar.arrow(path)
  if found.form == "array_record":
    return array_records.rows(path)
  if found.form == "jsonl":
    return reading.objects(path)
  split = delimited.tsv if found.form == "tsv" else delimited.comma
  return _with_names(split(path), found, path, options, skip)


def count(path: pathlib.Path, options: Mapping[str, str]) -> int:
  """How many rows a file has, as far as they can be counted unread."""
  found = named(path.name)
  if found and found.form == "jsonl":
    return sum(1 for _ in reading.lines(path))
  return sum(1 for _ in rows(path, options, skip=lambda *_: None))


def _with_names(
  lines: Iterable[tuple[reading.Place, list[str]]],
  found: Named,
  path: str | os.PathLike,
  options: Mapping[str, str],
  skip: Callable[[str, int], None],
) -> Iterator[Row]:
  """The lines as records: the first names the columns, unless they are known.

  A file that is called triples, and whose first line has no known name, has a
  query, a positive and a negative in each line, as MS MARCO's.
  """
  lines = iter(lines)
  names = [x.strip() for x in options.get("columns", "").split(",") if x]
  quoted = 0
  for place, cells in lines:
    if not names:
      is_header = any(columns.is_known(cell.strip()) for cell in cells)
      if found.stem.startswith("triples") and not is_header:
        names = list(_TRIPLES)
      else:
        names = _header(cells, place)
        continue
    if len(cells) != len(names):
      raise faults.Fault(
        place,
        f"{len(cells)} fields, and the {len(names)} columns are"
        f" {', '.join(map(reading.shown, names[:8]))}",
        "write a field for each, or name them, as ?columns=query,passage",
      )
    quoted += found.form == "tsv" and any(map(_is_quoted, cells))
    yield place, dict(zip(names, cells, strict=True))
  if quoted:
    skip(f"rows of {path} with quotation marks kept, as TSV has none", quoted)


def _header(cells: list[str], place: reading.Place) -> list[str]:
  names = [cell.strip() for cell in cells]
  twice = next((name for name in names if names.count(name) > 1), None)
  if twice is not None or "" in names:
    raise faults.Fault(
      place,
      f"the column {twice!r} stands twice" if twice else "a column has no name",
      "name each, or all of a file without a header, as ?columns=query,passage",
    )
  return names


def _is_quoted(cell: str) -> bool:
  return len(cell) > 1 and cell[0] == cell[-1] == '"'
