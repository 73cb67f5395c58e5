"""Rows of CSV and TSV files, through the guards of every text file."""

import csv
import os
from collections.abc import Iterator

from hybridret_jax.ground import faults, reading

FIELDS = 1024  # Of a line, at most.


def tsv(
  path: str | os.PathLike,
) -> Iterator[tuple[reading.Place, list[str]]]:
  """The fields of each line that is not blank, as `reading.lines` reads it.

  A field is what stands between two tabs: quotation marks are characters as
  others are. Source: the media type text/tab-separated-values.
  """
  for place, line in reading.lines(path):
    yield place, _fields(line.split("\t"), place)


def comma(
  path: str | os.PathLike,
) -> Iterator[tuple[reading.Place, list[str]]]:
  """The fields of each record, with the line that it begins on.

  A field in quotation marks may hold commas, ends of lines, and quotation marks
  that stand twice. Source: RFC 4180.

  Raises:
    Fault: as `reading.lines`, or a quotation mark is not closed, or something
      stands behind one that is.
  """
  csv.field_size_limit(reading.LINE)
  place = reading.Place(path, 1)
  begun: list[reading.Place] = []

  def lines():
    nonlocal place
    for place, line in reading.every_line(path):
      begun.append(place)
      yield f"{line}\n"

  reader = csv.reader(lines(), strict=True)
  while True:
    begun.clear()
    try:
      fields = next(reader, None)
    except csv.Error as error:
      raise faults.Fault(
        begun[0] if begun else place,
        f"no CSV ({error})",
        "put fields with quotation marks into such marks, and double theirs",
      ) from error
    if fields is None:
      return
    if fields:
      yield begun[0], _fields(fields, begun[0])


def _fields(fields: list[str], place: reading.Place) -> list[str]:
  if len(fields) > FIELDS:
    raise faults.Fault(
      place,
      f"it has {len(fields):,} fields, more than {FIELDS:,}",
      "keep the columns of the texts",
    )
  return fields
