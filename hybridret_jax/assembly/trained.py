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
  state = _best(config, made, mesh, workdir)
  params = states.judged(state, train_step.adapters(config))
  if config.model.start_share:
    start = jax.device_put(
      made.start(seed=config.seed), meshes.replicated(mesh)
    )
    params = _mixed(params, start, config.model.start_share)
  return params, int(state.step)


def adapters(
  config: ml_collections.ConfigDict,
  made: model.Model,
  mesh: Mesh,
  workdir: pathlib.Path,
) -> Any:
  """The best checkpoint's low-rank adapters, see `lora.start`, on the mesh.

  Raises:
    ValueError: as `parameters`.
  """
  return _best(config, made, mesh, workdir).params["lora"]


def _best(config, made, mesh, workdir) -> states.TrainState:
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
  return states.TrainState(**found[0])


@jax.jit
def _mixed(params, start, share):
  return jax.tree.map(lambda a, b: (1 - share) * a + share * b, params, start)
