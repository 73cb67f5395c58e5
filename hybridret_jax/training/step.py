"""One training step: the objective's gradient, then the optimizer's update."""

from typing import Any

import jax
import optax

from hybridret_jax.training import average, lora, optimizer
from hybridret_jax.training import objective as objectives
from hybridret_jax.training import state as states


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
  """
  key = jax.random.fold_in(jax.random.key(seed), state.step)

  def value_of(params):
    still = optimizer.frozen_leaves(params, frozen)
    params = jax.tree.map(
      lambda x, is_still: jax.lax.stop_gradient(x) if is_still else x,
      params,
      still,
    )
    return objective(params, batch, key)

  (value, metrics), grads = jax.value_and_grad(value_of, has_aux=True)(
    state.params
  )
  updates, opt_state = tx.update(grads, state.opt_state, state.params)
  params: Any = optax.apply_updates(state.params, updates)
  metrics |= {
    "loss": value,
    "gradient_norm": optax.tree.norm(grads),
    "learning_rate": rate(state.step),
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
  return next_state, metrics
