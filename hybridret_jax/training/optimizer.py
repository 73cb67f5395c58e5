"""The optimizer: schedule, clipping, what decays, how fast layers learn."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from hybridret_jax.training import update_rules

SCHEDULES = ("linear", "cosine", "constant")
FROZEN = ("embeddings", "tokens", "layers:N", "encoder")
ENCODER = "encoder"
_EMBEDDINGS = ("tokens", "positions", "types", "norm")


def make(
  *,
  total_steps: int,
  name: str = "adamw",
  learning_rate: float = 3e-5,
  schedule: str = "linear",
  warmup_steps: int = 0,
  final_share: float = 0.0,
  weight_decay: float = 1e-2,
  clip_norm: float = 1.0,
  b1: float = 0.9,
  b2: float = 0.999,
  eps: float = 1e-8,
  layer_decay: float = 1.0,
  frozen: Sequence[str] = (),
) -> tuple[optax.GradientTransformation, optax.Schedule]:
  """The optimizer and its learning rate by step, that of the top layer.

  A step clips by the global norm of what learns, updates by the rule, adds the
  decay, and multiplies by the rate and the layer's share of it.

  Args:
    total_steps: step at which the schedule ends.
    name: of the rule, see `update_rules.make`.
    learning_rate: peak rate, reached after `warmup_steps`.
    schedule: how the rate falls after warm-up: "linear", "cosine" or
      "constant".
    warmup_steps: steps of linear warm-up from 0.
    final_share: the rate at the end, as a share of the peak.
    weight_decay: decoupled decay of kernels and tables; biases, norms and the
      temperature are left alone (Loshchilov and Hutter, arXiv 1711.05101).
    clip_norm: global gradient norm above which gradients shrink; 0 is off.
    b1: decay of AdamW's first moment.
    b2: decay of its second moment.
    eps: added to the root of that.
    layer_decay: d: of n layers, layer l (0 is the lowest) learns at the rate
      times d^(n-1-l), embeddings and the norm above them at d^n, heads and the
      temperature at the rate itself; the decay shrinks with it (discriminative
      fine-tuning, Howard and Ruder, arXiv 1801.06146, section 3.2).
    frozen: what does not learn; see `frozen_leaves`.

  Raises:
    ValueError: an unknown rule or schedule, a setting that the rule does not
      have, a warm-up longer than the run, a layer
      decay out of range, or an unknown name in `frozen`; `init` raises as
      `frozen_leaves` does.
  """
  rate = _schedule(
    total_steps, learning_rate, schedule, warmup_steps, final_share
  )
  steps = [_clip(clip_norm)] if clip_norm else []
  steps.append(
    update_rules.make(
      name,
      rate,
      weight_decay=weight_decay,
      decays=_decays,
      is_matrix=_is_matrix,
      b1=b1,
      b2=b2,
      eps=eps,
    )
  )
  return optax.chain(*_by_part(steps, layer_decay, frozen)), rate


def frozen_leaves(params: Any, frozen: Sequence[str]) -> Any:
  """Which parameters do not learn at all, as a tree of bool.

  They have no moments, no decay and no part in the clipped norm. A step that
  puts `jax.lax.stop_gradient` on them computes no gradient of theirs either.
  The lowest of the stacked layers share leaves with those that learn: such
  leaves are False here, and the frozen layers' updates are exactly zero.

  Args:
    params: of the state (or their shapes); a leaf in a box of axis names is
      answered by one bool in the place of its box.
    frozen: names out of `FROZEN`: "embeddings" (tokens, positions, types and
      the norm above them), "tokens" (the token table alone), "layers:N" (the
      lowest N layers), "encoder" (all but heads, the temperature and
      adapters). Each holds for every tower.

  Raises:
    ValueError: an unknown name, more layers than there are, or nothing left
      that learns.
  """
  parts, lowest = _parse(frozen)
  depths = _depths(params) if frozen else {}
  for tower, depth in depths.items():
    if lowest > depth:
      raise ValueError(
        f"frozen 'layers:{lowest}' is more than the {depth} layers of"
        f" {'/'.join(tower)}; use layers:{depth} at most"
      )

  def freezes(path, _):
    tower, part = _place(path)
    if ENCODER in frozen and part and tower[:1] != ("lora",):
      return True
    return part in parts or (part == "layers" and lowest == depths.get(tower))

  # Boxes of axis names are pytrees: a mask inside them would leave the moments'
  # boxes behind, empty but with a sharding.
  leaves = jax.tree_util.tree_map_with_path(
    freezes, params, is_leaf=lambda node: not isinstance(node, Mapping)
  )
  if frozen and all(jax.tree.leaves(leaves)):
    raise ValueError(
      f"frozen {tuple(frozen)} leaves nothing that learns; take a name away"
    )
  return leaves


def _schedule(total_steps, peak, schedule, warmup_steps, final_share):
  if schedule not in SCHEDULES:
    raise ValueError(f"schedule {schedule!r} is not one of {SCHEDULES}")
  if not 0 <= warmup_steps <= total_steps:
    raise ValueError(f"warmup_steps {warmup_steps} is not in 0…{total_steps}")
  falling = {
    "linear": lambda n: optax.linear_schedule(peak, peak * final_share, n),
    "cosine": lambda n: optax.cosine_decay_schedule(peak, n, alpha=final_share),
    "constant": lambda n: optax.constant_schedule(peak),
  }[schedule](max(total_steps - warmup_steps, 1))
  return optax.join_schedules(
    [optax.linear_schedule(0.0, peak, warmup_steps), falling], [warmup_steps]
  )


def _parse(frozen: Sequence[str]) -> tuple[frozenset[str], int]:
  """Parts of the encoder that are frozen, and how many of its lowest layers."""
  if isinstance(frozen, str):
    raise ValueError(f"frozen is the text {frozen!r}; give ({frozen!r},)")
  parts, lowest = set(), 0
  for name in frozen:
    kind, _, count = name.partition(":")
    if name == ENCODER:
      continue
    if name == "embeddings":
      parts.update(_EMBEDDINGS)
    elif name == "tokens":
      parts.add(name)
    elif kind == "layers" and count.isdecimal() and int(count):
      lowest = max(lowest, int(count))
    else:
      raise ValueError(
        f"frozen {name!r} is not one of {', '.join(FROZEN)} (N from 1)"
      )
  return frozenset(parts), lowest


def _clip(largest):
  def update(gradients, _):
    # One factor fuses with what follows. optax.clip_by_global_norm divides each
    # gradient, which XLA's CPU compiler writes out: one more token table.
    shrink = jnp.minimum(1, largest / optax.tree.norm(gradients))
    return jax.tree.map(lambda x: x * shrink.astype(x.dtype), gradients)

  return optax.stateless(update)


def _by_part(
  steps: list[optax.GradientTransformation],
  layer_decay: float,
  frozen: Sequence[str],
) -> list[optax.GradientTransformation]:
  """`steps` for what learns, at each layer's share of the rate."""
  if not 0 < layer_decay <= 1:
    raise ValueError(
      f"layer_decay {layer_decay} is not above 0 and at most 1; 1 lets all"
      " layers learn at one rate"
    )
  _, lowest = _parse(frozen)
  if frozen:
    steps = [_only_learning(optax.chain(*steps), frozen)]
  if lowest:
    steps = [_drop_gradients(lowest), *steps]
  if layer_decay != 1 or lowest:
    steps = [*steps, _scale_layers(layer_decay, lowest)]
  return steps


def _only_learning(inner, frozen):
  def labels(params):
    return jax.tree.map(
      lambda leaf: "frozen" if leaf else "learns", frozen_leaves(params, frozen)
    )

  return optax.partition(
    {"learns": inner, "frozen": optax.set_to_zero()}, labels
  )


def _drop_gradients(lowest):
  """Gradients of the lowest layers become 0, so that no norm counts them."""

  def update(gradients, _):
    def drop(path, gradient):
      if _place(path)[1] != "layers":
        return gradient
      learns_L = _along_layers(np.arange(len(gradient)) >= lowest, gradient)
      # A product would keep what is not finite.
      return jnp.where(learns_L, gradient, 0)

    return jax.tree_util.tree_map_with_path(drop, gradients)

  return optax.stateless(update)


def _scale_layers(decay, lowest):
  """Multiplies updates, decay included, by `make`'s share; `lowest` ones by 0.

  ELECTRA (arXiv 2003.10555) and BEiT (arXiv 2106.08254) count from the head:
  their code gives all that lies below it two factors more and one more.
  """

  def update(updates, _):
    depths = _depths(updates)

    def scale(path, update):
      tower, part = _place(path)
      if part == "layers":
        share_L = decay ** np.arange(len(update) - 1, -1, -1, dtype=float)
        share_L[:lowest] = 0
        share = _along_layers(share_L, update)
      elif part in _EMBEDDINGS and decay != 1:
        share = decay ** depths[tower]
      else:
        return update
      return update * jnp.asarray(share, update.dtype)

    return jax.tree_util.tree_map_with_path(scale, updates)

  return optax.stateless(update)


def _along_layers(x_L, stacked):
  return x_L.reshape(-1, *(1,) * (stacked.ndim - 1))


def _depths(params: Any) -> dict[tuple[str, ...], int]:
  """Number of layers of each tower."""
  depths = {}
  for path, leaf in jax.tree_util.tree_leaves_with_path(params):
    tower, part = _place(path)
    if part == "layers":
      depths[tower] = leaf.shape[0]
  if not depths:
    raise ValueError(
      "the parameters have no encoder/layers, by which layer_decay and frozen"
      " go; use layer_decay=1 and frozen=()"
    )
  return depths


def _place(path) -> tuple[tuple[str, ...], str | None]:
  """Tower that a parameter is in, and part of its encoder if it is in it."""
  names = tuple(x.key for x in path if isinstance(x, jax.tree_util.DictKey))
  if "encoder" not in names[:-1]:
    return (), None
  at = names.index("encoder")
  return names[:at], names[at + 1]


def _is_matrix(path) -> bool:
  """Whether a parameter is a kernel of an encoder's stacked layers."""
  names = [getattr(entry, "key", None) for entry in path]
  return _place(path)[1] == "layers" and "kernel" in names


def _decays(params: Any) -> Any:
  def decays(path, _):
    names = {getattr(entry, "key", None) for entry in path}
    return bool(names & {"kernel", "embedding"})

  return jax.tree_util.tree_map_with_path(decays, params)
