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
  """Counts, measures and shows what a config would be trained on.

  Writes `inspect/index.html` and `inspect/figures.json` into the folder.

  Args:
    config: the whole config.
    workdir: folder of the run, which may be yet to come.

  Returns:
    What is in figures.json; docs/data.md has its fields.

  Raises:
    ValueError: a setting, a source or a task cannot be used; all are named.
  """
  config, folder, read = checked.begin(config, workdir, ["train"])
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
