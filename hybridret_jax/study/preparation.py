"""Everything that a study needs, made and checked before its first cell."""

import logging
import pathlib
from collections.abc import Iterator, Sequence

import ml_collections

from hybridret_jax.assembly import check, check_inputs, inputs
from hybridret_jax.ground import leases, writing
from hybridret_jax.study import claims, design
from hybridret_jax.study.domains import datasets

_LOG = logging.getLogger(__name__)


def prepare(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
  """Makes the study's data, unless it is there; another that does is awaited.

  It is made aside and renamed, so `data/` is whole wherever it is.

  Raises:
    ValueError: the sources do not give it; FileNotFoundError: they are missing.
  """
  target = workdir / "data"
  if not config.data or target.is_dir():
    return
  with leases.in_turn(
    workdir / ".preparing",
    lease_seconds=config.lease_seconds,
    waiting=lambda: _LOG.info("Another process prepares %s.", target),
  ):
    if target.is_dir():
      return
    _LOG.info("Preparing %s.", target)
    with writing.replacing_folder(target) as aside:
      datasets.prepare(
        aside,
        folder=pathlib.Path(config.run.data.folder).expanduser(),
        **config.data,
      )


def whole(
  config: ml_collections.ConfigDict,
  cells: Sequence[design.Cell],
  workdir: pathlib.Path,
) -> None:
  """Raises one ValueError that lists what is wrong, with the cells it is in.

  Claims and tests, then each cell's config, then whether its data can fill its
  batches. The data have to be there: `prepare` comes first.
  """
  claims.check(config)
  found: dict[str, list[str]] = {}
  sound, read = [], inputs.Inputs()
  for cell in cells:
    try:
      run = design.run_config(config, cell, workdir)
      check.without_batches(run, design.modes(config, cell), read)
      sound.append((cell, run))
    except ValueError as error:
      found.setdefault(str(error), []).append(cell.name)
  trained = [
    (cell, run) for cell, run in sound if "train" in design.modes(config, cell)
  ]
  for problem, cell in _infeasible(trained, read):
    found.setdefault(problem, []).append(cell.name)
  if found:
    lines = [f"{design.some(names)}: {text}" for text, names in found.items()]
    raise ValueError("the study cannot run:\n- " + "\n- ".join(lines))


def _infeasible(
  runs: Sequence[tuple[design.Cell, ml_collections.ConfigDict]],
  read: inputs.Inputs,
) -> Iterator[tuple[str, design.Cell]]:
  """(problem, cell) of all whose batches cannot be made; data are read once."""
  alike: dict[str, list] = {}
  for cell, run in runs:
    parts = run.data, run.validation, run.batches
    data = repr([part.to_dict() for part in parts])
    alike.setdefault(data, []).append((cell, run))
  for pairs in alike.values():
    for problem in check_inputs.of_batches(pairs[0][1], read):
      yield from ((problem, cell) for cell, _ in pairs)
