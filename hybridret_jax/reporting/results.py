"""One task's results on disk: figures, matrices, queries and examples."""

import csv
import gzip
import io
import json
import math
import os
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hybridret_jax.ground import faults, reading, writing
from hybridret_jax.reporting import layout

SCHEMA = 2
_AGAIN = "evaluate again"
FILE = "results.json"
EXAMPLES = "examples.json"
TASK = "task_sha256"
PARTS = ("queries", "candidates", "judgements")  # Of a task.
_KEYS = (
  "schema",
  "task",
  "candidates",
  "systems",
  "model",
  "settings",
  "seconds",
  "versions",
  "notes",
)
_FIGURES_KEYS = ("languages", "counts", "macro", "directions", "pool")


def save(folder: str | os.PathLike, results: dict[str, Any]) -> None:
  """Writes results.json and, for each system, its matrix as CSV.

  A figure that is not a number (a direction without questions) is stored as
  null. results.json comes last, so where it is, the matrices are complete.

  Args:
    folder: made where it is missing.
    results: `schema`, `task`, `candidates` (what a candidate's text is),
      `systems` (name -> figures of `retrieval.evaluation.evaluate`), and
      `model`, `settings`, `seconds`, `versions`, `notes`. `model` may name its
      `training_languages`; tables and figures mark the others. `task_sha256`
      has what the task is known by: a SHA-256 each of `PARTS`.

  Raises:
    ValueError: a key is missing, or the schema is another one.
  """
  folder = pathlib.Path(folder)
  _check(results, "results")
  clean = _without_nan(results)
  text = json.dumps(clean, indent=2, ensure_ascii=False, allow_nan=False)
  for name, figures in clean["systems"].items():
    writing.show(folder / f"matrix_{slug(name)}.csv", matrix_csv(figures))
  writing.write(folder / FILE, text + "\n")


def load(folder: str | os.PathLike) -> dict[str, Any]:
  """What `save` wrote into `folder`.

  Raises:
    FileNotFoundError: there is no results.json.
    ValueError: it is no JSON, lacks a key, or has another schema.
  """
  path = pathlib.Path(folder) / FILE
  if not path.is_file():
    raise FileNotFoundError(
      f"{path} does not exist; run with --mode=evaluate to make it"
    )
  results = _read_json(path)
  if isinstance(results.get("systems", {}), dict):
    _check(results, str(path))
  layout.check(results, str(path))
  return results


def save_per_query(
  folder: str | os.PathLike, name: str, rows: Iterable[dict[str, Any]]
) -> pathlib.Path:
  """Writes a system's figures of each query; says where they are.

  Args:
    folder: of the task's results.
    name: of the system.
    rows: one per query in the task's order, each with `id` and `lang`. A
      figure that is not a number is left out. Equal rows give equal bytes.
  """
  path = _per_query_path(folder, name)
  with (
    writing.replacing(path) as aside,
    aside.open("wb") as file,
    gzip.GzipFile("", "wb", 6, fileobj=file, mtime=0) as packed,
  ):
    for row in rows:
      line = json.dumps(
        _only_finite(row), ensure_ascii=False, separators=(",", ":")
      )
      packed.write(line.encode() + b"\n")
  return path


def load_per_query(
  folder: str | os.PathLike, name: str
) -> list[dict[str, Any]]:
  """The rows that `save_per_query` wrote for the system `name`.

  Raises:
    FileNotFoundError: the system has none.
    ValueError: the file is cut short, or a line is no query's.
  """
  path = _per_query_path(folder, name)
  if not path.is_file():
    raise FileNotFoundError(
      f"{path} does not exist; run with --mode=evaluate to make it"
    )
  rows = []
  lines = reading.lines(path)
  try:
    for place, line in lines:
      row = reading.parse(line, place)
      if not isinstance(row, dict) or not _is_row(row):
        raise faults.Fault(
          place,
          f"{reading.shown(line)} is not a JSON object with id and lang, pool"
          " and directions",
          _AGAIN,
        )
      rows.append(row)
  except faults.Fault as fault:
    raise faults.Fault(fault.place, fault.what, _AGAIN) from fault
  return rows


def _is_row(row: dict[str, Any]) -> bool:
  return all(isinstance(row.get(key), str) for key in ("id", "lang")) and all(
    isinstance(row.get(key, {}), dict) for key in ("pool", "directions")
  )


def save_examples(
  folder: str | os.PathLike, examples: dict[str, Any]
) -> pathlib.Path:
  """Writes examples.json: `queries`, and per system what each one found.

  Raises:
    ValueError: a system has more or fewer lists than there are queries.
  """
  path = pathlib.Path(folder) / EXAMPLES
  _check_examples(examples, "examples")
  text = json.dumps(
    _without_nan(examples), indent=1, ensure_ascii=False, allow_nan=False
  )
  writing.write(path, text + "\n")
  return path


def load_examples(folder: str | os.PathLike) -> dict[str, Any] | None:
  """What `save_examples` wrote into `folder`; None where there is no file.

  Raises:
    ValueError: it is no JSON or is not laid out as `save_examples` wrote it.
  """
  path = pathlib.Path(folder) / EXAMPLES
  if not path.is_file():
    return None
  examples = _read_json(path)
  if {"queries", "systems"} <= examples.keys():
    layout.check_examples(examples, str(path))
  _check_examples(examples, str(path))
  return examples


def matrix_csv(figures: dict[str, Any]) -> str:
  """The mAP of each direction: a row per query language, the pool last."""
  out = io.StringIO()
  writer = csv.writer(out, lineterminator="\n")
  writer.writerow(["query", *figures["languages"], "pool"])
  for language, values in matrix(figures):
    writer.writerow([language, *("" if v is None else repr(v) for v in values)])
  return out.getvalue()


def matrix(
  figures: dict[str, Any], metric: str = "map"
) -> Iterator[tuple[str, list[float | None]]]:
  """Per query language: its figure in each candidate language, and the pool.

  None where no question of the direction has an answer.
  """
  languages = figures["languages"]
  for query in languages:
    cells = [
      figures["directions"].get(f"{query}-{candidate}", {})
      for candidate in languages
    ]
    cells.append(figures["pool"].get(query, {}))
    yield query, [_number(cell.get(metric)) for cell in cells]


def unseen(results: dict[str, Any]) -> tuple[str, ...]:
  """The task's languages that the model says it was not trained on."""
  trained = results["model"].get("training_languages")
  figures = next(iter(results["systems"].values()))
  if not trained:
    return ()
  return tuple(x for x in figures["languages"] if x not in trained)


def check_tasks(runs: Mapping[str, dict[str, Any]]) -> None:
  """Refuses results of one task's name that are of different tasks.

  Args:
    runs: results of the task by the run that they are of.

  Raises:
    Fault: naming what differs (queries, candidates or judgements) and between
      which runs.
  """
  known = {run: saved[TASK] for run, saved in runs.items() if saved.get(TASK)}
  for part in PARTS:
    by_digest: dict[str, list[str]] = {}
    for run, digests in known.items():
      by_digest.setdefault(digests[part], []).append(run)
    if len(by_digest) > 1:
      task = next(iter(runs.values()))["task"]
      others = [
        name
        for name in PARTS
        if len({digests[name] for digests in known.values()}) > 1
      ]
      raise faults.Fault(
        f"task {task}",
        f"{' and '.join(others)} differ between"
        f" {' and '.join(' '.join(same) for same in by_digest.values())}",
        "these are different tasks of one name, whose figures do not compare:"
        " evaluate the runs on the same files, or rename a task's folder",
      )


def unverified(runs: Mapping[str, dict[str, Any]]) -> str:
  """A sentence on runs whose results do not say which task they are of.

  Args:
    runs: results of the task by the run that they are of. Those of one run
      alone compare with none.
  """
  without = [run for run, saved in runs.items() if not saved.get(TASK)]
  if not without or len(runs) < 2:
    return ""
  who = ", ".join(without) if len(without) < 4 else f"{len(without)} runs"
  return (
    f"Results of {who} are of an older version and keep no"
    " digest of their task: that it is the same as that of the others is known"
    " by its name alone."
  )


def slug(name: str) -> str:
  """A system's name as part of a file name."""
  return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _check(results: dict[str, Any], place: str) -> None:
  schema = results.get("schema")
  if schema != SCHEMA:
    raise faults.Fault(
      place,
      f"schema {reading.shown(schema)}, but this version reads and writes"
      f" {SCHEMA}",
      "evaluate again with this version",
    )
  missing = [key for key in _KEYS if key not in results]
  if missing:
    raise faults.Fault(place, f"{', '.join(missing)} missing", "add them")
  digests = results.get(TASK)
  if digests is not None and not (
    isinstance(digests, dict)
    and set(digests) == set(PARTS)
    and all(isinstance(digest, str) for digest in digests.values())
  ):
    raise faults.Fault(
      place,
      f"{TASK} is {reading.shown(digests)}",
      f"give a SHA-256 each of {', '.join(PARTS)}",
    )
  if not results["systems"]:
    raise faults.Fault(place, "no system", "add one system's figures")
  for name, figures in results["systems"].items():
    kept = figures if isinstance(figures, dict) else {}
    missing = [key for key in _FIGURES_KEYS if key not in kept]
    if missing:
      raise faults.Fault(
        place,
        f"system {reading.shown(name)} lacks {', '.join(missing)}",
        "give what retrieval.evaluation.evaluate returns",
      )


def _check_examples(examples: dict[str, Any], place: str) -> None:
  missing = {"queries", "systems"} - examples.keys()
  if missing:
    raise faults.Fault(
      place, f"{', '.join(sorted(missing))} missing", "add them"
    )
  queries = len(examples["queries"])
  for name, lists in examples["systems"].items():
    if len(lists) != queries:
      raise faults.Fault(
        place,
        f"system {reading.shown(name)} has candidates for {len(lists)} queries"
        f" of {queries}",
        "give one list for each query, in order",
      )


def _per_query_path(folder: str | os.PathLike, name: str) -> pathlib.Path:
  return pathlib.Path(folder) / f"per_query_{slug(name)}.jsonl.gz"


def _read_json(path: pathlib.Path) -> dict[str, Any]:
  return reading.document(path, mend=_AGAIN)


def _only_finite(value: dict[str, Any]) -> dict[str, Any]:
  return {
    key: _only_finite(item) if isinstance(item, dict) else item
    for key, item in value.items()
    if not (isinstance(item, float) and not math.isfinite(item))
  }


def _without_nan(value: Any) -> Any:
  if isinstance(value, dict):
    return {key: _without_nan(item) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [_without_nan(item) for item in value]
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value


def _number(value: float | None) -> float | None:
  return None if value is None or math.isnan(value) else value
