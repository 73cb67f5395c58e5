"""Low-rank adapters beside the kernels of an encoder's layers (LoRA).

The kernels stay as they were; each has two narrow matrices of its own that
learn, and a step uses kernel + alpha / rank · a @ b. Nothing else of a model
knows of them: packing, meshes, chunks and remat see one kernel, whose gradient
goes on to the two. Source: Hu et al., "LoRA: Low-Rank Adaptation of Large
Language Models", arXiv 2106.09685, section 4.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

ALL = "all"


@dataclasses.dataclass(frozen=True)
class Settings:
  """How an encoder is adapted.

  Attributes:
    rank: r, columns of the first matrix; 0 is off: the encoder itself learns.
    alpha: the product of the two counts alpha / r times.
    dropout: share of a kernel's inputs that a step's adapter does not see, the
      same for all tokens of the batch (Lin et al., "LoRA Dropout as a Sparsity
      Regularizer for Overfitting Control", arXiv 2404.09610, drop columns of
      the matrices so; PEFT drops inputs of each token).
    targets: names of the dense layers that are adapted, in every layer and
      tower ("query", "key", "value", "attention_out", "mlp_in", "mlp_gate",
      "mlp_out", as far as the encoder has them), or ("all",).

  Raises:
    ValueError: a number out of range, or no target.
  """

  rank: int = 0
  alpha: float = 16.0
  dropout: float = 0.0
  targets: tuple[str, ...] = ("query", "value")

  def __post_init__(self):
    if isinstance(self.targets, str):
      raise ValueError(
        f"targets is the text {self.targets!r}; give ({self.targets!r},)"
      )
    object.__setattr__(self, "targets", tuple(self.targets))
    if self.rank < 0:
      raise ValueError(f"rank is {self.rank}; give 0 (off) or more")
    if not self.alpha > 0:
      raise ValueError(f"alpha is {self.alpha}; give a number above 0")
    if not 0 <= self.dropout < 1:
      raise ValueError(f"dropout is {self.dropout}; give 0 to below 1")
    if not self.targets:
      raise ValueError(f"targets is empty; give layers, or ({ALL!r},)")

  @property
  def scale(self) -> float:
    """What the product of the two matrices is multiplied by."""
    return self.alpha / self.rank


def start(model: Any, settings: Settings, key: jax.Array) -> Any:
  """Adapters that change nothing yet: a is drawn, b is zero.

  a is uniform in ±1 / √inputs, as the authors' code and PEFT draw it.

  Args:
    model: parameters, boxed with logical axes; kernels [L, D, F].
    settings: with a rank.
    key: of a.

  Returns:
    As much of the parameters' tree as is adapted: in each kernel's place
    {"a": [L, D, r], "b": [L, r, F]}, boxed, in float32 or the kernel's dtype
    where that is wider.

  Raises:
    ValueError: a target that the encoder does not have, or a rank that is more
      than a kernel's own.
  """
  towers = {name: tower["encoder"]["layers"] for name, tower in model.items()}
  has = sorted({n for x in towers.values() for n in x if "kernel" in x[n]})
  names = chosen(settings.targets, has)
  adapters = {}
  for number, (tower, layers) in enumerate(sorted(towers.items())):
    made = {}
    for place, name in enumerate(names):
      own = jax.random.fold_in(key, number * len(has) + place)
      made[name] = {
        "kernel": _pair(layers[name]["kernel"], name, settings, own)
      }
    adapters[tower] = {"encoder": {"layers": made}}
  return adapters


def chosen(targets: Sequence[str], has: Sequence[str]) -> list[str]:
  """The dense layers that `Settings.targets` names, out of those there are.

  Raises:
    ValueError: naming one that is not there, and those that are.
  """
  if tuple(targets) == (ALL,):
    return list(has)
  for name in targets:
    if name not in has:
      raise ValueError(
        f"lora.targets names {name!r}; the layers of this encoder have"
        f" {', '.join(has)} (or {ALL!r} alone)"
      )
  return [name for name in has if name in targets]


def merged(
  model: Any,
  adapters: Any,
  settings: Settings,
  key: jax.Array | None = None,
) -> Any:
  """The model's parameters with what its adapters add.

  Args:
    model: parameters, without boxes.
    adapters: of `start`, or after steps; without boxes.
    settings: as of `start`.
    key: of dropout; None drops nothing.

  Returns:
    `model`, its adapted kernels in the adapters' dtype.
  """
  drawn = iter(range(1 << 16))

  def added(node, adapter):
    if set(adapter) == {"a", "b"}:
      a_LDr, b_LrF = adapter["a"], adapter["b"]
      if key is not None and settings.dropout:
        own = jax.random.fold_in(key, next(drawn))
        kept = jax.random.bernoulli(own, 1 - settings.dropout, a_LDr.shape[:2])
        a_LDr = a_LDr * (kept[..., None] / (1 - settings.dropout)).astype(
          a_LDr.dtype
        )
      change = jnp.matmul(a_LDr, b_LrF, precision=jax.lax.Precision.HIGHEST)
      return node.astype(change.dtype) + settings.scale * change
    return {
      name: added(x, adapter[name]) if name in adapter else x
      for name, x in node.items()
    }

  return added(model, adapters)


def of(
  params: Mapping[str, Any],
  settings: Settings | None,
  key: jax.Array | None = None,
) -> Any:
  """The model of a train state's parameters, its adapters merged if it has any.

  Args:
    params: {"model", maybe "lora", …}.
    settings: of the adapters.
    key: see `merged`.
  """
  if "lora" not in params:
    return params["model"]
  assert settings is not None
  return merged(params["model"], params["lora"], settings, key)


def _pair(kernel, name, settings, key):
  shape, dtype = kernel.value.shape, kernel.value.dtype
  layers, width, features = shape
  if settings.rank > min(width, features):
    raise ValueError(
      f"lora.rank {settings.rank} is more than the {min(width, features)} that"
      f" {name} can have ({width} x {features}); lower it"
    )
  dtype = jnp.promote_types(dtype, jnp.float32)
  limit = width**-0.5
  a_LDr = jax.random.uniform(
    key, (layers, width, settings.rank), dtype, -limit, limit
  )
  b_LrF = jnp.zeros((layers, settings.rank, features), dtype)
  first, inputs, outputs = kernel.names
  return {
    "a": kernel.replace(value=a_LDr, names=(first, inputs, None)),
    "b": kernel.replace(value=b_LrF, names=(first, None, outputs)),
  }
