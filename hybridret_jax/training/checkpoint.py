"""Checkpoints of the train state: the last few and the best by a figure.

The run that trains opens its folder to write; all others only read: they make,
clean and delete nothing, and bear that checkpoints come and go meanwhile.
"""

import contextlib
import dataclasses
import json
import logging
import os
import pathlib
import shutil
import time
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
from orbax.checkpoint import v1 as ocp

from hybridret_jax.ground import faults
from hybridret_jax.parallel import hosts
from hybridret_jax.training import checkpoint_digests, checkpoint_folder

_LOG = logging.getLogger(__name__)
_FIGURE = "figure"
_METRICS = pathlib.Path("metrics", "metrics")
# What every checkpoint has.
_PARTS = (
  pathlib.Path("_CHECKPOINT_METADATA"),
  pathlib.Path("state", "_METADATA"),
)
_READ_BACK = 256 * 2**20  # Bytes.
_TRIES = 5


@dataclasses.dataclass(frozen=True)
class Saved:
  """A checkpoint that is whole.

  Attributes:
    step: steps done.
    notes: what was saved beside the state, without the figure.
    figure: that the best one is chosen by; None if it was not evaluated.
  """

  step: int
  notes: dict[str, Any]
  figure: float | None


@dataclasses.dataclass(frozen=True)
class Folder:
  """A run's checkpoints, open to be written.

  Attributes:
    orbax: what writes and reads them.
    digests: what hashes them once they are written.
  """

  orbax: ocp.training.Checkpointer
  digests: checkpoint_digests.Writer


@contextlib.contextmanager
def open_folder(folder: pathlib.Path, *, keep: int = 2) -> Iterator[Folder]:
  """Opens a run's checkpoints to write; the last `keep` and the best one stay.

  For the one process, or job, that has the run (`ground.owning`): what others
  left unfinished there is removed. A newest checkpoint that is damaged is named
  and set aside, and the one before it is the newest.

  Raises:
    Fault: the folder cannot be read or written, or no checkpoint in it is
      whole.
  """
  # Orbax's own policies do not meet its protocols in the eyes of a checker.
  decisions: Any = ocp.training.save_decision_policies
  policies: Any = ocp.training.preservation_policies
  with checkpoint_folder.telling(folder, "opened"):
    folder.mkdir(parents=True, exist_ok=True)
  with checkpoint_folder.plain(folder) as plain:
    if jax.process_index() == 0:
      _remove_half_deleted(folder)
      _set_damaged_aside(folder)
    hosts.sync("looked at checkpoints")
    with checkpoint_folder.telling(folder, "opened"):
      checkpoints = ocp.training.Checkpointer(
        str(plain),
        save_decision_policy=decisions.FixedIntervalPolicy(1),
        preservation_policy=policies.AnyPreservationPolicy(
          [
            policies.LatestN(keep),
            policies.BestN(
              get_metric_fn=_figure,
              n=1,  # Of an ascending order it keeps the last: the greatest.
              keep_checkpoints_without_metrics=False,
            ),
          ]
        ),
        cleanup_tmp_directories=True,
      )
    opened = Folder(checkpoints, checkpoint_digests.Writer(folder))
    try:
      yield opened
    except BaseException:
      # What ended the run is told, not what its last save met.
      with contextlib.suppress(Exception):
        checkpoints.close()
      opened.digests.close()
      raise
    with checkpoint_folder.telling(folder, "written"):
      checkpoints.close()
    opened.digests.close()


def save(
  checkpoints: Folder,
  state: Any,
  *,
  step: int,
  figure: float | None = None,
  notes: dict[str, Any] | None = None,
  again: bool = False,
) -> None:
  """Saves in the background; a checkpoint appears whole or not at all.

  Args:
    checkpoints: of the run.
    state: the train state.
    step: steps done.
    figure: the figure that the best checkpoint is chosen by, if it was
      evaluated at this step.
    notes: small JSON values to find again beside the state.
    again: whether it takes the place of a checkpoint of this step.

  Raises:
    Fault: this save, or the one before it, could not be written.
  """
  metrics = dict(notes or {})
  if figure is not None:
    metrics[_FIGURE] = figure
  with checkpoint_folder.telling(_folder(checkpoints), "written"):
    checkpoints.orbax.save_async(step, state, metrics=metrics, overwrite=again)
    if again:
      checkpoints.orbax.wait()
  if hosts.is_first():
    checkpoints.digests.follow(step)


def finish(checkpoints: Folder) -> None:
  """Waits until what was saved is written; a Fault if it cannot be."""
  with checkpoint_folder.telling(_folder(checkpoints), "written"):
    checkpoints.orbax.wait()


def read_back(checkpoints: Folder, state: Any, *, step: int) -> None:
  """Reads a checkpoint that was just saved, and compares it.

  The save ends first. Of a state above 256 MiB the smallest arrays are read
  that together stay below.

  Raises:
    Fault: it cannot be read, or is not what was saved.
  """
  folder = _folder(checkpoints)
  leaves, structure = jax.tree.flatten(state)
  wanted: set[int] = set()
  total = 0
  for index in sorted(range(len(leaves)), key=lambda i: leaves[i].nbytes):
    total += leaves[index].nbytes
    if wanted and total > _READ_BACK:
      break
    wanted.add(index)
  abstract = jax.tree.unflatten(
    structure,
    [
      _abstract(leaf) if index in wanted else ocp.PLACEHOLDER
      for index, leaf in enumerate(leaves)
    ],
  )
  finish(checkpoints)
  with checkpoint_folder.telling(folder / str(step), "read back"):
    found = jax.tree.leaves(
      checkpoints.orbax.load(step, abstract),
      is_leaf=lambda x: x is ocp.PLACEHOLDER,
    )
  for index in wanted:
    if not _same(leaves[index], found[index]):
      raise faults.Fault(
        folder / str(step),
        "the checkpoint that was just written reads as something else",
        "look at the disk, or train in another --workdir",
      )


def restore(checkpoints: Folder, state: Any, *, step: int | None = None) -> Any:
  """The newest checkpoint, or that of `step`, laid out like `state`.

  Returns `state` itself if there is no checkpoint at all. A save that is under
  way ends first.

  Raises:
    Fault: it is damaged.
  """
  folder = _folder(checkpoints)
  orbax = checkpoints.orbax
  finish(checkpoints)
  if orbax.latest is None:
    return state
  step = orbax.latest.step if step is None else step
  with checkpoint_folder.telling(folder / str(step), "read"):
    return orbax.load(step, jax.tree.map(_abstract, state))


def notes(checkpoints: Folder) -> dict[str, Any]:
  """What stands beside the newest checkpoint; empty if there is none."""
  latest: Any = checkpoints.orbax.latest
  return {**((latest.metrics if latest else None) or {})}


def best_step(checkpoints: Folder) -> int | None:
  """Step of the best evaluated checkpoint, else of the newest, else None."""
  orbax = checkpoints.orbax
  if orbax.latest is None:
    return None
  evaluated = [c for c in orbax.checkpoints if _FIGURE in (c.metrics or {})]
  if not evaluated:
    return orbax.latest.step
  return max(evaluated, key=lambda c: (_figure(c.metrics), c.step)).step


def saved(folder: pathlib.Path) -> list[Saved]:
  """The checkpoints in a folder, by step; reads only.

  Of a folder that another process writes, what is whole at the moment.
  """
  found = []
  for step, place in checkpoint_folder.steps(folder):
    metrics = _metrics(place)
    if metrics is not None:
      figure = metrics.pop(_FIGURE, None)
      found.append(Saved(step, metrics, figure))
  return found


def best(found: Sequence[Saved]) -> Saved | None:
  """The best evaluated checkpoint, else the newest, else None."""
  evaluated = [c for c in found if c.figure is not None]
  if evaluated:
    return max(evaluated, key=lambda c: (c.figure or 0.0, c.step))
  return found[-1] if found else None


def read_best(folder: pathlib.Path, state: Any) -> tuple[Any, Saved] | None:
  """The best checkpoint laid out like `state`, and which it is; reads only.

  None where there is no checkpoint. One that is damaged is named, and the best
  of the others taken. One that is removed while it is read, by the run that
  writes it, is given up for the one that is best then. The processes of a job
  choose together.

  Raises:
    Fault: no checkpoint is whole.
  """
  with checkpoint_folder.plain(folder) as plain:
    for trial in range(_TRIES):
      chosen = _together(_best_whole(folder) if hosts.is_first() else None)
      if chosen is None:
        return None
      try:
        with checkpoint_folder.telling(folder / str(chosen.step), "read"):
          read: Any = ocp.load(
            str(plain / str(chosen.step)), jax.tree.map(_abstract, state)
          )
        return read, chosen
      except faults.Fault:
        # Processes of a job would part here.
        if jax.process_count() > 1 or trial + 1 == _TRIES:
          raise
        if best(saved(folder)) == chosen:
          # Whole, so damaged; or about to be removed.
          time.sleep(0.2)
          if best(saved(folder)) == chosen and trial:
            raise
  return None


def _best_whole(folder: pathlib.Path) -> Saved | None:
  """The best checkpoint that is not known to be damaged."""
  found, problems = saved(folder), []
  while chosen := best(found):
    place = folder / str(chosen.step)
    problem = checkpoint_digests.problem(place)
    if problem is None or not place.is_dir():
      return chosen
    problems.append(f"{place}: {problem}")
    _LOG.warning("%s: damaged, and not used.", problems[-1])
    found = [one for one in found if one != chosen]
  if problems:
    raise _none_is_whole(folder, problems)
  return None


def _set_damaged_aside(folder: pathlib.Path) -> None:
  """Has a checkpoint be the newest that is not known to be damaged.

  Raises:
    Fault: there are checkpoints, and all are damaged; they stay as they are.
  """
  problems = {}
  for _, place in reversed(checkpoint_folder.steps(folder)):
    problem = (
      "its files are not all there, or its notes cannot be read"
      if _metrics(place) is None
      else checkpoint_digests.problem(place)
    )
    if problem is None:
      break
    problems[place] = problem
  else:
    if problems:
      told = [f"{place}: {problem}" for place, problem in problems.items()]
      raise _none_is_whole(folder, told)
  for place, problem in problems.items():
    aside = checkpoint_digests.set_aside(place)
    _LOG.warning(
      "%s: damaged: %s. It lies in %s now, and the run goes on from the"
      " checkpoint before.",
      place,
      problem,
      aside.name,
    )


def _none_is_whole(folder, problems) -> faults.Fault:
  return faults.Fault(
    folder,
    f"every checkpoint there is damaged ({'; '.join(problems)})",
    "bring one back, or train in another --workdir",
  )


def _together(chosen: Saved | None) -> Saved | None:
  """What the first process of a job has chosen."""
  if jax.process_count() == 1:
    return chosen
  from jax.experimental import multihost_utils

  step = multihost_utils.broadcast_one_to_all(
    np.int32(-1 if chosen is None else chosen.step)
  )
  return None if step < 0 else Saved(int(step), {}, None)


def _metrics(place: pathlib.Path) -> dict[str, Any] | None:
  """What was saved beside a state; None if this is no whole checkpoint."""
  if not all((place / part).is_file() for part in _PARTS):
    return None
  if not (place / _METRICS).parent.exists():
    return {}  # It had no figures and no notes.
  try:
    found = json.loads((place / _METRICS).read_text("utf-8"))
  except (OSError, ValueError):
    return None
  return found if isinstance(found, dict) else None


def _remove_half_deleted(folder: pathlib.Path) -> None:
  """Removes what a kill has left of old checkpoints that were being removed.

  Never the newest: that one is not removed, so it is damaged.
  """
  for _, place in checkpoint_folder.steps(folder)[:-1]:
    if _metrics(place) is None:
      shutil.rmtree(place, ignore_errors=True)


def _folder(checkpoints: Folder) -> pathlib.Path:
  return pathlib.Path(os.path.realpath(str(checkpoints.orbax.directory)))


def _abstract(leaf):
  return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)


def _same(one, other) -> bool:
  """Whether the parts that this process has are equal, bit by bit."""
  pairs = zip(one.addressable_shards, other.addressable_shards, strict=True)
  return all(
    np.asarray(a.data).tobytes() == np.asarray(b.data).tobytes()
    for a, b in pairs
  )


def _figure(metrics):
  return metrics.get(_FIGURE, float("-inf"))
