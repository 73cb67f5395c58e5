"""Figures of a study by group and by alpha, drawn with matplotlib.

All take what study.json holds, as docs/results_schema.md describes it.
"""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import figure as mpl_figure

from hybridret_jax.reporting import charts
from hybridret_jax.study import cell_tables, figure_names

Drawing = mpl_figure.Figure
_MONO, *OTHERS = figure_names.HEADLINE
_DOTS = {"alpha": 0.45, "markersize": 4, "linestyle": "none"}
_LINES = (":", "--", "-.", (0, (1, 3)))  # Of the start's systems.


def groups(
  study: Mapping[str, Any], grid: Mapping[str, Any], task: str
) -> Drawing:
  """The headline figures of every group, side by side."""
  count = len(grid["groups"])
  drawing = Drawing(
    figsize=(14, 1.7 + 0.34 * count), dpi=150, layout="constrained"
  )
  drawing.suptitle(f"{study['name']}: {grid['name']}, {task}", fontsize=11)
  parts = drawing.subplots(1, len(figure_names.HEADLINE), sharey=True)
  for axes, figure in zip(parts, figure_names.HEADLINE, strict=True):
    _groups(axes, study, grid, task, figure)
  if study["starts"]:
    drawing.legend(
      *parts[0].get_legend_handles_labels(),
      loc="outside lower left",
      ncols=3,
      fontsize=8,
    )
  return drawing


def groups_panel(
  study: Mapping[str, Any], grid: Mapping[str, Any], task: str, figure: str
) -> Drawing:
  """One figure of every group: each seed, the mean and its interval."""
  count = len(grid["groups"])
  drawing = Drawing(figsize=(5, 1.5 + 0.3 * count), layout="constrained")
  axes = drawing.subplots()
  _groups(axes, study, grid, task, figure)
  if study["starts"]:
    drawing.legend(loc="outside lower left", fontsize=7)
  return drawing


def alpha(
  study: Mapping[str, Any], grid: Mapping[str, Any], curve: Mapping[str, Any]
) -> Drawing:
  """The headline figures by alpha, and three of them against the first."""
  drawing = Drawing(figsize=(14, 7), dpi=150, layout="constrained")
  name = [grid["name"], *curve["at"].values(), curve["task"]]
  drawing.suptitle(f"{study['name']}: {', '.join(name)}", fontsize=11)
  upper, lower = drawing.subplots(2, len(figure_names.HEADLINE))
  for axes, figure in zip(upper, figure_names.HEADLINE, strict=True):
    _by_alpha(axes, grid, curve, figure)
  lower[0].axis("off")
  for axes, figure in zip(lower[1:], OTHERS, strict=True):
    _trade_off(axes, grid, curve, figure)
  return drawing


def alpha_panel(
  grid: Mapping[str, Any], curve: Mapping[str, Any], figure: str
) -> Drawing:
  """One figure by alpha: each seed, and the means as a line."""
  return charts.panel(lambda axes: _by_alpha(axes, grid, curve, figure))


def trade_off_panel(
  grid: Mapping[str, Any], curve: Mapping[str, Any], figure: str
) -> Drawing:
  """One figure against the monolingual one, with the Pareto front marked."""
  return charts.panel(lambda axes: _trade_off(axes, grid, curve, figure))


def _groups(axes, study, grid, task, figure) -> None:
  # A colour a level of the last axis: mostly the strategy.
  last = grid["axes"][-1]["levels"] if grid["axes"] else ["all"]
  dots = []
  for row, group in enumerate(grid["groups"]):
    found = group["tasks"][task]["figures"][figure]
    level = cell_tables.words_of(grid, group)[-1]
    colour = charts.COLOURS[last.index(level) % len(charts.COLOURS)]
    values = list(found["by_seed"].values())
    dots += values
    axes.plot(values, [row] * len(values), "o", color=colour, **_DOTS)
    if found["low"] is not None:
      ends = [found["low"], found["high"]]
      axes.plot(ends, [row, row], color=colour, linewidth=2)
    if found["mean"] is not None:
      axes.plot([found["mean"]], [row], "|", color=colour, markersize=14, mew=2)
  dots += _starts(axes, study, grid, task, figure)
  if dots and max(dots) > min(dots):
    # Intervals of two seeds would leave no room for anything else.
    room = 0.3 * (max(dots) - min(dots))
    axes.set_xlim(min(dots) - room, max(dots) + room)
  names = [cell_tables.label(grid, group) for group in grid["groups"]]
  axes.set_yticks(range(len(names)), [_wrapped(x) for x in names], fontsize=8)
  axes.set_ylim(len(names) - 0.5, -0.5)
  axes.set_title(figure_names.title(figure), fontsize=10)
  axes.grid(axis="x", alpha=0.3)


def _starts(axes, study, grid, task, figure) -> list[float]:
  """A line a system, beside the groups of its start; where the lines are."""
  values, styles = [], {}
  for start in cell_tables.starts(study, grid):
    levels = start["levels"].items()
    y = _heights(
      [n for n, x in enumerate(grid["groups"]) if levels <= x["levels"].items()]
    )
    for system in start["systems"]:
      found = system["tasks"].get(task, {}).get("figures", {}).get(figure)
      if found is None:
        continue
      name = system["label"]
      label = "" if name in styles else f"start: {name}"
      axes.plot(
        [found["mean"]] * len(y),
        y,
        color="#7a7f87",
        linestyle=styles.setdefault(name, _LINES[len(styles) % len(_LINES)]),
        linewidth=1.2,
        label=label,
      )
      values.append(found["mean"])
  return values


def _heights(rows: Sequence[int]) -> list[float]:
  """Ends of the stretches that rows form, with nan between two of them."""
  found: list[float] = []
  for row in rows:
    if found and found[-1] == row - 0.5:
      found[-1] = row + 0.5
    else:
      found += [math.nan] * bool(found) + [row - 0.5, row + 0.5]
  return found


def _by_alpha(axes, grid, curve, figure) -> None:
  points = _points(grid, curve, figure)
  for alpha, found in points:
    values = list(found["by_seed"].values())
    axes.plot(
      [alpha] * len(values), values, "o", color=charts.COLOURS[0], **_DOTS
    )
  means = [(x, y["mean"]) for x, y in points if y["mean"] is not None]
  if means:
    axes.plot(*zip(*means, strict=True), color=charts.COLOURS[0], marker="o")
  axes.set_xticks([x for x, _ in points])
  axes.set_xlabel("Alpha: share of monolingual batches")
  axes.set_title(figure_names.title(figure), fontsize=10)
  axes.grid(alpha=0.3)


def _trade_off(axes, grid, curve, figure) -> None:
  x_points = _points(grid, curve, _MONO)
  y_points = _points(grid, curve, figure)
  for point, (alpha, x), (_, y) in zip(
    curve["points"], x_points, y_points, strict=True
  ):
    front = bool(point["on_front"])
    colour = charts.COLOURS[1] if front else charts.COLOURS[0]
    seeds = [s for s in x["by_seed"] if s in y["by_seed"]]
    axes.plot(
      [x["by_seed"][s] for s in seeds],
      [y["by_seed"][s] for s in seeds],
      "o",
      color=colour,
      **_DOTS,
    )
    if x["mean"] is None or y["mean"] is None:
      continue
    axes.plot(
      [x["mean"]],
      [y["mean"]],
      "D" if front else "o",
      color=colour,
      markersize=8 if front else 6,
      fillstyle="full" if front else "none",
    )
    axes.annotate(
      f"{alpha:g}",
      (x["mean"], y["mean"]),
      xytext=(6, 5),
      textcoords="offset points",
      fontsize=8,
    )
  axes.set_xlabel(figure_names.title(_MONO))
  axes.set_ylabel(figure_names.title(figure))
  axes.set_title("◆ on the Pareto front, by alpha", fontsize=10)
  axes.grid(alpha=0.3)


def _points(
  grid: Mapping[str, Any], curve: Mapping[str, Any], figure: str
) -> list[tuple[float, Mapping[str, Any]]]:
  """(alpha, the figure's spread over seeds) of every point."""
  return [
    (
      point["alpha"],
      grid["groups"][point["group"]]["tasks"][curve["task"]]["figures"][figure],
    )
    for point in curve["points"]
  ]


def _wrapped(name: str) -> str:
  return "\n".join(textwrap.wrap(name, 26))
