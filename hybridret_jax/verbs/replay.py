"""A step whose loss or gradient was no number, again, on one device."""

import dataclasses
import logging
import math
import pathlib
from typing import Any

import jax
import ml_collections
import numpy as np

from hybridret_jax import run as runs
from hybridret_jax.assembly import (
  feeding,
  nonfinite,
  train_step,
  training_data,
)
from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.data import pipeline
from hybridret_jax.ground import faults
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.reporting import training_log
from hybridret_jax.training import checkpoint
from hybridret_jax.training import state as states

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Replay:
  """What came of a step when it was made again.

  Attributes:
    bundle: what was known of it.
    losses: of the steps before it that were made again, and its own.
    gradient_norm: of the step.
    parameters: those whose gradient has a number that is none, by name, with
      the share of such numbers.
    texts: ids of the batch whose vectors have one, with side and language.
  """

  bundle: nonfinite.Bundle
  losses: tuple[float, ...]
  gradient_norm: float
  parameters: dict[str, float]
  texts: tuple[str, ...]

  @property
  def is_reproduced(self) -> bool:
    """Whether the loss or the gradient is no number here too."""
    return not (math.isfinite(self.losses[-1] + self.gradient_norm))


def replay(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  *,
  step: int | None = None,
  inputs: inputs_lib.Inputs | None = None,
) -> Replay:
  """Goes to the step of a bundle again from the checkpoint before it.

  Every batch is composed again and compared with what was logged. Numbers are
  those of one device, which differ from those of several in their last bits.

  Args:
    config: of the run.
    workdir: its folder.
    step: of the bundle; None is the last.
    inputs: what was read of the config's sources, if anything was.

  Raises:
    Fault: there is no such bundle; data, tokenizer or start are not what the
      run was trained with; or a batch is not the one that was trained on.
  """
  bundle = nonfinite.find(workdir, step)
  run = runs.Run.to_judge(config, workdir, inputs)
  run.check_inputs(corpus=True, weights=True)
  config, made, mesh = run.config, run.model, meshes.local()
  data = training_data.make(config, run.corpus, made.tokenizer, run.lexicons)
  prepared = train_step.make(config, made, mesh, shortest=data.layout.shortest)
  drawn_to = run.drawn_to(data.corpus)
  logged = training_log.certificates(workdir)
  losses = []
  state = _state(prepared, made, config, bundle)
  with meshes.use(mesh):
    for batch in pipeline.batches(
      data.composer,
      data.tokens,
      data.labels,
      data.layout,
      seed=config.seed,
      start_step=bundle.start,
      total_steps=bundle.step,
      process_index=0,
      process_count=1,
      switched=data.switched,
    ):
      done = batch.step + 1
      wanted = bundle.batch if done == bundle.step else logged.get(done)
      if wanted is not None and batch.certificate != wanted:
        raise faults.Fault(
          bundle.folder,
          f"the batch of step {done} is {batch.certificate} and was {wanted}",
          "bring back the config, the data and the version of the training",
        )
      arrays = feeding.on_devices(batch, prepared, drawn_to)
      if done == bundle.step:
        return _look(prepared, state, arrays, batch, data, bundle, losses)
      state, metrics = prepared.step(state, arrays)
      losses.append(float(metrics["loss"]))
      _LOG.info(
        "Step %d: loss %.6g, gradient's norm %.6g.",
        done,
        losses[-1],
        float(metrics["gradient_norm"]),
      )
  raise AssertionError("a bundle's step comes after its checkpoint")


def told(found: Replay) -> list[str]:
  """What a replay found, to be read."""
  bundle = found.bundle
  lines = [
    f"Step {bundle.step} (a {bundle.kind} batch, digest {bundle.batch}), from"
    f" step {bundle.start}: loss {found.losses[-1]:.6g} (it was {bundle.loss}),"
    f" gradient's norm {found.gradient_norm:.6g} (it was"
    f" {bundle.gradient_norm})."
  ]
  if found.parameters:
    lines.append("Gradients that have numbers which are none:")
  lines += [
    f"  {name}: {share:.1%} of its numbers"
    for name, share in found.parameters.items()
  ]
  if found.texts:
    lines.append("Texts whose vectors have numbers which are none:")
  lines += [f"  {text}" for text in found.texts]
  lines.append(
    "Reproduced." if found.is_reproduced else "NOT reproduced on this device."
  )
  return lines


def _state(prepared, made, config, bundle) -> states.TrainState:
  """The state at the bundle's checkpoint, or the start."""
  state = prepared.create(made.pretrained(seed=config.seed))
  if not bundle.start:
    return state
  read = checkpoint.read_best(bundle.checkpoints, states.saved(state))
  if read is None:
    raise faults.Fault(
      bundle.checkpoints,
      f"the checkpoint of step {bundle.start} is not there",
      "bring the bundle back whole",
    )
  return states.TrainState(**read[0])


def _look(prepared, state, arrays, batch, data, bundle, losses) -> Replay:
  (loss, _), grads = prepared.look(state, arrays)
  wrong = jax.tree.map(lambda x: 1 - np.isfinite(np.asarray(x)).mean(), grads)
  named: dict[str, float] = {
    jax.tree_util.keystr(path, simple=True, separator="/"): float(share)
    for path, share in jax.tree_util.tree_leaves_with_path(wrong)
  }
  squares = jax.tree.map(
    lambda x: np.square(np.asarray(x, np.float64)).sum(), grads
  )
  return Replay(
    bundle,
    (*losses, float(loss)),
    float(np.sqrt(sum(jax.tree.leaves(squares)))),
    {name: share for name, share in named.items() if share},
    tuple(_texts(prepared.vectors(state, arrays), batch, data.corpus)),
  )


def _texts(vectors: dict[str, Any], batch, corpus) -> list[str]:
  rows = {"query": batch.query_row, "passage": batch.passage_row}
  found = []
  for side, row_B in rows.items():
    z_BD = np.asarray(vectors[side])[: len(row_B)]
    finite_B = np.asarray(np.isfinite(z_BD).all(axis=1))
    for row in row_B[~finite_B].tolist():
      language = corpus.languages[corpus.language_row[row]]
      found.append(f"{side} of {corpus.ids[row]} ({language})")
  return found
