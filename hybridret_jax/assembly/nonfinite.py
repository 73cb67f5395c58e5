"""What is kept of a step whose loss or gradient is no number, to replay it.

`nonfinite/STEP/` in the run's folder has `bundle.json` and, unless the run had
none yet, the checkpoint that the step is reached from. Batches follow from
config and data, so no batch is kept.
"""

import dataclasses
import json
import os
import pathlib
import shutil
from typing import Any

from hybridret_jax.ground import faults, writing
from hybridret_jax.training import checkpoint
from hybridret_jax.training import step as steps

FOLDER, FILE, CHECKPOINTS = "nonfinite", "bundle.json", "checkpoints"
SCHEMA = 1


@dataclasses.dataclass(frozen=True)
class Bundle:
  """What is known of such a step.

  Attributes:
    folder: of the bundle.
    step: counted from 1.
    kind: of its batch.
    loss: as text: "nan", "inf" or a number.
    gradient_norm: likewise.
    batch: the digest of its batch.
    start: step of the checkpoint; 0 is the run's start.
  """

  folder: pathlib.Path
  step: int
  kind: str
  loss: str
  gradient_norm: str
  batch: str
  start: int

  @property
  def checkpoints(self) -> pathlib.Path:
    """The folder of the checkpoint."""
    return self.folder / CHECKPOINTS


def keep(workdir: pathlib.Path, found: steps.NonFinite, batch: str) -> Bundle:
  """Writes the bundle of a step; the run's checkpoints are all written.

  Args:
    workdir: of the run.
    found: the step.
    batch: the digest of its batch.
  """
  before = [
    one.step
    for one in checkpoint.saved(workdir / "checkpoints")
    if one.step < found.step
  ]
  start = max(before, default=0)
  target = workdir / FOLDER / str(found.step)
  about = {
    "schema": SCHEMA,
    "step": found.step,
    "kind": found.kind,
    "loss": str(found.loss),
    "gradient_norm": str(found.gradient_norm),
    "batch": batch,
    "start": start,
  }
  with writing.replacing_folder(target) as aside:
    if start:
      shutil.copytree(
        workdir / "checkpoints" / str(start),
        aside / CHECKPOINTS / str(start),
        copy_function=_link,
      )
    (aside / FILE).write_text(json.dumps(about, indent=2) + "\n", "utf-8")
  return _of(target, about)


def told(found: steps.NonFinite, bundle: Bundle) -> FloatingPointError:
  """The error that ends a run, with what to do."""
  run = bundle.folder.parents[1]
  return FloatingPointError(
    f"{found}, digest {bundle.batch}; replay --workdir={run} goes there again"
    f" from {bundle.folder}. Go on past it with"
    " --config.train.skip_nonfinite=1, or lower optimizer.learning_rate or"
    " raise loss.temperature in another --workdir"
  )


def find(workdir: pathlib.Path, step: int | None = None) -> Bundle:
  """The bundle of a step; of the last one by default.

  Raises:
    Fault: there is none, or it cannot be read.
  """
  folder = workdir / FOLDER
  there = [int(x.name) for x in folder.glob("*") if x.name.isdecimal()]
  if not there:
    raise faults.Fault(
      folder,
      "no step of this run had a loss or a gradient that is no number",
      "replay one that had",
    )
  if step is not None and step not in there:
    raise faults.Fault(
      "--bundle",
      f"there is none of step {step}",
      f"give one of {', '.join(map(str, sorted(there)))}",
    )
  place = folder / str(max(there) if step is None else step)
  try:
    about = json.loads((place / FILE).read_text("utf-8"))
    if about["schema"] != SCHEMA:
      raise ValueError(f"schema {about['schema']}")
    return _of(place, about)
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise faults.Fault(
      place / FILE,
      f"cannot be read ({error!r})",
      "train again in a copy of the run to have it made anew",
    ) from error


def _of(folder, about: dict[str, Any]) -> Bundle:
  fields = [x.name for x in dataclasses.fields(Bundle) if x.name != "folder"]
  return Bundle(folder, **{name: about[name] for name in fields})


def _link(source: str, target: str) -> str:
  """A second name of a file that is never changed; a copy if none can be."""
  try:
    os.link(source, target)
  except OSError:
    shutil.copy2(source, target)
  return target
