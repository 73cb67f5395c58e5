"""The parameters of a run that are judged and shipped."""

import pathlib
from typing import Any

import jax
import ml_collections
from jax.sharding import Mesh

from hybridret_jax.assembly import model, train_step
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import checkpoint
from hybridret_jax.training import state as states


def has_checkpoint(workdir: pathlib.Path) -> bool:
  """Whether the run has saved anything."""
  return bool(checkpoint.saved(workdir / "checkpoints"))


def parameters(
  config: ml_collections.ConfigDict,
  made: model.Model,
  mesh: Mesh,
  workdir: pathlib.Path,
) -> tuple[Any, int]:
  """Model parameters of the best checkpoint, on the mesh, and its step.

  With `model.start_share` s they are (1 - s) times those of the checkpoint
  plus s times those that training started from, which keeps more of what the
  start was good at. Source: Wortsman et al., "Robust fine-tuning of zero-shot
  models", arXiv 2109.01903.

  Raises:
    ValueError: the run has no checkpoint.
  """
  tx, _ = train_step.transformation(config)
  layout = states.abstract(
    made.init, tx, mesh, **train_step.state_settings(config)
  )
  with meshes.use(mesh):
    found = checkpoint.read_best(workdir / "checkpoints", states.saved(layout))
  if found is None:
    raise ValueError(
      f"{workdir}: no checkpoint; run --mode=train with this --workdir first"
    )
  state = states.TrainState(**found[0])
  params = states.judged(state)
  if config.model.start_share:
    start = jax.device_put(
      made.start(seed=config.seed), meshes.replicated(mesh)
    )
    params = _mixed(params, start, config.model.start_share)
  return params, int(state.step)


@jax.jit
def _mixed(params, start, share):
  return jax.tree.map(lambda a, b: (1 - share) * a + share * b, params, start)
