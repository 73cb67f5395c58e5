"""Opens the files and TFDS data sets that hold records, one source each."""

import os
import pathlib
import re
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from hybridret_jax.ground import faults, fields, languages, reading

FIELDS = frozenset(
  ("id", "group", "lang", "query", "passage", "source", "block", "negatives")
)
QUERIES = "queries:"  # in front of a path: its queries, as translations
_FILE = re.compile(r"(?P<stem>.+)\.jsonl(\.gz)?")
_ALMOST = re.compile(r"[^.].*\.json.*", re.IGNORECASE)


def load(
  path: str | pathlib.Path,
  *,
  keep: Callable[[str], bool],
  skip: Callable[[str, int], None],
) -> tuple[str, Iterator[tuple[reading.Place, dict[str, Any]]]]:
  """The name of the source at `path`, and its records with their places.

  The files of a folder are read where `keep(language)` says so; of the others
  only the lines are counted, and told to `skip(why, count)`. A record is the
  object that the line holds, its fields not yet checked. A language in a file's
  name may have any spelling of its tag.

  `queries:PATH` is a source of translations out of a parallel one: each query
  of PATH is its own passage, in a group of its own in the block that the
  record has. Records without a query are skipped.

  Raises:
    FileNotFoundError: there is nothing at `path`.
    Fault: it is not a source, or a line is no JSON object.
  """
  if str(path).startswith(QUERIES):
    name, found = load(str(path)[len(QUERIES) :], keep=keep, skip=skip)
    return f"{name}-queries", _queries(found, skip)
  if str(path).startswith("tfds:"):
    return _open_tfds(str(path))
  path = pathlib.Path(path)
  if os.path.isdir(path):
    return path.resolve().name, _folder_records(path, keep, skip)
  if not os.path.lexists(path):
    raise FileNotFoundError(
      f"source {path} does not exist; name a folder of <language>.jsonl[.gz], "
      "such a file, or tfds:<name>"
    )
  match = _FILE.fullmatch(path.name)
  if not match:
    raise faults.Fault(
      path, "the source is not a .jsonl or .jsonl.gz", "convert it"
    )
  reading.find(path.with_name(f"{match['stem']}.jsonl"))  # Only one of both.
  return match["stem"], reading.objects(path)


def _queries(found, skip) -> Iterator[tuple[reading.Place, Any]]:
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


def _folder_records(folder, keep, skip):
  files: dict[str, pathlib.Path] = {}
  for path in reading.entries(folder):
    match = _FILE.fullmatch(path.name)
    if not match:
      if _ALMOST.fullmatch(path.name):
        skip(f"{path} is no .jsonl or .jsonl.gz", 1)
      continue
    language = languages.canonical(match["stem"])
    if language is None:
      raise faults.Fault(
        path,
        "it is not named after a language",
        "call it <BCP 47 tag>.jsonl, or name the file itself as the source",
      )
    if language in files:
      raise reading.both(files[language], path)
    files[language] = path
  if not files:
    raise faults.Fault(
      folder, "the source has no <language>.jsonl[.gz]", "add them"
    )
  for language, path in files.items():
    if not keep(language):
      count = sum(1 for _ in reading.lines(path))
      skip(f"language {language} was not asked for", count)
      continue
    for place, record in reading.objects(path):
      if "lang" in record:
        own = languages.read(record["lang"], place)
        if own != language:
          raise faults.Fault(
            place,
            f"lang is {own!r} in the file of {language!r}",
            f"move the row to {own}.jsonl",
          )
      yield place, record


def _open_tfds(path):
  """The name and records of `tfds:<name>?data_dir=<folder>&split=<name>`."""
  name, _, query = path.removeprefix("tfds:").partition("?")
  options = dict(urllib.parse.parse_qsl(query))
  unknown = options.keys() - {"data_dir", "split"}
  if not name or unknown:
    raise faults.Fault(
      path,
      f"the source has {sorted(unknown) or 'no name'}",
      "write tfds:<name>?data_dir=<folder>&split=<split>",
    )
  return name.rsplit("/", 1)[-1], _tfds_records(name, **options)


def _tfds_records(name, *, data_dir=None, split="train"):
  # Slow to import, and seldom needed.
  import tensorflow as tf
  import tensorflow_datasets as tfds
  from tensorflow_datasets.core import read_only_builder

  tf.config.set_visible_devices([], "GPU")
  data_dir = data_dir or os.environ.get("TFDS_DATA_DIR")
  try:
    builder = read_only_builder.builder_from_files(name, data_dir=data_dir)
  except tfds.core.DatasetNotFoundError as error:
    raise FileNotFoundError(
      f"source tfds:{name} is not prepared in {data_dir or 'TFDS_DATA_DIR'}; "
      "build it there with data.corpora.pairs.build, or name its ?data_dir="
    ) from error
  # One file after the other, or the order of the rows would not be kept.
  config = tfds.ReadConfig(interleave_cycle_length=1)
  rows = builder.as_dataset(split=split, read_config=config)  # pyright: ignore
  for number, row in enumerate(tfds.as_numpy(rows), start=1):
    record = {
      field: _decoded(value) for field, value in row.items() if field in FIELDS
    }
    yield reading.Place(f"tfds:{name}", number), record


def _decoded(value):
  if isinstance(value, bytes):
    return value.decode()
  if isinstance(value, np.ndarray):
    return [_decoded(item) for item in value.tolist()]
  return value
