"""One training step: the objective's gradient, then the optimizer's update."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from hybridret_jax.training import average, lora, optimizer
from hybridret_jax.training import objective as objectives
from hybridret_jax.training import state as states


class NonFinite(FloatingPointError):
  """The loss or the gradient of a step is no number.

  Attributes:
    step: counted from 1.
    kind: of its batch.
    loss: of the step.
    gradient_norm: of the step.
  """

  def __init__(self, step: int, kind: str, loss: float, gradient_norm: float):
    super().__init__(
      f"the loss of step {step} is {loss} and its gradient's norm"
      f" {gradient_norm} (a {kind} batch)"
    )
    self.step, self.kind = step, kind
    self.loss, self.gradient_norm = loss, gradient_norm


def train_step(
  state: states.TrainState,
  batch: dict[str, Any],
  *,
  objective: objectives.Objective,
  tx: optax.GradientTransformation,
  rate: optax.Schedule,
  seed: int,
  frozen: tuple[str, ...] = (),
  average_decay: float = 0.0,
  skips: bool = False,
) -> tuple[states.TrainState, dict[str, jax.Array]]:
  """The next state and this step's figures.

  Args:
    state: before the step.
    batch: see `objective.Objective`.
    objective: what is minimised.
    tx: the optimizer.
    rate: its learning rate by step, for the record.
    seed: dropout of step t follows from (seed, t).
    frozen: see `optimizer.make`; no gradient of them is computed.
    average_decay: of the state's average of parameters, if it keeps one.
    skips: whether a step whose loss or gradient is no number changes nothing
      but the count of steps, and says so in the figure "skipped".
  """
  (value, metrics), grads = gradients(
    state, batch, objective=objective, seed=seed, frozen=frozen
  )
  updates, opt_state = tx.update(grads, state.opt_state, state.params)
  params: Any = optax.apply_updates(state.params, updates)
  metrics |= {
    "loss": value,
    "gradient_norm": optax.tree.norm(grads),
    "learning_rate": jnp.asarray(rate(state.step)),
  }
  averaged = state.average
  if averaged is not None:
    averaged = average.update(
      averaged,
      lora.of(params, objective.lora),
      decay=average_decay,
      step=state.step,
    )
  next_state = states.TrainState(
    step=state.step + 1,
    params=params,
    opt_state=opt_state,
    average=averaged,
  )
  if skips:
    is_whole = jnp.isfinite(value) & jnp.isfinite(metrics["gradient_norm"])
    as_before = dataclasses.replace(state, step=next_state.step)
    next_state = jax.tree.map(
      lambda new, old: jnp.where(is_whole, new, old), next_state, as_before
    )
    metrics["skipped"] = jnp.where(is_whole, 0.0, 1.0)
  return next_state, metrics


def gradients(
  state: states.TrainState,
  batch: dict[str, Any],
  *,
  objective: objectives.Objective,
  seed: int,
  frozen: tuple[str, ...] = (),
) -> tuple[tuple[jax.Array, dict[str, jax.Array]], Any]:
  """((loss, figures), gradients of all parameters) of a step; see there."""
  key = dropout_key(state, seed)

  def value_of(params):
    still = optimizer.frozen_leaves(params, frozen)
    params = jax.tree.map(
      lambda x, is_still: jax.lax.stop_gradient(x) if is_still else x,
      params,
      still,
    )
    return objective(params, batch, key)

  return jax.value_and_grad(value_of, has_aux=True)(state.params)


def dropout_key(state: states.TrainState, seed: int) -> jax.Array:
  """The key of a step's dropout, which follows from (seed, step)."""
  return jax.random.fold_in(jax.random.key(seed), state.step)
