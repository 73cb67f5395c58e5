"""Differences between cells of a study: over seeds, and by question group.

What is said of a strategy rests on paired seeds. Beside it stands what
resampling the questions' clusters says of the seeds' checkpoints.
"""

import dataclasses
import math
import statistics
from collections.abc import Collection, Sequence
from typing import Any

import ml_collections

from hybridret_jax.retrieval import clusters, significance
from hybridret_jax.study import figure_names, outcomes, summary

LEVEL = 0.95
OTHER_LANGUAGES = (
  "trained on different languages, so this figure is not of the same directions"
)


@dataclasses.dataclass(frozen=True)
class Side:
  """Cells whose figures are averaged.

  Attributes:
    levels: of each cell, a level per axis of the grid.
    system: a system of their start, or None for the trained cells themselves.
  """

  levels: tuple[dict[str, str], ...]
  system: str | None = None


@dataclasses.dataclass(frozen=True)
class Contrast:
  """Sides of a grid that are added, minus those that are subtracted."""

  grid: str
  plus: tuple[Side, ...]
  minus: tuple[Side, ...]


@dataclasses.dataclass(frozen=True)
class _Term:
  """An outcome's system, and the weight that it enters a difference with."""

  weight: float
  outcome: outcomes.Outcome
  system: str


def pairs(config: ml_collections.ConfigDict) -> list[tuple[str, str, str, str]]:
  """(grid, axis, level a, level b) of what the study compares."""
  return [(g, x, a, b) for g, x, a, b in config.tests.get("compare", ())]


def level_of(config: ml_collections.ConfigDict) -> float:
  """The level of the study's tests and intervals."""
  return float(config.tests.get("level", LEVEL))


def compare_all(
  study: outcomes.Study,
  config: ml_collections.ConfigDict,
  figures: Collection[str],
) -> list[dict[str, Any]]:
  """Every pair at every combination of the other axes, as plain data.

  p is adjusted by Holm's method over the comparisons of one grid, task and
  figure. The directions' tests are of the seeds' mean per-query values.

  Args:
    study: what was found.
    config: of the study.
    figures: all that per-query values are read for.
  """
  level = level_of(config)
  rows = []
  for grid, axis, a, b in pairs(config):
    for at in _others(study.grids[grid], axis):
      contrast = Contrast(
        grid, (Side(({**at, axis: a},)),), (Side(({**at, axis: b},)),)
      )
      names = {"grid": grid, "axis": axis, "a": a, "b": b, "at": at}
      for task in study.tasks:
        found = {
          figure: compare(study, contrast, task, figure, figures, level=level)
          for figure in figure_names.HEADLINE
        }
        cells = directions(study, contrast, task, figures, level=level)
        rows.append(
          names
          | {"task": task, "figures": found, "directions": cells}
          | _means(study, contrast, task)
        )
  _adjust(rows)
  return rows


def compare(
  study: outcomes.Study,
  contrast: Contrast,
  task: str,
  figure: str,
  figures: Collection[str],
  *,
  level: float = LEVEL,
) -> dict[str, Any]:
  """A figure's difference over the seeds that both sides have.

  Keys: `by_seed`, `of` (how many seeds the grid has), `difference`, `low`,
  `high`, `p` (t over paired seeds), `groups` (see `by_groups`) and `note`.
  """
  by_seed, terms_by_seed, note = {}, [], None
  seeds = study.grids[contrast.grid].seeds
  for seed in seeds:
    terms = _terms(study, contrast, seed)
    if not terms:
      continue
    if not _comparable(terms, task, figure):
      note = OTHER_LANGUAGES
      continue
    values = [x.outcome.value(task, x.system, figure) for x in terms]
    known = [value for value in values if value is not None]
    if len(known) == len(terms):
      total = math.fsum(
        x.weight * value for x, value in zip(terms, known, strict=True)
      )
      # Where all is equal, what is left of rounding is no difference.
      by_seed[str(seed)] = round(total, summary.DIGITS)
      terms_by_seed.append(terms)
  found = None
  if by_seed:
    found = significance.seeds_interval(list(by_seed.values()), level=level)
  return {
    "by_seed": by_seed,
    "of": len(seeds),
    "difference": found and found.mean,
    "low": found and found.low,
    "high": found and found.high,
    "p": found and found.p,
    "groups": by_groups(
      study, terms_by_seed, task, figure, figures, level=level
    ),
    "note": note,
  }


def by_groups(
  study: outcomes.Study,
  terms_by_seed: Sequence[Sequence[_Term]],
  task: str,
  figure: str,
  figures: Collection[str],
  *,
  level: float,
) -> dict[str, Any] | None:
  """What resampling clusters says of the checkpoints; None without clusters.

  Keys: `median_p` of the seeds' own tests, `significant` of `tested`, and of
  the per-query values' mean over seeds `difference`, `low`, `high`, `p`.
  """
  parts = [
    _sums(study, terms, task, figure, figures) for terms in terms_by_seed
  ]
  both = [part for part in parts if part is not None]
  if not both or len(both) < len(parts):
    return None
  tests = [significance.compare(*part, level=level) for part in both]
  p = [test.p for test in tests if test.p is not None]
  mean = tests[0]
  if len(both) > 1:
    mean = significance.compare(
      *(_mean(side) for side in zip(*both, strict=True)), level=level
    )
  return {
    "clusters": mean.clusters,
    "tested": len(p),
    "significant": sum(x <= 1 - level for x in p),
    "median_p": statistics.median(p) if p else None,
    "difference": mean.difference,
    "low": mean.low,
    "high": mean.high,
    "p": mean.p,
  }


def directions(
  study: outcomes.Study,
  contrast: Contrast,
  task: str,
  figures: Collection[str],
  *,
  level: float,
) -> dict[str, Any]:
  """Every direction's test on the seeds' mean values; empty without clusters.

  As `significance.compare_cells` gives it, over the seeds that both sides have.
  """
  parts = []
  for seed in study.grids[contrast.grid].seeds:
    terms = _terms(study, contrast, seed)
    if terms and all(x.outcome.figures(task, x.system) for x in terms):
      parts.append(_sums(study, terms, task, outcomes.DIRECTIONS, figures))
  if not parts or None in parts:
    return {}
  a, b = (_mean(side) for side in zip(*parts, strict=True))
  # As many as it takes for one of so many cells to be significant.
  resamples = max(
    significance.RESAMPLES, math.ceil(2 * len(a.cells) / (1 - level))
  )
  found = significance.compare_cells(a, b, level=level, resamples=resamples)
  return {key: dataclasses.asdict(cell) for key, cell in found.items()}


def _means(
  study: outcomes.Study, contrast: Contrast, task: str
) -> dict[str, Any]:
  """Figures by direction of both sides' cells over the seeds of both.

  Keys: `means` ("a" and "b", None without a seed), and `training_languages` of
  all of these cells.
  """
  sides: dict[str, list[Any]] = {"a": [], "b": []}
  trained = []
  for seed in study.grids[contrast.grid].seeds:
    terms = _terms(study, contrast, seed)
    found = [x.outcome.figures(task, x.system) for x in terms]
    if not terms or None in found:
      continue
    for term, figures in zip(terms, found, strict=True):
      sides["a" if term.weight > 0 else "b"].append(figures)
      trained.append(term.outcome.trained_languages(task))
  shared = (
    [x for x in trained[0] if all(x in y for y in trained)] if trained else []
  )
  return {
    "means": {x: summary.mean_figures(y) for x, y in sides.items()},
    "training_languages": shared,
  }


def _others(grid: outcomes.Grid, axis: str) -> list[dict[str, str]]:
  """Every combination of the axes but one."""
  first = {axis: grid.axes[axis][0]}
  return [
    {key: level for key, level in levels.items() if key != axis}
    for levels in grid.combinations(first)
  ]


def _terms(study: outcomes.Study, contrast: Contrast, seed: int) -> list[_Term]:
  """What the difference of one seed is made of; [] where a cell is missing."""
  terms = []
  for sign, sides in ((1, contrast.plus), (-1, contrast.minus)):
    for side in sides:
      for levels in side.levels:
        outcome = (
          study.outcome(contrast.grid, levels, seed)
          if side.system is None
          else study.start(levels)
        )
        if outcome is None:
          return []
        system = side.system or outcomes.TRAINED
        terms.append(_Term(sign / len(side.levels), outcome, system))
  return terms


def _comparable(terms: Sequence[_Term], task: str, figure: str) -> bool:
  """Whether seen and unseen mean the same languages on all sides."""
  if figure_names.parse(figure)[0] not in ("macro_seen", "macro_unseen"):
    return True
  return len({x.outcome.trained_languages(task) for x in terms}) == 1


def _sums(
  study: outcomes.Study,
  terms: Sequence[_Term],
  task: str,
  figure: str,
  figures: Collection[str],
) -> tuple[clusters.Clustered, clusters.Clustered] | None:
  """Weighted sums of both sides; None where one has no clusters."""
  sides: dict[bool, list[clusters.Clustered]] = {True: [], False: []}
  for term in terms:
    read = study.samples(term.outcome, task, term.system, figures)
    if figure not in read:
      return None
    sample = read[figure]
    sides[term.weight > 0].append(
      dataclasses.replace(sample, sums_AC=abs(term.weight) * sample.sums_AC)
    )
  return _added(sides[True]), _added(sides[False])


def _added(samples: Sequence[clusters.Clustered]) -> clusters.Clustered:
  """The sum of paired samples; raises ValueError where they are not paired."""
  total, *rest = samples
  for sample in rest:
    # a - (-b): the one place that checks that two samples are paired.
    negative = dataclasses.replace(sample, sums_AC=-sample.sums_AC)
    total = clusters.difference(total, negative)
  return total


def _mean(samples: Sequence[clusters.Clustered]) -> clusters.Clustered:
  total = _added(samples)
  return dataclasses.replace(total, sums_AC=total.sums_AC / len(samples))


def _adjust(rows: Sequence[dict[str, Any]]) -> None:
  """Adds `p_holm` to every figure of every row."""
  families: dict[Any, list[dict[str, Any]]] = {}
  for row in rows:
    for figure, found in row["figures"].items():
      family = (row["grid"], row["task"], figure)
      families.setdefault(family, []).append(found)
  for family in families.values():
    put_holm(family)


def put_holm(family: Sequence[dict[str, Any]]) -> None:
  """Adds to each its `p` adjusted for all of them; None is no test."""
  adjusted = significance.holm(
    [math.nan if x["p"] is None else x["p"] for x in family]
  )
  for found, p in zip(family, adjusted.tolist(), strict=True):
    found["p_holm"] = None if math.isnan(p) else p
