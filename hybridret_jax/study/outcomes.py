"""What the finished cells of a study found, read for its report."""

import dataclasses
import itertools
import logging
import pathlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np

from hybridret_jax.assembly import detail
from hybridret_jax.reporting import results
from hybridret_jax.retrieval import clusters, uncertainty
from hybridret_jax.study import design, figure_names

_LOG = logging.getLogger(__name__)
TRAINED = "trained"
DIRECTIONS = "directions"


@dataclasses.dataclass(frozen=True)
class Finished:
  """A finished cell, and the run folder that holds what it found."""

  cell: design.Cell
  folder: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Grid:
  """Axes in the order written, each with its levels, and the seeds."""

  name: str
  axes: dict[str, tuple[str, ...]]
  seeds: tuple[int, ...]

  def combinations(
    self, fixed: Mapping[str, str] | None = None
  ) -> list[dict[str, str]]:
    """Every choice of a level per axis, the last axis changing fastest."""
    fixed = fixed or {}
    levels = [
      (fixed[axis],) if axis in fixed else mine
      for axis, mine in self.axes.items()
    ]
    return [
      dict(zip(self.axes, chosen, strict=True))
      for chosen in itertools.product(*levels)
    ]


@dataclasses.dataclass(frozen=True)
class Outcome:
  """A run folder and its results.json by task."""

  name: str
  folder: pathlib.Path
  tasks: dict[str, dict[str, Any]]

  def figures(self, task: str, system: str) -> dict[str, Any] | None:
    """What the evaluation measured; None where it was not judged."""
    return self.tasks.get(task, {}).get("systems", {}).get(system)

  def value(self, task: str, system: str, figure: str) -> float | None:
    """One figure; None where there is none."""
    found = self.figures(task, system)
    return None if found is None else figure_names.value(found, figure)

  def trained_languages(self, task: str) -> tuple[str, ...]:
    """The task's languages that were trained on; () where not known."""
    found = self.tasks.get(task)
    if found is None:
      return ()
    there = next(iter(found["systems"].values()))["languages"]
    known = found["model"].get("training_languages") or ()
    return tuple(x for x in there if x in known)


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
  """The finished cells of every grid, and those of the untrained start.

  Attributes:
    grids: by name.
    cells: by grid, levels in the order of its axes, and seed.
    starts: (levels, cell); the levels say which cells it is the start of.
    tasks: names, in the order of the config's.
  """

  grids: dict[str, Grid]
  cells: dict[tuple[str, tuple[str, ...], int], Outcome]
  starts: list[tuple[dict[str, str], Outcome]]
  tasks: list[str]
  _samples: dict[Any, dict[str, clusters.Clustered | None]] = dataclasses.field(
    default_factory=dict
  )
  _unread: set[str] = dataclasses.field(default_factory=set)

  def outcomes(self) -> list[Outcome]:
    """Those of all cells, then those of the starts."""
    return [*self.cells.values(), *(x for _, x in self.starts)]

  def outcome(
    self, grid: str, levels: Mapping[str, str], seed: int
  ) -> Outcome | None:
    """A cell's outcome; None where it is not finished."""
    place = tuple(levels[axis] for axis in self.grids[grid].axes)
    return self.cells.get((grid, place, seed))

  def start(self, levels: Mapping[str, str]) -> Outcome | None:
    """The start of the cells with these levels; None where it is missing."""
    for mine, outcome in self.starts:
      if all(levels.get(axis) == level for axis, level in mine.items()):
        return outcome
    return None

  def samples(
    self, outcome: Outcome, task: str, system: str, figures: Collection[str]
  ) -> dict[str, clusters.Clustered]:
    """Clustered sums by figure, and of all directions under `DIRECTIONS`.

    Empty where the task has no clusters or no query was kept. A file is read
    once for all `figures`, so each call of a study should name the same.
    """
    known = self._samples.setdefault((outcome.folder, task, system), {})
    wanted = [x for x in (*figures, DIRECTIONS) if x not in known]
    if wanted:
      known |= dict.fromkeys(wanted)
      try:
        known |= _read_samples(outcome, task, system, wanted)
      except (FileNotFoundError, ValueError) as error:
        if task not in self._unread:
          _LOG.warning("%s: no tests by question group: %s.", task, error)
        self._unread.add(task)
    return {key: sample for key, sample in known.items() if sample is not None}


def read(
  config: ml_collections.ConfigDict,
  finished: Sequence[Finished],
) -> Study:
  """Reads every finished cell's results.

  Args:
    config: the study's.
    finished: its finished cells in any order; those named start or
      start/AXIS=LEVEL hold the untrained model.

  Raises:
    Fault: cells were judged on different tasks of one name.
  """
  grid_by_name = grids(config)
  cells, starts = {}, []
  for one in finished:
    outcome = _outcome(one.cell.names[0], one.folder)
    if design.is_start(one.cell):
      starts.append((_start_levels(outcome.name), outcome))
    for name, levels in one.cell.factors.items():
      if name in grid_by_name:
        place = tuple(levels[axis] for axis in grid_by_name[name].axes)
        cells[name, place, one.cell.seed] = outcome
  # The most particular first: it is the start of what it names.
  starts.sort(key=lambda x: -len(x[0]))
  outcomes = [*cells.values(), *(x for _, x in starts)]
  names = {task for outcome in outcomes for task in outcome.tasks}
  _check_tasks(outcomes, names)
  specs = [results.slug(x) for x in config.run.evaluation.tasks]
  ordered = sorted(names, key=lambda task: (_place(task, specs), task))
  return Study(grid_by_name, cells, starts, ordered)


def _check_tasks(outcomes: Sequence[Outcome], names: Collection[str]) -> None:
  for name in sorted(names):
    found = {str(x.folder): x.tasks[name] for x in outcomes if name in x.tasks}
    results.check_tasks(found)
    unverified = results.unverified(found)
    if unverified:
      _LOG.warning("%s: %s", name, unverified)


def grids(config: ml_collections.ConfigDict) -> dict[str, Grid]:
  """The grids of a study's config by name."""
  return {
    name: Grid(
      name,
      {axis: tuple(level for level, _ in levels) for axis, levels in grid.axes},
      tuple(grid.seeds),
    )
    for name, grid in config.grids.items()
  }


def clustered(
  values: uncertainty.Values, figure: str, seen: Collection[str]
) -> clusters.Clustered | None:
  """Clustered sums of one macro figure; None where it has no query.

  Args:
    values: of a system, query by query.
    figure: as `figure_names` names it; a bias has no values of queries.
    seen: languages that were trained on.
  """
  part, setting, metric = figure_names.parse(figure)
  if part == "bias":
    return None
  seen_X = np.array([x in seen for x in values.languages])
  if setting == "multilingual_pool":
    found, mask = values.pool_Q.get(metric), np.ones_like(seen_X)
    both = seen_X
  else:
    found = values.directions_QX.get(metric)
    own_XX = np.eye(len(seen_X), dtype=bool)
    mask = own_XX if setting == "monolingual" else ~own_XX
    # A direction counts as seen if both its languages are.
    both = seen_X[:, None] & seen_X[None, :]
  if found is None:
    return None
  if part != "macro":
    mask = mask & (both if part == "macro_seen" else ~both)
  made = clusters.of_queries(
    found,
    values.query_language_Q,
    values.cluster_Q,
    values.languages,
    mask=mask,
  )
  return made if made.cells else None


def _read_samples(
  outcome: Outcome, task: str, system: str, figures: Iterable[str]
) -> dict[str, clusters.Clustered | None]:
  found = outcome.tasks[task]["systems"][system]
  rows = results.load_per_query(outcome.folder / "results" / task, system)
  values = detail.values(rows, found["languages"])
  seen = outcome.trained_languages(task)
  return {
    figure: values.directions("map")
    if figure == DIRECTIONS
    else clustered(values, figure, seen)
    for figure in figures
  }


def _outcome(name: str, folder: pathlib.Path) -> Outcome:
  found = sorted(folder.glob(f"results/*/{results.FILE}"))
  return Outcome(
    name,
    folder,
    {path.parent.name: results.load(path.parent) for path in found},
  )


def _start_levels(name: str) -> dict[str, str]:
  """The levels in start/AXIS=LEVEL."""
  pairs = (part.partition("=") for part in name.split("/")[1:])
  return {axis: level for axis, _, level in pairs}


def _place(task: str, specs: Sequence[str]) -> int:
  """Which of evaluation.tasks a task's name came from."""
  there = [i for i, spec in enumerate(specs) if results.slug(task) in spec]
  return there[0] if there else len(specs)
