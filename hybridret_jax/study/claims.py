"""Claims that a study was made to judge, and the verdict on each.

A claim says that a figure of cells `a` is greater or less than that of `b`
("greater", "less"), at least as good up to a margin ("at_least"), or the same
up to a margin ("same"). It is written before the runs; what decides it is in
`verdicts`. With `contrast` it is about a - b at one level of an axis minus
a - b at another.
"""

from collections.abc import Collection, Mapping
from typing import Any

import ml_collections

from hybridret_jax.assembly import systems
from hybridret_jax.study import (
  comparisons,
  design,
  figure_names,
  outcomes,
  verdicts,
)

_KEYS = ("id", "claim", "source", "grid", "task", "figure", "a", "b", "rule")


def check(config: ml_collections.ConfigDict) -> None:
  """Raises ValueError naming a claim or comparison that cannot be judged."""
  grids = outcomes.grids(config)
  for pair in config.tests.get("compare", ()):
    place = f"tests.compare {tuple(pair)}"
    if len(pair) != 4:
      raise ValueError(f"{place}: write (grid, axis, level a, level b)")
    name, axis, *levels = pair
    grid = _grid(grids, name, place)
    for level in levels:
      _check_level(grid, axis, level, place)
  ids = [claim.get("id") for claim in config.claims]
  for claim in config.claims:
    place = f"claim {claim.get('id')!r}"
    missing = [key for key in _KEYS if key not in claim]
    if missing:
      raise ValueError(f"{place}: {', '.join(missing)} missing; add them")
    if ids.count(claim["id"]) > 1:
      raise ValueError(f"{place} stands twice; give each an id of its own")
    _contrast(claim, _grid(grids, claim["grid"], place))
    figure_names.parse(claim["figure"])
    _check_rule(claim, place)


def judge(
  study: outcomes.Study,
  config: ml_collections.ConfigDict,
  figures: Collection[str],
) -> list[dict[str, Any]]:
  """Every claim with its estimate, tests and verdict, as plain data.

  Args:
    study: what was found.
    config: of the study.
    figures: all that per-query values are read for.

  Raises:
    ValueError: as `check`.
  """
  check(config)
  rows = []
  for claim in config.claims:
    level = float(claim.get("level", comparisons.LEVEL))
    figure = claim["figure"]
    contrast = _contrast(claim, study.grids[claim["grid"]])
    found = comparisons.compare(
      study, contrast, claim["task"], figure, figures, level=level
    )
    row = {key: claim[key] for key in _KEYS if key not in ("a", "b")}
    row |= {"level": level, "margin": claim.get("margin")} | found
    rows.append(row | {"one_sided": verdicts.one_sided(row)})
  return verdicts.settled(rows)


def _contrast(
  claim: Mapping[str, Any], grid: outcomes.Grid
) -> comparisons.Contrast:
  """Which cells a claim is about.

  Raises:
    ValueError: an axis or level is not the grid's, or an axis is neither fixed
      nor averaged over.
  """
  place = f"claim {claim['id']!r}"
  over = tuple(claim.get("over", ()))
  for axis in over:
    _check_axis(grid, axis, f"{place}, over")
  a, b = (_start_system(claim[key], f"{place}, {key}") for key in ("a", "b"))
  if a and b:
    raise ValueError(f"{place}: a and b are both the start; give one levels")
  # The start is that of the cells that it is held against.
  levels_a = _fixed(claim["b" if a else "a"], grid, place)
  levels_b = _fixed(claim["a" if b else "b"], grid, place)

  def sides(more: dict[str, str]) -> tuple[comparisons.Side, ...]:
    return tuple(
      comparisons.Side(_cells(levels | more, over, grid, place), system)
      for levels, system in ((levels_a, a), (levels_b, b))
    )

  if "contrast" not in claim:
    one, other = sides({})
    return comparisons.Contrast(grid.name, (one,), (other,))
  if len(claim["contrast"]) != 3:
    raise ValueError(f"{place}: contrast is (axis, level, level minus which)")
  axis, first, second = claim["contrast"]
  for level in (first, second):
    _check_level(grid, axis, level, f"{place}, contrast")
  (a1, b1), (a2, b2) = sides({axis: first}), sides({axis: second})
  return comparisons.Contrast(grid.name, (a1, b2), (b1, a2))


def _start_system(given: Any, place: str) -> str | None:
  """The label of a system of the start; None for (axis, level) pairs."""
  if not isinstance(given, str):
    return None
  start, _, name = given.partition(":")
  if start != design.START:
    raise ValueError(
      f"{place} is {given!r}; write (axis, level) pairs, start, or start: and"
      " a system such as untrained_means_subtracted"
    )
  return systems.parse(name or "untrained").label


def _fixed(given: Any, grid: outcomes.Grid, place: str) -> dict[str, str]:
  """Levels by axis."""
  if any(isinstance(x, str) or len(x) != 2 for x in given):
    raise ValueError(
      f"{place}: {tuple(given)} are no (axis, level) pairs; a single one needs"
      " a comma behind it"
    )
  for axis, level in given:
    _check_level(grid, axis, level, place)
  return dict(given)


def _cells(
  levels: dict[str, str],
  over: Collection[str],
  grid: outcomes.Grid,
  place: str,
) -> tuple[dict[str, str], ...]:
  """The cells that a side averages."""
  open_axes = [x for x in grid.axes if x not in levels and x not in over]
  if open_axes:
    raise ValueError(
      f"{place}: {', '.join(open_axes)} neither fixed by a and b nor averaged"
      " over; fix a level or name it in over"
    )
  return tuple(grid.combinations(levels))


def _grid(
  grids: Mapping[str, outcomes.Grid], name: str, place: str
) -> outcomes.Grid:
  if name not in grids:
    raise ValueError(f"{place}: no grid {name!r}; there are {', '.join(grids)}")
  return grids[name]


def _check_axis(grid: outcomes.Grid, axis: str, place: str) -> None:
  if axis not in grid.axes:
    raise ValueError(
      f"{place}: grid {grid.name} has no axis {axis!r}; it has"
      f" {', '.join(grid.axes)}"
    )


def _check_level(
  grid: outcomes.Grid, axis: str, level: str, place: str
) -> None:
  _check_axis(grid, axis, place)
  if level not in grid.axes[axis]:
    raise ValueError(
      f"{place}: axis {axis} has no level {level!r}; it has"
      f" {', '.join(grid.axes[axis])}"
    )


def _check_rule(claim: Mapping[str, Any], place: str) -> None:
  rule, margin = claim["rule"], claim.get("margin")
  level = float(claim.get("level", comparisons.LEVEL))
  if rule not in verdicts.RULES:
    raise ValueError(
      f"{place}: rule {rule!r}; use one of {', '.join(verdicts.RULES)}"
    )
  if (rule not in verdicts.DIRECTED or margin is not None) and not (
    margin or 0
  ) > 0:
    raise ValueError(
      f"{place}: margin {margin} is not positive; set what may be lost, such as"
      " 0.01, before looking at the figures"
    )
  if not 0.5 < level < 1:
    raise ValueError(f"{place}: level {level} is not between 0.5 and 1")
  metric = figure_names.parse(claim["figure"])[-1]
  if metric in figure_names.NEUTRAL and rule == "at_least":
    raise ValueError(
      f"{place}: neither more nor less of {claim['figure']} is better; use"
      " greater, less or same"
    )
