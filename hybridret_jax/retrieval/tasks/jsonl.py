"""Reads a retrieval task from queries, candidates and judgements on disk."""

import gzip
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from hybridret_jax.retrieval.tasks import task


def load(folder: str | pathlib.Path, *, name: str | None = None) -> task.Task:
  """The task of a folder of three files, each plain or ending in `.gz`.

  `queries.jsonl` has one `{"id", "lang", "text", "cluster"?}` per line,
  `candidates.jsonl` one `{"id", "lang", "text", "context"?}`, and `qrels.tsv`
  one `query_id<TAB>candidate_id<TAB>relevance` per line, where a relevance of
  1 or more is relevant and 0 or less is not. Texts are stripped. Candidates
  are sorted by language and keep the file's order within one. Where some
  queries name a cluster, one that does not is a cluster of its own.

  Args:
    folder: where the files are.
    name: what the figures are filed under; None takes the folder's name.

  Raises:
    ValueError: a file is missing, or a line is misshapen, names an unknown id
      or repeats one; the message gives file:line.
  """
  folder = pathlib.Path(folder)
  queries = _records(_find(folder, "queries.jsonl"), "cluster")
  candidates = _records(_find(folder, "candidates.jsonl"), "context")
  candidates.sort(key=lambda record: record["lang"])
  languages = tuple(sorted({r["lang"] for r in queries + candidates}))
  judged = _judgements(_find(folder, "qrels.tsv"), queries, candidates)
  contexts = tuple(record.get("context", "") for record in candidates)
  clusters = tuple(r.get("cluster") or r["id"] for r in queries)
  clustered = any("cluster" in record for record in queries)
  return task.Task(
    name=name or folder.resolve().name,
    languages=languages,
    query_texts=tuple(record["text"] for record in queries),
    query_ids=tuple(record["id"] for record in queries),
    query_language=_languages(queries, languages),
    candidate_texts=tuple(record["text"] for record in candidates),
    candidate_ids=tuple(record["id"] for record in candidates),
    candidate_language=_languages(candidates, languages),
    candidate_context=contexts if any(contexts) else None,
    relevant=task.pad_relevant(judged),
    query_cluster=clusters if clustered else None,
  )


def _records(path: pathlib.Path, optional: str) -> list[dict[str, str]]:
  records: dict[str, dict[str, str]] = {}
  for place, line in _lines(path):
    record = _parse(line, place)
    for key in ("id", "lang", "text", optional):
      value = record.get(key, "" if key == optional else None)
      if not isinstance(value, str) or not (value.strip() or key == optional):
        raise ValueError(f"{place}: {key} is {value!r}; it must be a text")
    if record["id"] in records:
      raise ValueError(
        f"{place}: id {record['id']!r} stands twice; ids must be unique"
      )
    kept = {key: record[key].strip() for key in ("lang", "text")}
    if optional in record:
      kept[optional] = record[optional].strip()
    records[record["id"]] = {"id": record["id"], **kept}
  return list(records.values())


def _judgements(path, queries, candidates) -> list[list[int]]:
  query_of = {record["id"]: i for i, record in enumerate(queries)}
  candidate_of = {record["id"]: i for i, record in enumerate(candidates)}
  relevant: list[list[int]] = [[] for _ in queries]
  seen = set()
  for place, line in _lines(path):
    fields = line.split("\t")
    if len(fields) != 3:
      raise ValueError(
        f"{place}: {len(fields)} fields in {line!r}; write"
        " query_id<TAB>candidate_id<TAB>relevance"
      )
    query, candidate, grade = (field.strip() for field in fields)
    for kind, known, key in (
      ("query", query_of, query),
      ("candidate", candidate_of, candidate),
    ):
      if key not in known:
        raise ValueError(
          f"{place}: {kind} {key!r} is unknown; add it to the {kind} file or"
          " leave the line out (there is no header line)"
        )
    if (query, candidate) in seen:
      raise ValueError(
        f"{place}: {query!r} and {candidate!r} are judged twice; keep one line"
      )
    seen.add((query, candidate))
    if _grade(grade, place) > 0:
      relevant[query_of[query]].append(candidate_of[candidate])
  return relevant


def _grade(grade: str, place: str) -> int:
  try:
    return int(grade)
  except ValueError as error:
    raise ValueError(
      f"{place}: relevance {grade!r} is not a whole number; write 0 or 1"
    ) from error


def _parse(line: str, place: str) -> dict[str, Any]:
  try:
    record = json.loads(line)
  except json.JSONDecodeError as error:
    raise ValueError(
      f"{place}: not JSON ({error.msg}); write one object per line"
    ) from error
  if not isinstance(record, dict):
    raise ValueError(f"{place}: {line[:60]!r} is no object; write one per line")
  return record


def _find(folder: pathlib.Path, name: str) -> pathlib.Path:
  for path in (folder / name, folder / f"{name}.gz"):
    if path.is_file():
      return path
  raise ValueError(
    f"{folder / name}: no such file, nor with .gz; a task needs"
    " queries.jsonl, candidates.jsonl and qrels.tsv"
  )


def _lines(path: pathlib.Path) -> Iterator[tuple[str, str]]:
  """(file:line, text) of every line that is not blank."""
  opener = gzip.open if path.suffix == ".gz" else open
  with opener(path, "rt", encoding="utf-8") as file:
    for number, line in enumerate(file, start=1):
      if line.strip():
        yield f"{path}:{number}", line.rstrip("\r\n")


def _languages(records, languages) -> np.ndarray:
  return np.array([languages.index(r["lang"]) for r in records], np.int32)
