"""Checkpoints of the train state: the last few and the best by a figure."""

import pathlib
from typing import Any

import jax
from orbax.checkpoint import v1 as ocp

_FIGURE = "figure"


def open_folder(
  folder: pathlib.Path, *, keep: int = 2
) -> ocp.training.Checkpointer:
  """Opens a run's checkpoints; the last `keep` and the best one stay."""
  # Orbax's own policies do not meet its protocols in the eyes of a checker.
  decisions: Any = ocp.training.save_decision_policies
  policies: Any = ocp.training.preservation_policies
  return ocp.training.Checkpointer(
    str(folder.absolute()),
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


def save(
  checkpoints: ocp.training.Checkpointer,
  state: Any,
  *,
  step: int,
  figure: float | None = None,
  notes: dict[str, Any] | None = None,
) -> None:
  """Saves in the background; a checkpoint appears whole or not at all.

  Args:
    checkpoints: of the run.
    state: the train state.
    step: steps done.
    figure: the figure that the best checkpoint is chosen by, if it was
      evaluated at this step.
    notes: small JSON values to find again beside the state.
  """
  metrics = dict(notes or {})
  if figure is not None:
    metrics[_FIGURE] = figure
  checkpoints.save_async(step, state, metrics=metrics)


def restore(
  checkpoints: ocp.training.Checkpointer, state: Any, *, step: int | None = None
) -> Any:
  """The newest checkpoint, or that of `step`, laid out like `state`.

  Returns `state` itself if there is no checkpoint at all. A save that is under
  way ends first.
  """
  checkpoints.wait()
  if checkpoints.latest is None:
    return state
  abstract = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
    state,
  )
  return checkpoints.load(step, abstract)


def notes(checkpoints: ocp.training.Checkpointer) -> dict[str, Any]:
  """What stands beside the newest checkpoint; empty if there is none."""
  latest: Any = checkpoints.latest
  return {**((latest.metrics if latest else None) or {})}


def best_step(checkpoints: ocp.training.Checkpointer) -> int | None:
  """Step of the best evaluated checkpoint, else of the newest, else None."""
  if checkpoints.latest is None:
    return None
  evaluated = [
    c for c in checkpoints.checkpoints if _FIGURE in (c.metrics or {})
  ]
  if not evaluated:
    return checkpoints.latest.step
  return max(evaluated, key=lambda c: (_figure(c.metrics), c.step)).step


def _figure(metrics):
  return metrics.get(_FIGURE, float("-inf"))
