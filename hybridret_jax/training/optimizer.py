"""AdamW with warm-up, decay of the rate, clipping and a weight-decay mask."""

from typing import Any

import jax
import optax

SCHEDULES = ("linear", "cosine", "constant")


def make(
  *,
  total_steps: int,
  learning_rate: float = 3e-5,
  schedule: str = "linear",
  warmup_steps: int = 0,
  final_share: float = 0.0,
  weight_decay: float = 1e-2,
  clip_norm: float = 1.0,
  b1: float = 0.9,
  b2: float = 0.999,
  eps: float = 1e-8,
) -> tuple[optax.GradientTransformation, optax.Schedule]:
  """The optimizer and its learning rate by step.

  Args:
    total_steps: step at which the schedule ends.
    learning_rate: peak rate, reached after `warmup_steps`.
    schedule: how the rate falls after warm-up: "linear", "cosine" or
      "constant".
    warmup_steps: steps of linear warm-up from 0.
    final_share: the rate at the end, as a share of the peak.
    weight_decay: decoupled decay of kernels and tables; biases, norms and the
      temperature are left alone (Loshchilov and Hutter, arXiv 1711.05101).
    clip_norm: global gradient norm above which gradients shrink; 0 is off.
    b1: decay of the first moment.
    b2: decay of the second moment.
    eps: added to the root of the second moment.

  Raises:
    ValueError: an unknown schedule, or a warm-up longer than the run.
  """
  if schedule not in SCHEDULES:
    raise ValueError(f"schedule {schedule!r} is not one of {SCHEDULES}")
  if not 0 <= warmup_steps <= total_steps:
    raise ValueError(f"warmup_steps {warmup_steps} is not in 0…{total_steps}")
  falling = {
    "linear": lambda n: optax.linear_schedule(
      learning_rate, learning_rate * final_share, n
    ),
    "cosine": lambda n: optax.cosine_decay_schedule(
      learning_rate, n, alpha=final_share
    ),
    "constant": lambda n: optax.constant_schedule(learning_rate),
  }[schedule](max(total_steps - warmup_steps, 1))
  rate = optax.join_schedules(
    [optax.linear_schedule(0.0, learning_rate, warmup_steps), falling],
    [warmup_steps],
  )
  steps = [optax.clip_by_global_norm(clip_norm)] if clip_norm else []
  steps.append(
    optax.adamw(
      rate,
      b1=b1,
      b2=b2,
      eps=eps,
      weight_decay=weight_decay,
      mask=_decays,
    )
  )
  return optax.chain(*steps), rate


def _decays(params: Any) -> Any:
  def decays(path, _):
    names = {getattr(entry, "key", None) for entry in path}
    return bool(names & {"kernel", "embedding"})

  return jax.tree_util.tree_map_with_path(decays, params)
