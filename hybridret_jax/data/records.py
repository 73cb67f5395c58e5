"""Opens whatever holds records, one source each, and names their fields."""

import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from hybridret_jax.data import (
  columns,
  folders,
  hub,
  judged_records,
  row_files,
  specs,
  tfds_records,
)
from hybridret_jax.ground import faults, fields, languages, reading

FIELDS = columns.FIELDS
QUERIES = "queries:"  # in front of a source: its queries, as translations
Row = tuple[reading.Place, dict[str, Any]]


class Told(NamedTuple):
  """What a reader tells of what it does not return.

  Attributes:
    skip: given why, and how often.
    guess: given a sentence on what was taken for what.
  """

  skip: Callable[[str, int], None]
  guess: Callable[[str], None]


def load(
  spec: str | pathlib.Path,
  *,
  wanted: languages.Wanted,
  told: Told,
  split: str = "train",
) -> tuple[str, Iterator[Row]]:
  """The name of a source, and its records with their places.

  A record has the names of `FIELDS`, not yet checked, and maybe others. One
  without an `id` is numbered in its language, one without a `group` is its own.
  Its language is what the source's `?lang=` says, its own field, its file's
  name, or the only one that is known.

  The files of a folder are read where their language is asked for; of the
  others only the rows are counted. A language in a file's name may have any
  spelling of its tag.

  `queries:SOURCE` is a source of translations out of a parallel one: each query
  is its own passage, in a group of its own in the block that the record has.
  Records without a query are skipped.

  Args:
    spec: as `specs.parse` takes it.
    wanted: languages.
    told: is given what is skipped and what was guessed.
    split: of several, where the source names none.

  Raises:
    FileNotFoundError: there is nothing at the path.
    Fault: it is not a source, or a record is none.
  """
  text = str(spec)
  if text.startswith(QUERIES):
    _, found = load(text[len(QUERIES) :], wanted=wanted, told=told, split=split)
    return name_of(text), _queries(found, told.skip)
  parsed, name = specs.parse(text), name_of(text)
  files = _opened(parsed, wanted, told, split)
  found = _in_language(files, parsed, name, wanted, told)
  return name, _numbered(found, name)


def name_of(spec: str) -> str:
  """What a source is called, without opening it."""
  if spec.startswith(QUERIES):
    return f"{name_of(spec[len(QUERIES) :])}-queries"
  parsed = specs.parse(spec)
  if "name" in parsed.options:
    return parsed.options["name"]
  if parsed.place.startswith((specs.TFDS, specs.HUB)):
    return parsed.place.rpartition(":")[2].rsplit("/", 1)[-1]
  path = pathlib.Path(parsed.place)
  if tfds_records.is_folder(path):
    return path.resolve().parent.name  # Of NAME/VERSION.
  named = None if os.path.isdir(path) else row_files.named(path.name)
  return named.stem if named else path.resolve().name


class _File(NamedTuple):
  """Rows of one file, what its name says of their language, and how many."""

  language: str
  is_certain: bool  # A file a language: what it says must be so.
  rows: Callable[[], Iterator[Row]]
  count: Callable[[], int]


def _opened(spec, wanted, told, split) -> Iterable[_File]:
  """The source's files."""
  options, place = spec.options, spec.place
  if place.startswith(specs.TFDS):
    specs.check(spec, "a TFDS data set")
    if place == specs.TFDS:
      raise faults.Fault(place, "the source has no name", "write tfds:<name>")
    rows = tfds_records.named(
      place[len(specs.TFDS) :],
      data_dir=options.get("data_dir"),
      split=options.get("split", split),
    )
    return [_whole(rows)]
  if place.startswith(specs.HUB):
    specs.check(spec, "a hub data set")
    repo = place[len(specs.HUB) :]
    parts = hub.parts(repo, options, told.skip, split)
    return _files(parts, options, wanted, told)
  path = pathlib.Path(place)
  if not os.path.lexists(path):
    raise FileNotFoundError(
      f"source {path} does not exist; name a folder of <language>.jsonl, a file"
      f" ({row_files.TOLD}), tfds:<name>, or hub:<owner>/<name>"
    )
  if not os.path.isdir(path):
    specs.check(spec, "a file")
    _check_alone(path)
    return _files([folders.Part(path, "")], options, wanted, told)
  specs.check(spec, "a folder")
  judged = judged_records.rows(path, options, wanted, told.skip, split)
  if judged is not None:
    return [_whole(judged)]
  if tfds_records.is_folder(path):
    split = options.get("split", split)
    return [_whole(tfds_records.of_folder(path, split=split))]
  parts = folders.parts(path, options, told.skip, split)
  return _files(parts, options, wanted, told)


def _check_alone(path: pathlib.Path) -> None:
  """Raises a Fault where the file stands beside a packed copy of itself."""
  named = row_files.named(path.name)
  if named and named.form in row_files.TEXT:
    reading.find(path.with_name(f"{named.stem}.{named.form}"))


def _files(parts, options, wanted, told) -> Iterator[_File]:
  for path, language in parts:
    yield _File(
      language or _in_name(path, wanted.known),
      bool(language),
      lambda path=path: row_files.rows(path, options, skip=told.skip),
      lambda path=path: row_files.count(path, options),
    )


def _whole(rows: Iterator[Row]) -> _File:
  return _File("", False, lambda: rows, lambda: 0)


def _in_name(path: pathlib.Path, known: Sequence[str]) -> str:
  """The language that a file's name says, or ""."""
  named = row_files.named(path.name)
  stem = named.stem if named else ""
  if not known:
    return languages.canonical(stem) or ""
  return languages.in_name(stem, known)


def _in_language(files, spec, name, wanted, told) -> Iterator[Row]:
  """The records of all files under our names, each with its language."""
  for file in files:
    if file.is_certain and not _is_asked(file.language, wanted):
      told.skip(f"language {file.language} was not asked for", file.count())
      continue
    rows = columns.mapped(
      file.rows(), spec.options, source=name, guess=told.guess
    )
    for place, record in rows:
      if "lang" in spec.options:
        record["lang"] = spec.options["lang"]
      elif "lang" not in record:
        record["lang"] = _known(file, wanted.known, name, place, told)
      elif file.is_certain:
        _check_language(record, file.language, place)
      yield place, record


def _is_asked(language: str, wanted: languages.Wanted) -> bool:
  return wanted.asked is None or language in wanted.asked


def _known(file, known, name, place, told) -> str:
  """The language of a record that does not say it."""
  if file.language:
    told.guess(f"Rows of {place.file} are taken for {file.language}, its name.")
    return file.language
  if len(known) == 1:
    told.guess(
      f"Rows of source {name} are taken for {known[0]}, the only one of"
      " data.languages."
    )
    return known[0]
  raise faults.Fault(
    place,
    "lang is missing, and the file's name has no language",
    "add it, or say ?lang=TAG or ?lang_column=COLUMN behind the source",
  )


def _check_language(record, language, place) -> None:
  own = languages.read(record["lang"], place)
  if own != language:
    raise faults.Fault(
      place,
      f"lang is {own!r} in the file of {language!r}",
      f"move the row to {own}.jsonl",
    )


def _numbered(rows: Iterable[Row], name: str) -> Iterator[Row]:
  """The records with an id, and a group where they have none.

  The number of a row is its place among the source's rows of its language, so
  it does not follow from the form of the file.
  """
  counts: dict[Any, int] = {}
  for place, record in rows:
    part = record.pop("part", None)
    language = record["lang"] if isinstance(record["lang"], str) else ""
    if not part:  # Further texts of a row have its number.
      counts[language] = counts.get(language, 0) + 1
    own = f"{name}:{language}:{counts[language]}"
    if "id" not in record:
      record["id"] = own
    elif part is not None:
      own = fields.name(record, "id", place)
    if part is not None:
      record["id"] = f"{own}:{part + 1}"
      record.setdefault("block", own)
    if "group" not in record:
      record["group"] = record["id"]
    yield place, record


def _queries(found, skip) -> Iterator[Row]:
  """Each record's query as a translation: its own passage."""
  for place, record in found:
    group = fields.name(record, "group", place)
    if fields.text(record, "query", place):
      yield (
        place,
        {
          **{key: record[key] for key in record.keys() - {"negatives"}},
          "id": f"{fields.name(record, 'id', place)}:query",
          "group": f"{group}:query",
          "passage": record["query"],
          "block": fields.optional_name(record, "block", place) or group,
        },
      )
    else:
      skip("no query to make a translation of", 1)
