"""Trackers that a run's figures also go to: W&B, MLflow and Trackio."""

import contextlib
import importlib.util
import json
import logging
import os
import pathlib
import re
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from hybridret_jax.ground import faults, writing
from hybridret_jax.parallel import hosts

FILE = "trackers.json"  # In the run's folder: which run of theirs it is.
_LOG = logging.getLogger(__name__)
_PARAMS_A_CALL = 100  # MLflow's most.


class Tracker(Protocol):
  """A run of a tracker that is open.

  Attributes:
    id: what it is found by when training goes on.
    place: where it is seen.
  """

  id: str
  place: str

  def write(self, step: int, numbers: Mapping[str, float]) -> None:
    """Logs numbers of one step."""
    ...

  def close(self, failed: bool) -> None:
    """Ends it, as failed or as done."""
    ...


def problems(trackers: Sequence[str]) -> Iterator[str]:
  """What is wrong with the names of trackers, each with its mend."""
  for name in trackers:
    if name not in _KINDS:
      yield (
        f"tracking.trackers names {name!r}; choose from {', '.join(_KINDS)}"
      )
  if len(set(trackers)) < len(trackers):
    yield f"tracking.trackers {tuple(trackers)} names one twice; name it once"


def missing(trackers: Sequence[str]) -> Iterator[str]:
  """Which trackers are not installed here, each with its mend."""
  for name in trackers:
    if name in _KINDS and importlib.util.find_spec(name) is None:
      yield (
        f"tracking.trackers names {name!r}, which is not installed; pip install"
        f" 'hybridret_jax[{name}]'"
      )


def start(
  folder: str | os.PathLike,
  settings: Mapping[str, Any],
  *,
  trackers: Sequence[str] = (),
  project: str = "hybridret_jax",
  name: str = "",
) -> list[Tracker]:
  """The trackers of a run, open; those of a run that goes on go on as well.

  What says where figures go, and lets them in, is each tracker's own:
  WANDB_API_KEY or `wandb login`, WANDB_MODE; MLFLOW_TRACKING_URI;
  TRACKIO_SPACE_ID, TRACKIO_DIR. None of it is read or kept here. Of several
  processes only the first one has trackers.

  Args:
    folder: of the run.
    settings: of the run, by dotted key, shown beside its figures.
    trackers: some of "wandb", "mlflow" and "trackio", each an extra.
    project: W&B's and Trackio's project, MLflow's experiment.
    name: what the run is called there; empty: as its folder.

  Raises:
    Fault: one cannot be started.
  """
  if not trackers or not hosts.is_first():
    return []
  folder = pathlib.Path(folder)
  folder.mkdir(parents=True, exist_ok=True)
  known = _known(folder / FILE)
  opened: dict[str, Tracker] = {}
  for kind in trackers:
    before = known.get(kind, {})
    try:
      opened[kind] = _KINDS[kind](
        folder.absolute(),
        settings,
        project,
        name or folder.resolve().name,
        before.get("id") if before.get("project") == project else None,
      )
    except Exception as error:  # Whatever their clients raise.
      for one in opened.values():
        one.close(failed=True)
      raise faults.Fault(
        f"tracking.trackers {kind!r}",
        f"cannot be started: {type(error).__name__}: {error}",
        "set it up (docs/running.md), or leave it out: metrics.jsonl has all",
      ) from error
    known[kind] = {"project": project, "id": opened[kind].id}
    _LOG.info("Figures also go to %s: %s", kind, opened[kind].place)
  writing.write(folder / FILE, json.dumps(known, indent=2) + "\n")
  return list(opened.values())


def _known(path: pathlib.Path) -> dict[str, Any]:
  """Which runs a folder's trackers have; {} where nobody can say."""
  try:
    found = json.loads(path.read_text("utf-8"))
  except FileNotFoundError:
    return {}
  except ValueError as error:
    raise faults.Fault(
      path, f"is no JSON ({error})", "remove it: new runs are begun there"
    ) from error
  return found if isinstance(found, dict) else {}


class _Wandb:
  def __init__(self, folder, settings, project, name, known):
    import wandb  # pyright: ignore[reportMissingImports]

    quiet = wandb.Settings(console="off", silent=True)
    self._run = wandb.init(
      project=project,
      name=name,
      id=known,
      resume="allow",
      dir=str(folder),
      config={**settings},
      allow_val_change=True,
      settings=quiet,
    )
    # W&B's own step only grows: a run that goes on from a checkpoint repeats.
    self._run.define_metric("*", step_metric="step")
    self.id = self._run.id
    self.place = self._run.url or str(self._run.settings.sync_dir)

  def write(self, step, numbers):
    self._run.log({"step": step, **numbers})

  def close(self, failed):
    self._run.finish(exit_code=int(failed))


class _Mlflow:
  def __init__(self, folder, settings, project, name, known):
    import mlflow  # pyright: ignore[reportMissingImports]

    del folder
    self._entities = mlflow.entities
    self._client = mlflow.MlflowClient()
    if known:
      self._client.update_run(known, status="RUNNING")
      self.id = known
    else:
      found = self._client.get_experiment_by_name(project)
      experiment = (
        found.experiment_id
        if found
        else self._client.create_experiment(project)
      )
      self.id = self._client.create_run(experiment, run_name=name).info.run_id
      # What a run was begun with: MLflow's parameters never change.
      params = [
        mlflow.entities.Param(key, str(value))
        for key, value in settings.items()
      ]
      for first in range(0, len(params), _PARAMS_A_CALL):
        part = params[first : first + _PARAMS_A_CALL]
        self._client.log_batch(self.id, params=part)
    self.place = f"{mlflow.get_tracking_uri()}, run {self.id}"

  def write(self, step, numbers):
    now = int(time.time() * 1000)
    # It takes no @ and the like in a name.
    self._client.log_batch(
      self.id,
      metrics=[
        self._entities.Metric(
          re.sub(r"[^\w\-.: /]", "_", key), value, now, step
        )
        for key, value in numbers.items()
      ],
    )

  def close(self, failed):
    self._client.set_terminated(self.id, "FAILED" if failed else "FINISHED")


class _Trackio:
  def __init__(self, folder, settings, project, name, known):
    import trackio  # pyright: ignore[reportMissingImports]

    del folder
    # It knows a run by its name alone, and another folder may have the same.
    name = known or f"{name}-{uuid.uuid4().hex[:6]}"
    with contextlib.redirect_stdout(sys.stderr):
      self._run = trackio.init(
        project=project,
        name=name,
        resume="allow",
        config={**settings},
        embed=False,
      )
    self.id = self._run.name
    self.place = f"project {project}, run {self.id} (trackio show)"

  def write(self, step, numbers):
    self._run.log({**numbers}, step=step)

  def close(self, failed):
    del failed  # It knows no such thing.
    self._run.finish()


_KINDS = {"wandb": _Wandb, "mlflow": _Mlflow, "trackio": _Trackio}
