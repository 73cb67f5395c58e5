"""What looks at data and runs, as functions: nothing of a run is changed."""

import os
import pathlib
from typing import Any

import ml_collections

from hybridret_jax import checked
from hybridret_jax.verbs import audit as auditing
from hybridret_jax.verbs import inspect as inspecting
from hybridret_jax.verbs import replay as replaying

Path = str | os.PathLike


def inspect(config: ml_collections.ConfigDict, workdir: Path) -> dict[str, Any]:
  """Says what a config is about to train on, as a page and in figures.

  Args:
    config: the whole config; its model's weights are not needed.
    workdir: folder of the run; new, empty, or of a run that was begun so.

  Returns:
    What inspect.json holds (docs/data.md); inspect.html lies beside it.

  Raises:
    ValueError: listing all that is wrong with config, data and tasks.
  """
  config, folder, read = checked.to_inspect(config, workdir)
  return inspecting.inspect(config, folder, read)


def audit(
  config: ml_collections.ConfigDict | None,
  workdir: Path,
  *,
  steps: tuple[int, int] | None = None,
) -> int:
  """Composes a run's batches again and compares them with what it logged.

  Args:
    config: the whole config; None is the run's own.
    workdir: folder of the run.
    steps: the first and the last one, counted from 1; None is all.

  Returns:
    How many steps agree: all of them.

  Raises:
    Fault: the data are not what the run was trained on, a step was not logged,
      or some differ; names them.
  """
  folder = pathlib.Path(workdir)
  return auditing.audit(checked.own(config, folder), folder, steps=steps)


def replay(
  config: ml_collections.ConfigDict | None,
  workdir: Path,
  *,
  step: int | None = None,
) -> replaying.Replay:
  """Makes a step whose loss or gradient was no number again, on one device.

  Args:
    config: the whole config; None is the run's own.
    workdir: folder of the run.
    step: of a bundle in its folder `nonfinite`; None is the last.

  Returns:
    What came of it, with the parameters and texts that are concerned.

  Raises:
    Fault: there is no such bundle, or data, tokenizer, start or a batch are
      not what the run was trained with.
  """
  folder = pathlib.Path(workdir)
  return replaying.replay(checked.own(config, folder), folder, step=step)
