"""A study's grids to cells: each run's config, its key and its names."""

import dataclasses
import hashlib
import itertools
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import ml_collections

START = "start"
START_SYSTEMS = ("untrained", "untrained_means_subtracted", "untrained_lir_1")
# Where a cell's config names the study's own folder.
STUDY = "{study}"
# Settings that change no number, and may differ between machines.
FREE = (
  "cache",
  "export",
  "mesh",
  "data.folder",
  "train.log_every",
  "train.keep",
)
_INIT = "model.init"

Overrides = tuple[tuple[str, Any], ...]


@dataclasses.dataclass(frozen=True)
class Cell:
  """One run of a study.

  Attributes:
    key: what its settings hash to: equal cells are one, of whatever grid.
    names: one for each grid that has it, such as
      primary/domain=legal/strategy=hybrid/seed=0; of a start, start or
      start/AXIS=LEVEL.
    factors: grid -> {axis: level}; empty for a start.
    seed: of the run.
    overrides: (dotted key, value) of what the grid sets.
  """

  key: str
  names: tuple[str, ...]
  factors: dict[str, dict[str, str]]
  seed: int
  overrides: Overrides

  @property
  def name(self) -> str:
    """The first of its names."""
    return self.names[0]


def cells(config: ml_collections.ConfigDict) -> list[Cell]:
  """Every cell of a study: the starts, then all cells of a seed, seed by seed.

  So a study that is stopped at any point is about balanced. A start is the
  model before training, judged once; where an axis sets model.init there is
  one for each of its levels.

  Raises:
    ValueError: a grid that is not laid out as docs/study.md says, that sets
      what is no setting, or that has the same run twice.
  """
  found: dict[str, Cell] = {}
  for cell in itertools.chain(_starts(config), _of_grids(config)):
    before = found.get(cell.key)
    found[cell.key] = _joined(before, cell) if before else cell
  return list(found.values())


def is_start(cell: Cell) -> bool:
  """Whether the cell judges a model before training."""
  return not cell.factors


def modes(config: ml_collections.ConfigDict, cell: Cell) -> tuple[str, ...]:
  """What is done in a cell, in order."""
  return ("evaluate",) if is_start(cell) else tuple(config.modes)


def find(among: Sequence[Cell], wanted: str) -> Cell:
  """The cell with that key, name or index.

  Raises:
    ValueError: there is none.
  """
  for cell in among:
    if wanted == cell.key or wanted in cell.names:
      return cell
  if wanted.isdecimal() and int(wanted) < len(among):
    return among[int(wanted)]
  raise ValueError(
    f"no cell {wanted!r}; give the key, the name or the index (0 to"
    f" {len(among) - 1}) of one that --dry_run lists"
  )


def run_config(
  config: ml_collections.ConfigDict, cell: Cell, workdir: pathlib.Path
) -> ml_collections.ConfigDict:
  """The whole config of a cell's run, with the study's folder filled in."""
  run = _resolved(config, cell.overrides, cell.seed, start=is_start(cell))
  with run.unlocked():
    _place(run, str(workdir.absolute()))
  return run


def some(names: Sequence[str]) -> str:
  """Three of the names, and how many more there are."""
  more = f" and {len(names) - 3} more" if len(names) > 3 else ""
  return ", ".join(names[:3]) + more


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
  """A tree of dicts by dotted key."""
  if not isinstance(tree, dict):
    return {prefix[:-1]: tree}
  return {
    key: value
    for name, child in tree.items()
    for key, value in flat(child, f"{prefix}{name}.").items()
  }


def changes_numbers(key: str) -> bool:
  """Whether a setting of a run can change its figures."""
  return not any(key == free or key.startswith(f"{free}.") for free in FREE)


def _starts(config) -> Iterator[Cell]:
  levels, needed = [], False
  for grid, axes, _ in _grids(config):
    mine = [
      (f"{START}/{axis}={level}", overrides)
      for axis, options in axes
      for level, overrides in options
      if any(key == _INIT for key, _ in overrides)
    ]
    levels += mine
    needed |= not mine
    if grid == START:
      raise ValueError(f"a grid is called {START!r}; give it another name")
  for name, overrides in [(START, ())] * needed + levels:
    run = _resolved(config, overrides, 0, start=True)
    key = _key(run, "start", ("evaluate",))
    yield Cell(key, (name,), {}, 0, overrides)


def _of_grids(config) -> Iterator[Cell]:
  known: dict[tuple[str, str], str] = {}
  grids = list(_grids(config))
  for seed in dict.fromkeys(seed for *_, seeds in grids for seed in seeds):
    for grid, axes, seeds in grids:
      if seed not in seeds:
        continue
      for chosen in itertools.product(*(options for _, options in axes)):
        factors = {
          axis: level
          for (axis, _), (level, _) in zip(axes, chosen, strict=True)
        }
        parts = [f"{axis}={level}" for axis, level in factors.items()]
        name = "/".join([grid, *parts, f"seed={seed}"])
        overrides = tuple(pair for _, pairs in chosen for pair in pairs)
        try:
          run = _resolved(config, overrides, seed)
        except ValueError as error:
          raise ValueError(f"{name}: {error}") from error
        key = _key(run, "run", tuple(config.modes))
        if known.setdefault((grid, key), name) != name:
          raise ValueError(
            f"{known[grid, key]} and {name} are the same run; drop a level of"
            " an axis that changes nothing there"
          )
        yield Cell(key, (name,), {grid: factors}, seed, overrides)


def _grids(config) -> Iterator[tuple[str, list, tuple[int, ...]]]:
  """(name, axes, seeds) of each grid, checked."""
  for grid, given in config.grids.items():
    axes = [
      (axis, [(level, tuple(pairs)) for level, pairs in options])
      for axis, options in given.axes
    ]
    words = [grid]
    for axis, options in axes:
      levels = [level for level, _ in options]
      words += [axis, *levels]
      if not levels or len(set(levels)) < len(levels):
        raise ValueError(
          f"grid {grid}, axis {axis}: levels {levels}; give one or more, each"
          " once"
        )
    for word in words:
      if not isinstance(word, str) or not word or set(word) & set("/= "):
        raise ValueError(
          f"grid {grid}: {word!r} cannot name a grid, an axis or a level; use"
          " letters, digits, - and _"
        )
    if len({axis for axis, _ in axes}) < len(axes):
      raise ValueError(f"grid {grid} names an axis twice; join the two")
    if not given.seeds or len(set(given.seeds)) < len(given.seeds):
      raise ValueError(
        f"grid {grid} has seeds {tuple(given.seeds)}; give one or more, each"
        " once"
      )
    yield grid, axes, tuple(given.seeds)


def _resolved(config, overrides, seed, *, start=False):
  """The run's config with its overrides, `STUDY` as it stands."""
  run = config.run.copy_and_resolve_references()
  with run.unlocked():
    run.seed = seed
    run.evaluation.run_depth = config.get("run_depth", 0)
    run.evaluation.figures = False
    run.evaluation.keep_vectors = False
    if start:
      run.evaluation.systems = START_SYSTEMS
  run.lock()
  for key, value in overrides:
    if key == "seed":
      raise ValueError("an axis sets seed; write the grid's seeds instead")
    try:
      run.update_from_flattened_dict({key: value})
    except (KeyError, TypeError, AttributeError) as error:
      raise ValueError(f"{key} = {value!r}: {error.args[0]}") from error
  return run


def _key(run, kind, done) -> str:
  settings = {
    key: value
    for key, value in flat(json.loads(run.to_json_best_effort())).items()
    if changes_numbers(key)
  }
  whole = json.dumps([kind, done, settings], sort_keys=True)
  return hashlib.sha256(whole.encode()).hexdigest()[:12]


def _joined(one: Cell, other: Cell) -> Cell:
  names = tuple(dict.fromkeys((*one.names, *other.names)))
  factors = {**one.factors, **other.factors}
  return dataclasses.replace(one, names=names, factors=factors)


def _place(tree, folder) -> None:
  for key, value in tree.items():
    if isinstance(value, ml_collections.ConfigDict):
      _place(value, folder)
    elif (placed := _placed(value, folder)) != value:
      tree[key] = placed


def _placed(value, folder):
  if isinstance(value, str):
    return value.replace(STUDY, folder)
  if isinstance(value, tuple | list):
    return type(value)(_placed(item, folder) for item in value)
  return value
