"""Processes: joining a job, and host-local rows into global arrays."""

import os
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding

_SIGNS = ("JAX_COORDINATOR_ADDRESS", "SLURM_STEP_NODELIST", "TPU_WORKER_ID")


def start() -> None:
  """Joins the other processes of a job, where there are any.

  A job is recognised by the environment that its launcher sets; one process
  alone starts nothing.
  """
  if not any(os.environ.get(sign) for sign in _SIGNS):
    return
  if os.environ.get("JAX_PLATFORMS") == "cpu":
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
  jax.distributed.initialize()


def is_first() -> bool:
  """Whether this process writes what is written once."""
  return jax.process_index() == 0


def to_global(tree: Any, sharding: NamedSharding) -> Any:
  """Global arrays of which each process gives its own slice (or the whole)."""
  return jax.tree.map(
    lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)),
    tree,
  )
