"""A study's folder: whose it is, and how each of its cells stands."""

import collections
import datetime
import functools
import hashlib
import importlib.metadata
import json
import os
import pathlib
import shutil
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import ml_collections

import hybridret_jax
from hybridret_jax.ground import leases, writing
from hybridret_jax.study import design

STUDY = "study.json"
CELL = "cell.json"
DONE = "done.json"
FAILED = "failed.json"
LOG = "log.txt"
STATES = ("done", "running", "failed", "waiting")
_SCHEMA = 1
_LOG_LINES = 30  # That a failed cell is shown with.
_VERSIONS = ("jax", "flax", "optax", "orbax-checkpoint", "numpy")
# What may change while a study goes on, besides grids that grow.
_LOOSE = ("claims", "notes", "tests", "keep_checkpoints", "lease_seconds")


def claim(
  config: ml_collections.ConfigDict,
  cells: Sequence[design.Cell],
  workdir: pathlib.Path,
) -> None:
  """Writes the study's config, or checks that the folder is the same study's.

  Grids may have grown, and what is made of the results may have changed. Until
  a cell was begun everything may.

  Raises:
    ValueError: the folder holds another study, or data of another one.
  """
  path = workdir / STUDY
  now = {
    "schema": _SCHEMA,
    "config": json.loads(config.to_json_best_effort()),
    "cells": {name: cell.key for cell in cells for name in cell.names},
  }
  if path.is_file():
    before = json.loads(path.read_text("utf-8"))
    if before == now:
      return
    begun = any(workdir.glob(f"cells/*/{CELL}"))
    different = list(_differences(before, now)) if begun else []
    data = before["config"].get("data"), now["config"].get("data")
    if not begun and data[0] != data[1] and (workdir / "data").exists():
      different = [f"data was prepared with {data[0]}, and is {data[1]} now"]
    if different:
      raise ValueError(
        f"{workdir} holds another study: {'; '.join(different)}. Give another"
        " --workdir, or the same settings to go on"
      )
  write_json(path, now)


def place(workdir: pathlib.Path, cell: design.Cell) -> pathlib.Path:
  """The run folder of a cell."""
  return workdir / "cells" / cell.key


def begin(workdir: pathlib.Path, cell: design.Cell) -> None:
  """Says in a cell's folder which cell it is, and forgets that it failed."""
  folder = place(workdir, cell)
  code()  # What runs is what is read now, whatever is edited meanwhile.
  write_json(
    folder / CELL,
    {
      "key": cell.key,
      "names": cell.names,
      "factors": cell.factors,
      "seed": cell.seed,
      "overrides": cell.overrides,
    },
  )
  (folder / FAILED).unlink(missing_ok=True)


def finish(
  folder: pathlib.Path, lease: leases.Lease, *, seconds: float, keep: bool
) -> bool:
  """Publishes a cell; False if another process has taken it over.

  Args:
    folder: of the cell.
    lease: this process's claim, which no thread touches any more.
    seconds: that the cell took, from its last checkpoint if it went on.
    keep: whether its checkpoints stay.
  """
  if not leases.seal(lease):
    return False
  write_json(
    folder / DONE,
    {
      "key": folder.name,
      "seconds": round(seconds, 1),
      "attempts": leases.attempts(folder),
      **_worker(),
      "code": code(),
      "versions": {n: importlib.metadata.version(n) for n in _VERSIONS},
    },
  )
  tidy(folder, keep=keep)
  return True


def tidy(folder: pathlib.Path, *, keep: bool) -> None:
  """Removes what a finished cell needs no more."""
  (folder / FAILED).unlink(missing_ok=True)
  if not keep:
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
  leases.clear(folder)


def fail(folder: pathlib.Path, error: str, trace: str = "") -> None:
  """Names what ended a cell, with the last lines of its log."""
  log = folder / LOG
  lines = []
  if log.is_file():
    # Progress bars write over their line.
    text = log.read_text("utf-8", errors="replace").replace("\r", "\n")
    lines = text.splitlines()[-_LOG_LINES:]
  write_json(
    folder / FAILED,
    {"error": error, "traceback": trace, "log": lines, **_worker()},
  )


def failure(folder: pathlib.Path) -> str:
  """What ended a cell, in a line."""
  try:
    found = json.loads((folder / FAILED).read_text("utf-8"))
  except FileNotFoundError:
    return ""
  return (found["error"].splitlines() or [""])[0]


def state(folder: pathlib.Path, *, lease_seconds: float) -> str:
  """How a cell stands, one of `STATES`.

  A cell that a dead process has left is waiting.
  """
  if (folder / DONE).is_file():
    return "done"
  if leases.holder(folder, lease_seconds=lease_seconds) is not None:
    # It may have been finished since the first look.
    return "done" if (folder / DONE).is_file() else "running"
  return "failed" if (folder / FAILED).is_file() else "waiting"


def states(
  config: ml_collections.ConfigDict,
  cells: Sequence[design.Cell],
  workdir: pathlib.Path,
) -> dict[str, str]:
  """How each cell stands, by key."""
  return {
    cell.key: state(place(workdir, cell), lease_seconds=config.lease_seconds)
    for cell in cells
  }


def counted(standing: dict[str, str]) -> str:
  """How many cells stand how, in words."""
  count = collections.Counter(standing.values())
  parts = [f"{count[name]} {name}" for name in STATES if count[name]]
  return f"{len(standing)} cells: {', '.join(parts)}"


def seconds_left(
  workdir: pathlib.Path, standing: dict[str, str]
) -> float | None:
  """About how long the rest takes with those who work now; None if not known.

  The median of what finished cells took, for all the others, over the number
  of cells that run.
  """
  took = [found["seconds"] for found in _finished(workdir, standing)]
  if not took:
    return None
  running = sum(name == "running" for name in standing.values())
  left = running + sum(name == "waiting" for name in standing.values())
  return sorted(took)[len(took) // 2] * left / max(running, 1)


@functools.cache
def code() -> str:
  """What this package's source hashes to."""
  package = pathlib.Path(hybridret_jax.__file__).parent
  digest = hashlib.sha256()
  for path in sorted(package.rglob("*.py")):
    digest.update(f"{path.relative_to(package)}\0".encode())
    digest.update(path.read_bytes())
  return digest.hexdigest()[:12]


def codes(workdir: pathlib.Path, standing: dict[str, str]) -> list[str]:
  """The `code` of each finished cell, each once; more than one do not mix."""
  return sorted({found["code"] for found in _finished(workdir, standing)})


def table(
  cells: Sequence[design.Cell], standing: dict[str, str]
) -> Iterator[str]:
  """Lines of a table of cells: index, key, state, name and what it sets."""
  rows = [("#", "key", "state", "cell", "sets")]
  rows += [
    (
      str(index),
      cell.key,
      standing[cell.key],
      ", ".join(cell.names),
      " ".join(f"{key}={value!r}" for key, value in cell.overrides),
    )
    for index, cell in enumerate(cells)
    if cell.key in standing
  ]
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  for row in rows:
    words = [word.ljust(n) for word, n in zip(row, widths, strict=True)]
    yield "  ".join(words).rstrip()


def write_json(path: pathlib.Path, value: Any) -> None:
  """Writes a file whole or not at all, on a disk that machines share."""
  writing.write(path, json.dumps(value, indent=1) + "\n")


def _differences(before, now) -> Iterator[str]:
  """What would make the cells that were begun another study's."""
  one, other = (
    {
      key: value
      for key, value in design.flat(whole["config"]).items()
      if key.split(".")[0] not in (*_LOOSE, "grids")
      and design.changes_numbers(key.removeprefix("run."))
    }
    for whole in (before, now)
  )
  different = [
    key
    for key in sorted(one.keys() | other.keys())
    if one.get(key) != other.get(key)
  ]
  for key in different:
    yield f"{key} was {one.get(key)!r} and is {other.get(key)!r}"
  gone = [
    name
    for name, key in before["cells"].items()
    if now["cells"].get(name) != key
  ]
  if gone and not different:
    yield f"{design.some(gone)} had other settings or are gone"


def _finished(workdir, standing) -> Iterator[dict[str, Any]]:
  """What done.json says of each finished cell."""
  for key, name in standing.items():
    if name == "done":
      yield json.loads((workdir / "cells" / key / DONE).read_text("utf-8"))


def _worker() -> dict[str, Any]:
  now = datetime.datetime.now(datetime.UTC).isoformat("T", "seconds")
  return {"host": socket.gethostname(), "pid": os.getpid(), "finished": now}
