"""What an optimizer makes of a gradient, and what it keeps for that."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

NAMES = ("adamw", "adafactor", "muon")
_MOMENTS = {"b1": 0.9, "b2": 0.999}  # That adafactor has not.
_MATCHED = (
  0.2  # Size of Muon's updates: that of AdamW's, as Liu et al. have it.
)


def make(
  name: str,
  rate: optax.Schedule,
  *,
  weight_decay: float,
  decays: Callable[[Any], Any],
  is_matrix: Callable[[Any], bool],
  b1: float,
  b2: float,
  eps: float,
) -> optax.GradientTransformation:
  """Updates by a rule, with decoupled decay, at a rate.

  Args:
    name: "adamw" (Loshchilov and Hutter, arXiv 1711.05101), two numbers kept
      of each parameter; "adafactor" (Shazeer and Stern, arXiv 1804.04235), of
      a kernel a row and a column of them: factored second moments without a
      first, updates clipped to a root mean square of 1 in each parameter (of
      all stacked layers), at AdamW's rates rather than relative ones; "muon"
      (Jordan, 2024; Liu et al., arXiv 2502.16982), one: each layer's kernels
      move by their orthogonalised momentum (.95, Nesterov), as far as AdamW
      would, and all else by AdamW.
    rate: by step.
    weight_decay: see `optimizer.make`.
    decays: parameters -> what of them decays.
    is_matrix: path of a parameter -> whether it is a kernel of stacked layers,
      [L, D, F].
    b1: of AdamW, in "muon" of its part; "adafactor" has none.
    b2: as `b1`.
    eps: added to the root of the second moment, in "adafactor" squared to the
      square of the gradient.

  Raises:
    ValueError: an unknown name, or a setting that the rule does not have.
  """
  if name not in NAMES:
    raise ValueError(f"name {name!r} is not one of {', '.join(NAMES)}")
  if name == "adafactor":
    given = {"b1": b1, "b2": b2}
    other = [key for key, x in given.items() if x != _MOMENTS[key]]
    if other:
      raise ValueError(
        f"{other[0]} is {given[other[0]]}, but adafactor has none; leave it at"
        f" {_MOMENTS[other[0]]}"
      )
    return optax.chain(
      # The paper's 1e-30 makes steps of rounding where a gradient is 0, as a
      # key's bias has it.
      optax.scale_by_factored_rms(epsilon=eps**2),
      optax.clip_by_block_rms(1.0),
      optax.add_decayed_weights(weight_decay, decays),
      optax.scale_by_learning_rate(rate),
    )
  adamw = optax.adamw(
    rate, b1=b1, b2=b2, eps=eps, weight_decay=weight_decay, mask=decays
  )
  if name == "adamw":
    return adamw
  by_matrix = optax.chain(
    optax.contrib.scale_by_muon(weight_dimension_numbers=_last_two),
    optax.stateless(_as_adam),
    optax.add_decayed_weights(weight_decay, decays),
    optax.scale_by_learning_rate(rate),
  )

  def labels(params):
    # One of a box of axis names, not of what is in it.
    return jax.tree_util.tree_map_with_path(
      lambda path, _: "matrix" if is_matrix(path) else "other",
      params,
      is_leaf=lambda node: not isinstance(node, Mapping),
    )

  return optax.partition({"matrix": by_matrix, "other": adamw}, labels)


def _last_two(updates):
  """Each layer of a stack is a matrix of its own."""
  return jax.tree.map(
    lambda _: optax.contrib.MuonDimensionNumbers(1, 2), updates
  )


def _as_adam(updates, _):
  return jax.tree.map(
    lambda x: x * jnp.asarray(_MATCHED * max(x.shape[1:]) ** 0.5, x.dtype),
    updates,
  )
