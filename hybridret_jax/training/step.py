"""One training step: embed, compare over the global batch, update."""

from collections.abc import Callable
from typing import Any

import jax
import optax

from hybridret_jax.training import loss as losses
from hybridret_jax.training import state as states

Embed = Callable[[Any, Any, jax.Array], tuple[jax.Array, jax.Array]]


def train_step(
  state: states.TrainState,
  batch: dict[str, Any],
  *,
  embed: Embed,
  tx: optax.GradientTransformation,
  rate: optax.Schedule,
  seed: int,
  temperature: float,
  symmetric: bool = False,
  same_group: str = "mask",
) -> tuple[states.TrainState, dict[str, jax.Array]]:
  """The next state and this step's figures.

  Args:
    state: before the step.
    batch: {"rows": what `embed` takes, "group": group_B}, global arrays.
    embed: (model parameters, rows, dropout key) -> (q_BD, p_ND), unit vectors.
    tx: the optimizer.
    rate: its learning rate by step, for the record.
    seed: dropout of step t follows from (seed, t).
    temperature: τ, unless the state learns it.
    symmetric: see `loss.contrastive`.
    same_group: see `loss.contrastive`.
  """
  key = jax.random.fold_in(jax.random.key(seed), state.step)

  def objective(params):
    tau = states.temperature(params, temperature)
    q_BD, p_ND = embed(params["model"], batch["rows"], key)
    value, metrics = losses.contrastive(
      q_BD,
      p_ND,
      group_B=batch["group"],
      temperature=tau,
      symmetric=symmetric,
      same_group=same_group,
    )
    return value, {**metrics, "temperature": tau}

  (value, metrics), grads = jax.value_and_grad(objective, has_aux=True)(
    state.params
  )
  updates, opt_state = tx.update(grads, state.opt_state, state.params)
  metrics |= {
    "loss": value,
    "gradient_norm": optax.tree.norm(grads),
    "learning_rate": rate(state.step),
  }
  next_state = states.TrainState(
    step=state.step + 1,
    params=optax.apply_updates(state.params, updates),
    opt_state=opt_state,
  )
  return next_state, metrics
