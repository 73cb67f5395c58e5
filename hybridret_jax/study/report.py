"""The finished cells of a study to one comparison on disk."""

import logging
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections

from hybridret_jax.study import (
  alpha,
  claims,
  comparisons,
  design,
  figure_names,
  joining,
  outcomes,
  rejudging,
  report_files,
  summary,
)

_LOG = logging.getLogger(__name__)
SCHEMA = 1
DIGITS = 6  # Significant ones; what is beyond is of no use.


def write(
  config: ml_collections.ConfigDict,
  finished: Sequence[outcomes.Finished],
  out: pathlib.Path,
  *,
  parts: Mapping[str, Mapping[str, Any]] | None = None,
) -> pathlib.Path:
  """Writes the page, study.md, study.tex, study.json and the figures.

  Two studies that found the same give equal bytes of study.json but for what
  stands under `costs`, whatever order their cells were finished in.

  Args:
    config: of the study.
    finished: its finished cells; those of the untrained start may be among
      them.
    out: the folder that is written.
    parts: study.json of other parts of the study by where it is from, to be
      joined (see `joining.join`).

  Returns:
    The page.

  Raises:
    ValueError: a claim or comparison cannot be judged, results are not what
      `reporting.results` reads, or a part is of another study.
  """
  found = collect(config, finished)
  if parts:
    parts = {
      place: rejudging.judged(config, part) for place, part in parts.items()
    }
    found = _rounded(joining.join(design.cells(config), found, parts))
  page = report_files.save(out, found)
  _LOG.info("%s: %d cells", page, found["finished"])
  return page


def collect(
  config: ml_collections.ConfigDict,
  finished: Sequence[outcomes.Finished],
) -> dict[str, Any]:
  """All that the page shows, as docs/results_schema.md describes study.json."""
  claims.check(config)
  cells = design.cells(config)
  places = {cell.key: place for place, cell in enumerate(cells)}
  # Workers finish cells in any order; what is written has one.
  finished = sorted(
    finished, key=lambda x: (places.get(x.cell.key, len(cells)), x.cell.key)
  )
  there = {one.cell.key for one in finished}
  missing = [cell for cell in cells if cell.key not in there]
  study = outcomes.read(config, finished)
  level = comparisons.level_of(config)
  figures = list(figure_names.HEADLINE)
  figures += [claim["figure"] for claim in config.claims]
  grids = [summary.grid(study, name, level=level) for name in study.grids]
  found = {
    "schema": SCHEMA,
    "name": config.name,
    "cells": len(cells),
    "finished": len(cells) - len(missing),
    "missing": [{"key": x.key, "names": list(x.names)} for x in missing],
    "level": level,
    "tasks": [summary.task(study, name) for name in study.tasks],
    "grids": grids,
    "starts": [
      summary.start(levels, outcome) for levels, outcome in study.starts
    ],
    "claims": claims.judge(study, config, figures),
    "tests": comparisons.compare_all(study, config, figures),
    "alpha": alpha.curves(grids),
    "notes": list(config.notes),
    "versions": summary.versions(
      pair
      for outcome in study.outcomes()
      for judged in outcome.tasks.values()
      for pair in judged["versions"].items()
    ),
    "rerun": _command(config),
    "costs": summary.costs(study, grids),
  }
  return _rounded(found)


def _command(config: ml_collections.ConfigDict) -> str:
  """What runs the study; without this machine's paths."""
  words = ["python -m hybridret_jax.main --mode=study"]
  words.append(f"--config=configs/study/{config.name}.py")
  words.append(f"--workdir=runs/{config.name}")
  if not all(x.startswith("cldr:") for x in config.run.data.sources):
    words.append("--config.run.data.folder=DATA")
  return " ".join(words)


def _rounded(value: Any) -> Any:
  if isinstance(value, float):
    return float(f"{value:.{DIGITS}g}")
  if isinstance(value, Mapping):
    return {key: _rounded(item) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [_rounded(item) for item in value]
  return value
