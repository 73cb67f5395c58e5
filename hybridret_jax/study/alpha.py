"""The curve over alpha, and which of its points no other one beats."""

from collections.abc import Mapping, Sequence
from typing import Any

from hybridret_jax.study import figure_names

AXIS = "alpha"


def curves(grids: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
  """A curve per task and combination of a grid's other axes, as plain data.

  A grid has one if its axis "alpha" has levels that are all numbers, or is
  left out. A point has `alpha`, `group` (which of the grid's) and `on_front`,
  which is None where a figure or the whole cell is missing.

  Args:
    grids: with `name`, `axes` and `groups`, as docs/results_schema.md says.
  """
  found = []
  for grid in grids:
    numbers = _numbers(grid)
    if not numbers:
      continue
    parts: dict[tuple[str, ...], dict[str, Any]] = {}
    for place, group in enumerate(grid["groups"]):
      at = {k: level for k, level in group["levels"].items() if k != AXIS}
      for task in group["tasks"]:
        part = parts.setdefault(
          (task, *at.values()),
          {"grid": grid["name"], "task": task, "at": at, "points": []},
        )
        alpha = numbers[group["levels"][AXIS]]
        part["points"].append({"alpha": alpha, "group": place})
    for part in parts.values():
      part["points"].sort(key=lambda point: point["alpha"])
      _mark(part, grid)
      found.append(part)
  return found


def front(points: Sequence[Sequence[float]]) -> list[bool]:
  """Whether no other point is as good everywhere and better somewhere.

  Args:
    points: figures of which more is better, equally many of each.
  """
  return [
    not any(
      all(x >= y for x, y in zip(other, point, strict=True))
      and any(x > y for x, y in zip(other, point, strict=True))
      for other in points
    )
    for point in points
  ]


def _numbers(grid: Mapping[str, Any]) -> dict[str, float]:
  """Level -> alpha; empty where the grid has no such axis."""
  levels = {axis["name"]: axis["levels"] for axis in grid["axes"]}.get(AXIS, ())
  try:
    return {level: float(level) for level in levels}
  except ValueError:
    return {}


def _mark(part: dict[str, Any], grid: Mapping[str, Any]) -> None:
  """Adds `on_front` to the points, by the means of the headline figures."""
  known = []
  for point in part["points"]:
    figures = grid["groups"][point["group"]]["tasks"][part["task"]]["figures"]
    means = {
      figure: figures[figure]["mean"] for figure in figure_names.HEADLINE
    }
    values = [
      figure_names.better(x, y) for x, y in means.items() if y is not None
    ]
    point["on_front"] = None
    if len(values) == len(means):
      known.append((point, values))
  marks = front([values for _, values in known])
  for (point, _), mark in zip(known, marks, strict=True):
    point["on_front"] = mark
