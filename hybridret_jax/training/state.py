"""The train state and how it comes to be, sharded from its first byte."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import average as averages
from hybridret_jax.training import lora as adapters

_ADAPTERS = 1  # Their key is the model's with this folded in.


@flax.struct.dataclass
class TrainState:
  """What a step reads and writes, and a checkpoint holds.

  Attributes:
    step: steps done.
    params: {"model": the dual encoder's, "loss": {} or {"log_scale"}, and
      where it is adapted "lora": see `lora.start`}.
    opt_state: the optimizer's, sharded like the parameters.
    average: moving average of the model's parameters, adapters merged, or None.
  """

  step: jax.Array
  params: Any
  opt_state: optax.OptState
  average: Any = None


def abstract(
  init_model: Callable[[jax.Array], Any],
  tx: optax.GradientTransformation,
  mesh: Mesh,
  *,
  learnable_temperature: float | None = None,
  averaged: bool = False,
  lora: adapters.Settings | None = None,
) -> TrainState:
  """Shapes of a state with their shardings; nothing is computed."""
  init = _init(init_model, tx, learnable_temperature, averaged, lora)
  boxed = jax.eval_shape(init, jax.random.key(0))
  return jax.tree.map(
    lambda x, sharding: jax.ShapeDtypeStruct(
      x.shape, x.dtype, sharding=sharding
    ),
    nn.unbox(boxed),
    meshes.tree_shardings(boxed, mesh),
  )


def create(
  init_model: Callable[[jax.Array], Any],
  tx: optax.GradientTransformation,
  mesh: Mesh,
  *,
  seed: int,
  pretrained: Any = None,
  learnable_temperature: float | None = None,
  averaged: bool = False,
  lora: adapters.Settings | None = None,
) -> tuple[TrainState, Any]:
  """A fresh state and its shardings.

  Args:
    init_model: parameters of the model, boxed with logical axes, from a key.
    tx: the optimizer.
    mesh: where the state lives.
    seed: of the parameters that are drawn.
    pretrained: parameters of the model that replace the drawn ones.
    learnable_temperature: its first value, if it is to be learnt.
    averaged: whether the state keeps an average of the parameters.
    lora: adapters beside the encoder's kernels, or None.
  """
  init = _init(init_model, tx, learnable_temperature, averaged, lora)
  key = jax.random.key(seed)
  shardings = meshes.tree_shardings(jax.eval_shape(init, key), mesh)
  with meshes.use(mesh):
    state = jax.jit(lambda key: nn.unbox(init(key)), out_shardings=shardings)(
      key
    )
  if pretrained is not None:
    model = jax.tree.map(jax.device_put, pretrained, shardings.params["model"])
    state = state.replace(params={**state.params, "model": model})
    if averaged:
      state = state.replace(average=averages.start(model))
  return state, shardings


def saved(state: TrainState) -> dict[str, Any]:
  """What a checkpoint holds: the fields that are there.

  A field of None is no match for a checkpoint that was saved without it.
  """
  return {key: x for key, x in vars(state).items() if x is not None}


def judged(state: TrainState, lora: adapters.Settings | None = None) -> Any:
  """The model's parameters that are evaluated and shipped, adapters merged.

  Args:
    state: of `create` or after steps.
    lora: as of `create`.
  """
  if state.average is not None:
    return state.average
  if "lora" not in state.params:
    return state.params["model"]
  return _merged(state.params, lora)


def temperature(params: Any, fixed: float) -> jax.Array | float:
  """τ of the loss: the learnt one, kept at 0.01 or more, or `fixed`."""
  if "log_scale" not in params["loss"]:
    return fixed
  return jnp.exp(-jnp.minimum(params["loss"]["log_scale"], jnp.log(100.0)))


_merged = jax.jit(adapters.of, static_argnums=1)


def _init(init_model, tx, learnable_temperature, averaged, lora):
  def init(key):
    loss = {}
    if learnable_temperature is not None:
      loss["log_scale"] = jnp.log(1 / jnp.float32(learnable_temperature))
    params = {"model": init_model(key), "loss": loss}
    if lora is not None:
      own = jax.random.fold_in(key, _ADAPTERS)
      params["lora"] = adapters.start(params["model"], lora, own)
    return TrainState(
      jnp.zeros((), jnp.int32),
      params,
      _fitted(tx.init(params)),
      averages.start(params["model"]) if averaged else None,
    )

  return init


def _fitted(opt_state):
  """A new state whose axis names are those of what it holds.

  What is not shaped as its parameter, such as a kernel's row of moments, has
  the parameter's names still; it is small, and every device has it whole.
  """

  def fit(leaf):
    if not isinstance(leaf, nn.Partitioned):
      return leaf
    value: Any = leaf.value
    if value.ndim == len(leaf.names) and value.shape != (1,):
      return leaf
    return leaf.replace(names=(None,) * value.ndim)

  return jax.tree.map(
    fit, opt_state, is_leaf=lambda node: isinstance(node, nn.Partitioned)
  )
