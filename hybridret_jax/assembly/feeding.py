"""A composed batch -> what a step takes, on the devices."""

from typing import Any

from hybridret_jax.assembly import distilling, train_step
from hybridret_jax.data import pipeline
from hybridret_jax.parallel import hosts


def on_devices(
  batch: pipeline.Batch,
  prepared: train_step.TrainStep,
  drawn_to: distilling.Targets | None = None,
) -> dict[str, Any]:
  """The arrays of a batch, laid out as the step has them.

  Args:
    batch: this process's part of it.
    prepared: the step.
    drawn_to: what texts are drawn to, where there is distillation.
  """
  given = {
    name: getattr(batch, name, None) for name in prepared.batch_shardings
  }
  if drawn_to is not None:
    given["query_target"] = drawn_to.query[batch.query_row]
    given["passage_target"] = drawn_to.passage[batch.passage_row]
  return {
    name: hosts.to_global(given[name], sharding)
    for name, sharding in prepared.batch_shardings.items()
  }
