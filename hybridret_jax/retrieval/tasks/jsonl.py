"""Reads a retrieval task from queries, candidates and judgements on disk."""

import collections
import pathlib
import re
from collections.abc import Iterable

import numpy as np

from hybridret_jax.ground import faults, fields, reading
from hybridret_jax.ground import languages as tags
from hybridret_jax.retrieval.tasks import task

_QUERY = ("group", "cluster", "subcluster")  # Fields that may be left out.
_CANDIDATE = ("context", "group")
_HIGHEST = int(np.iinfo(np.int32).max)


def load(folder: str | pathlib.Path, *, name: str | None = None) -> task.Task:
  """The task of a folder of three files, each plain or ending in `.gz`.

  `queries.jsonl` has one `{"id", "lang", "text", "group"?, "cluster"?,
  "subcluster"?}` per line, `candidates.jsonl` one `{"id", "lang", "text",
  "context"?, "group"?}`, and `qrels.tsv` one
  `query_id<TAB>candidate_id<TAB>relevance`, where a relevance of 1 or more is
  the grade of a relevant candidate and 0 or less says that it is not one.
  Texts are stripped, whole numbers are names, and languages are canonical BCP
  47 tags; what of that changed a record, and keys that are not read, are told
  in the task's notes. Candidates are sorted by language and keep the file's
  order within one. Where some records name a group, cluster or subcluster,
  one that does not has its own, named by its id.

  Args:
    folder: where the files are.
    name: what the figures are filed under; None takes the folder's name.

  Raises:
    Fault: a file is missing, plain and packed, or a line is misshapen, names
      an unknown id or repeats one; the message gives file:line.
  """
  folder = pathlib.Path(folder)
  notes: list[str] = []
  queries = _records(_find(folder, "queries.jsonl"), _QUERY, notes)
  candidates = _records(_find(folder, "candidates.jsonl"), _CANDIDATE, notes)
  candidates.sort(key=lambda record: record["lang"])
  languages = tuple(sorted({r["lang"] for r in queries + candidates}))
  judged = _judgements(_find(folder, "qrels.tsv"), queries, candidates)
  relevant, grades = task.pad_graded(judged)
  contexts = tuple(record.get("context", "") for record in candidates)
  return task.of_files(
    folder,
    name=name or folder.resolve().name,
    languages=languages,
    query_texts=tuple(record["text"] for record in queries),
    query_ids=tuple(record["id"] for record in queries),
    query_language=_languages(queries, languages),
    candidate_texts=tuple(record["text"] for record in candidates),
    candidate_ids=tuple(record["id"] for record in candidates),
    candidate_language=_languages(candidates, languages),
    candidate_context=contexts if any(contexts) else None,
    relevant=relevant,
    query_cluster=_named("cluster", queries),
    grades=grades if grades.max() > 1 else None,
    query_subcluster=_named("subcluster", queries),
    query_group=_named("group", queries),
    candidate_group=_named("group", candidates),
    notes=tuple(notes),
  )


def _named(key: str, records: list[dict[str, str]]) -> tuple[str, ...] | None:
  """The field of each record, else its id; None where no record has it."""
  if not any(record.get(key) for record in records):
    return None
  return tuple(record.get(key) or record["id"] for record in records)


def _records(
  path: pathlib.Path, optional: Iterable[str], notes: list[str]
) -> list[dict[str, str]]:
  records: dict[str, dict[str, str]] = {}
  unknown = fields.Unknown(("id", "lang", "text", *optional))
  spelt: collections.Counter[str] = collections.Counter()
  for place, record in reading.objects(path):
    identity = fields.name(record, "id", place)
    if identity in records:
      raise faults.Fault(
        place,
        f"id {identity!r} stands twice",
        "ids must be unique",
      )
    text = fields.text(record, "text", place)
    if not text:
      raise faults.Fault(
        place, "text is empty", "every query and candidate needs one"
      )
    written = fields.text(record, "lang", place)
    language = tags.read(written, place)
    if record["lang"] != language:
      spelt[f"lang {reading.shown(record['lang'])} is read as {language}"] += 1
    unknown.see(record)
    kept = {key: _optional(record, key, place) for key in optional}
    records[identity] = {"id": identity, "lang": language, "text": text} | kept
  told = dict(spelt) | unknown.described()
  notes += [
    f"{path.name}: {what} ({n} of its rows)." for what, n in told.items()
  ]
  return list(records.values())


def _optional(record, key, place) -> str:
  if key not in record:
    return ""
  if key == "context" or isinstance(record[key], str):
    return fields.text(record, key, place)
  return fields.name(record, key, place)


def _judgements(path, queries, candidates) -> list[dict[int, int]]:
  """For each query the grade of each judged candidate, by index."""
  query_of = {record["id"]: i for i, record in enumerate(queries)}
  candidate_of = {record["id"]: i for i, record in enumerate(candidates)}
  grades: list[dict[int, int]] = [{} for _ in queries]
  for place, line in reading.lines(path):
    parts = line.split("\t")
    if len(parts) != 3:
      raise faults.Fault(
        place,
        f"{len(parts)} fields in {reading.shown(line)}",
        "write query_id<TAB>candidate_id<TAB>relevance",
      )
    query, candidate, grade = (part.strip() for part in parts)
    for kind, known, key in (
      ("query", query_of, query),
      ("candidate", candidate_of, candidate),
    ):
      if key not in known:
        raise faults.Fault(
          place,
          f"{kind} {reading.shown(key)} is unknown",
          f"add it to the {kind} file or leave the line out (there is no header"
          " line)",
        )
    judged, index = grades[query_of[query]], candidate_of[candidate]
    if index in judged:
      raise faults.Fault(
        place,
        f"{query!r} and {candidate!r} are judged twice",
        "keep one line",
      )
    judged[index] = _grade(grade, place)
  return grades


def _grade(grade: str, place: reading.Place) -> int:
  # Thousands of digits are no number to Python.
  if not re.fullmatch("-?[0-9]{1,18}", grade) or int(grade) > _HIGHEST:
    raise faults.Fault(
      place,
      f"relevance {reading.shown(grade)} is not a whole number up to"
      f" {_HIGHEST}",
      "write 0 or 1, or grades above it",
    )
  return int(grade)


def _find(folder: pathlib.Path, name: str) -> pathlib.Path:
  path = reading.find(folder / name)
  if path is None:
    raise faults.Fault(
      folder / name,
      "no such file, nor with .gz",
      "a task needs queries.jsonl, candidates.jsonl and qrels.tsv",
    )
  return path


def _languages(records, languages) -> np.ndarray:
  return np.array([languages.index(r["lang"]) for r in records], np.int32)
