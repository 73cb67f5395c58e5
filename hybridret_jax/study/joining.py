"""Reports of parts of one study, made where no folder is shared, to one."""

import json
import math
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hybridret_jax.reporting import results
from hybridret_jax.study import alpha, design, summary, verdicts

FILE = "study.json"
# A start judged on another machine; what is beyond is another model.
TOLERANCE = 1e-3
_CLAIM = (
  *("id", "claim", "source", "grid", "task", "figure"),
  *("rule", "level", "margin"),
)
_TEST = ("grid", "axis", "a", "b", "at")


def read(folder: str | os.PathLike) -> dict[str, Any]:
  """The study.json of a report.

  Raises:
    ValueError: naming the folder, where there is none or it cannot be read.
  """
  path = pathlib.Path(folder) / FILE
  try:
    return json.loads(path.read_text("utf-8"))
  except FileNotFoundError as error:
    raise ValueError(
      f"{folder} has no {FILE}; name the folder of a study's report"
    ) from error
  except ValueError as error:
    raise ValueError(
      f"{path} is no JSON ({error}); make that report again"
    ) from error


def join(
  cells: Sequence[design.Cell],
  mine: Mapping[str, Any],
  others: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
  """One report of the parts: each grid as in the part with most of its cells.

  A grid's groups, tests and claims are taken together, from one part: they rest
  on values of single queries, which reports do not hold. So grids that are
  whole in their parts are shown as a report of all cells at once would show
  them. p of claims that come from several parts are adjusted anew.

  Args:
    cells: of the study.
    mine: as docs/results_schema.md describes study.json; of the config that
      is reported on, whatever is finished of it.
    others: the same of other parts, by where they are from.

  Returns:
    The same of the whole.

  Raises:
    ValueError: naming a part that is of another study.
  """
  for place, other in others.items():
    for what, one, two in _unlike(mine, other):
      raise ValueError(
        f"{place} is a report of another study: {what} is {two!r} there and"
        f" {one!r} here; join reports of one config"
      )
  parts = [mine, *others.values()]
  chosen = {
    grid["name"]: max(parts, key=lambda part: _finished(part, grid["name"]))
    for grid in mine["grids"]
  }
  grids = [_grid(chosen[grid["name"]], grid["name"]) for grid in mine["grids"]]
  missing = _missing(cells, parts, chosen)
  return dict(mine) | {
    "finished": len(cells) - len(missing),
    "missing": missing,
    "tasks": _tasks(parts),
    "grids": grids,
    "starts": list(_starts(parts)),
    "claims": _claims(mine, chosen),
    "tests": _tests(parts, chosen),
    "alpha": alpha.curves(grids),
    "versions": summary.versions(
      (name, version)
      for part in parts
      for name, versions in part["versions"].items()
      for version in versions
    ),
    "costs": _costs(parts, chosen),
  }


def _unlike(mine, other) -> Iterator[tuple[str, Any, Any]]:
  """(what, mine, the other's) of what one study has one of."""
  for key in ("schema", "name", "level", "cells"):
    if mine[key] != other.get(key):
      yield key, mine[key], other.get(key)
  for what, key, made in (
    ("grids", "grids", lambda x: (x["name"], x["axes"], x["seeds"])),
    ("claims", "claims", lambda x: {k: x[k] for k in _CLAIM}),
  ):
    one, two = ([made(x) for x in part[key]] for part in (mine, other))
    yield from ((what, a, b) for a, b in zip(one, two, strict=False) if a != b)
    if len(one) != len(two):
      yield f"number of {what}", len(one), len(two)
  one, two = (
    {json.dumps({k: x[k] for k in _TEST}) for x in part["tests"]}
    for part in (mine, other)
  )
  # A part that has finished nothing has no tasks, so no tests.
  if one and two and one != two:
    yield "tests", sorted(one - two), sorted(two - one)
  languages = {x["name"]: x["languages"] for x in mine["tasks"]}
  digests = {x["name"]: x.get(results.TASK) for x in mine["tasks"]}
  for task in other["tasks"]:
    known = languages.get(task["name"], task["languages"])
    if known != task["languages"]:
      yield f"languages of {task['name']}", known, task["languages"]
    one, two = digests.get(task["name"]), task.get(results.TASK)
    if one and two:  # Reports of older versions do not know their content.
      for part in results.PARTS:
        if one[part] != two[part]:
          yield f"{part} of {task['name']}", one[part][:12], two[part][:12]
  yield from _unlike_starts(mine, other)


def _unlike_starts(mine, other) -> Iterator[tuple[str, Any, Any]]:
  known = dict(_start_figures(mine))
  for what, two in _start_figures(other):
    one = known.get(what, two)
    if not math.isclose(one, two, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
      yield ", ".join(("the start", *what)), one, two


def _start_figures(part) -> Iterator[tuple[tuple[str, ...], float]]:
  for start in part["starts"]:
    for system in start["systems"]:
      for task, found in system["tasks"].items():
        for figure, value in found["figures"].items():
          # A bias may be a p or a share of few; a macro mean is steady.
          if value["mean"] is not None and not figure.startswith("bias:"):
            levels = json.dumps(start["levels"])
            yield (levels, system["label"], task, figure), value["mean"]


def _finished(part, name) -> int:
  """How many cells of a grid a part has."""
  return sum(len(x["finished"]) for x in _grid(part, name)["groups"])


def _grid(part, name) -> dict[str, Any]:
  return next(x for x in part["grids"] if x["name"] == name)


def _missing(cells, parts, chosen) -> list[dict[str, Any]]:
  """Cells that the part of none of their grids has; a start, that none has."""
  gone = {id(x): {y["names"][0] for y in x["missing"]} for x in parts}
  return [
    {"key": cell.key, "names": list(cell.names)}
    for cell in cells
    if all(
      cell.name in gone[id(part)]
      for part in [chosen[grid] for grid in cell.factors] or parts
    )
  ]


def _tasks(parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
  """Every task, with the notes of all parts."""
  found: dict[str, dict[str, Any]] = {}
  for part in parts:
    for task in part["tasks"]:
      known = found.setdefault(task["name"], dict(task))
      known["notes"] = sorted({*known["notes"], *task["notes"]})
  return list(found.values())


def _starts(parts) -> Iterator[dict[str, Any]]:
  """Each start once, the most particular first."""
  found: dict[str, dict[str, Any]] = {}
  for part in parts:
    for start in part["starts"]:
      found.setdefault(json.dumps(start["levels"]), start)
  yield from sorted(found.values(), key=lambda x: -len(x["levels"]))


def _claims(mine, chosen) -> list[dict[str, Any]]:
  rows = [
    dict(chosen[claim["grid"]]["claims"][place])
    for place, claim in enumerate(mine["claims"])
  ]
  return verdicts.settled(rows)


def _tests(parts, chosen) -> list[dict[str, Any]]:
  """Each grid's, in the order in which a part has all of them."""
  found = {}
  for part in parts:
    for test in part["tests"]:
      place = json.dumps([test[key] for key in (*_TEST, "task")])
      if place not in found or part is chosen[test["grid"]]:
        found[place] = test
  return list(found.values())


def _costs(parts, chosen) -> dict[str, Any]:
  cells: dict[str, Any] = {}
  for name, part in chosen.items():
    costs = part["costs"]["cells"]
    cells |= {key: x for key, x in costs.items() if key.split("/")[0] == name}
  for part in parts:
    cells = part["costs"]["cells"] | cells
  seconds = [x["cell_seconds"] for x in cells.values() if x["cell_seconds"]]
  return {
    "seconds": sum(seconds) if seconds else None,
    "groups": [
      group
      for name, part in chosen.items()
      for group in part["costs"]["groups"]
      if group["grid"] == name
    ],
    "cells": cells,
  }
