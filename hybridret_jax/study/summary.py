"""What a study's cells found, averaged over seeds, as plain data."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hybridret_jax.reporting import results, tables, throughput
from hybridret_jax.retrieval import significance
from hybridret_jax.study import figure_names, ledger, outcomes

DIGITS = 12  # Of a figure: what is beyond comes of rounding.


def grid(study: outcomes.Study, name: str, *, level: float) -> dict[str, Any]:
  """A grid: `name`, `axes`, `seeds` and its `groups`, the levels of its axes.

  A group has `levels`, the seeds that are `finished` and `missing`, and by task
  `figures` (see `spread`), `mean` (figures by direction, see `mean_figures`)
  and `training_languages`. Only finished cells are averaged.
  """
  found = study.grids[name]
  groups = []
  for levels in found.combinations():
    there = {
      str(seed): outcome
      for seed in found.seeds
      if (outcome := study.outcome(name, levels, seed)) is not None
    }
    groups.append(
      {
        "levels": levels,
        "finished": list(there),
        "missing": [str(x) for x in found.seeds if str(x) not in there],
        "tasks": {
          task: _group_task(task, there, level=level) for task in study.tasks
        },
      }
    )
  return {
    "name": name,
    "axes": [
      {"name": axis, "levels": list(levels)}
      for axis, levels in found.axes.items()
    ],
    "seeds": [str(seed) for seed in found.seeds],
    "groups": groups,
  }


def start(
  levels: Mapping[str, str], outcome: outcomes.Outcome
) -> dict[str, Any]:
  """The untrained model: `levels` that it is the start of, and `systems`.

  A system has `label` and by task `figures`, each with its one value as `mean`,
  and `mean` as a group has it.
  """
  labels = dict.fromkeys(
    label for found in outcome.tasks.values() for label in found["systems"]
  )
  systems = []
  for label in labels:
    there = {task: outcome.figures(task, label) for task in outcome.tasks}
    systems.append(
      {
        "label": label,
        "tasks": {
          task: {
            "figures": {
              figure: {"mean": number}
              for figure in figure_names.all_figures()
              if (number := figure_names.value(found, figure)) is not None
            },
            "mean": mean_figures([found]),
          }
          for task, found in there.items()
          if found is not None
        },
      }
    )
  return {"levels": dict(levels), "systems": systems}


def spread(by_seed: Mapping[str, float], *, level: float) -> dict[str, Any]:
  """Values of seeds: mean, sd, min, max and the mean's t interval.

  What there is no value of is None: sd and interval of one seed, all of none.
  """
  numbers = list(by_seed.values())
  found = dict.fromkeys(("mean", "sd", "min", "max", "low", "high"))
  if numbers:
    made = significance.seeds_interval(numbers, level=level)
    found |= {"mean": made.mean, "low": made.low, "high": made.high}
    found |= {"min": min(numbers), "max": max(numbers)}
  if len(numbers) > 1:
    found["sd"] = statistics.stdev(numbers)
  return {"by_seed": dict(by_seed), **found}


def mean_figures(systems: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
  """mAP by direction and of the pool, and top shares, averaged over systems.

  Nested as in results.json, so that what draws those draws these; None of
  none. What one of them lacks is left out.
  """
  if not systems:
    return None
  first = systems[0]
  shares = [x.get("bias", {}).get("top_shares") for x in systems]
  found: dict[str, Any] = {
    "languages": first["languages"],
    "directions": _mean_rows([x["directions"] for x in systems]),
    "pool": _mean_rows([x["pool"] for x in systems]),
  }
  if None not in shares:
    found["bias"] = {
      "top_shares": {
        "k": shares[0]["k"],
        "by_language": {
          query: _mean_of([x["by_language"].get(query, {}) for x in shares])
          for query in shares[0]["by_language"]
        },
        "pool": shares[0]["pool"],
      }
    }
  return found


def task(study: outcomes.Study, name: str) -> dict[str, Any]:
  """A task: `name`, `about`, `languages`, `notes` and what it is known by."""
  there = [
    outcome.tasks[name] for outcome in study.outcomes() if name in outcome.tasks
  ]
  figures = next(iter(there[0]["systems"].values()))
  return {
    "name": name,
    "about": tables.counts(there[0]),
    "languages": figures["languages"],
    "notes": sorted({note for found in there for note in found["notes"]}),
    results.TASK: next(
      (found[results.TASK] for found in there if found.get(results.TASK)), None
    ),
  }


def versions(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
  """Library -> its versions, of (library, version)."""
  found: dict[str, set[str]] = {}
  for name, version in pairs:
    found.setdefault(name, set()).add(version)
  return {name: sorted(found[name]) for name in sorted(found)}


def costs(
  study: outcomes.Study, grids: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
  """What the cells cost: `cells` by name, `groups`, and `seconds` of all.

  A cell has what `throughput.of_run` says and `cell_seconds`, all the time that
  it took; a group has the means over its cells.
  """
  cells = {}
  for outcome in study.outcomes():
    cells[outcome.name] = throughput.of_run(outcome.folder) | {
      "cell_seconds": _seconds(outcome)
    }
  groups = []
  for found in grids:
    for group in found["groups"]:
      there = [
        study.outcome(found["name"], group["levels"], int(seed))
        for seed in group["finished"]
      ]
      mean = _mean_costs([cells[x.name] for x in there if x is not None])
      groups.append(
        {"grid": found["name"], "levels": group["levels"], "mean": mean}
      )
  known = [x["cell_seconds"] for x in cells.values() if x["cell_seconds"]]
  return {
    "seconds": sum(known) if known else None,
    "groups": groups,
    "cells": cells,
  }


def _group_task(
  task: str, there: Mapping[str, outcomes.Outcome], *, level: float
) -> dict[str, Any]:
  figures = {
    seed: outcome.figures(task, outcomes.TRAINED)
    for seed, outcome in there.items()
  }
  known = {seed: x for seed, x in figures.items() if x is not None}
  values = {}
  for figure in figure_names.all_figures():
    by_seed = {
      seed: round(number, DIGITS)
      for seed, found in known.items()
      if (number := figure_names.value(found, figure)) is not None
    }
    if by_seed or figure in figure_names.HEADLINE:
      values[figure] = spread(by_seed, level=level)
  trained = [outcome.trained_languages(task) for outcome in there.values()]
  return {
    "figures": values,
    "mean": mean_figures(list(known.values())),
    "training_languages": list(trained[0]) if trained else [],
  }


def _mean_rows(
  rows: Sequence[Mapping[str, Mapping[str, Any]]],
) -> dict[str, dict[str, float]]:
  """The mean mAP of each row that all have a value in."""
  found = _mean_of(
    [{key: cell.get("map") for key, cell in one.items()} for one in rows]
  )
  return {key: {"map": number} for key, number in found.items()}


def _mean_of(rows: Sequence[Mapping[str, float | None]]) -> dict[str, float]:
  """The mean by key, where all rows have a value."""
  found = {}
  for key in rows[0]:
    values = [x for row in rows if (x := row.get(key)) is not None]
    if len(values) == len(rows):
      found[key] = float(np.mean(values))
  return found


def _mean_costs(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
  """Means of numbers over the cells that have them, and all texts."""
  found: dict[str, Any] = {}
  for key in dict.fromkeys(key for cell in cells for key in cell):
    values = [cell[key] for cell in cells if cell.get(key) is not None]
    if not values:
      found[key] = None
    elif isinstance(values[0], str):
      found[key] = ", ".join(dict.fromkeys(values))
    else:
      mean = float(np.mean(values))
      found[key] = int(mean) if mean.is_integer() else mean
  return found


def _seconds(outcome: outcomes.Outcome) -> float | None:
  """What done.json says that the cell took."""
  path = outcome.folder / ledger.DONE
  if not path.is_file():
    return None
  return json.loads(path.read_text("utf-8")).get("seconds")
