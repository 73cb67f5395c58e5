"""What must not depend on devices: losses, gradients, five steps."""

import jax
import optax

from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import state as states
from tests.training import tiny

GROUPS = [0, 1, 2, 0, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 0]
CASES = [
  {"negatives": 0},
  {"negatives": 0, "directions": "symmetric", "groups": GROUPS},
  {"negatives": 3, "groups": GROUPS},
  {"negatives": 3, "directions": "symmetric"},
]


def split(case):
  """(batch settings, module settings, objective settings) of a case."""
  case = dict(case)
  of_batch = {k: case.pop(k) for k in ("groups", "tied") if k in case}
  of_module = {k: of_batch[k] for k in ("tied",) if k in of_batch}
  shared = {k: case[k] for k in ("negatives", "parallel", "size") if k in case}
  return shared | of_batch, of_module, case


def sgd(mesh, case):
  """(losses, first gradients, parameters) of five SGD steps in float32."""
  of_batch, of_module, settings = split(case)
  model = tiny.module(**of_module)
  first, shardings = states.create(
    tiny.start(model), optax.sgd(0.1), mesh, seed=0
  )
  minimised = tiny.make_objective(mesh, model, shardings, **settings)
  whole = meshes.replicated(mesh)

  def step(params, batch, key):
    (value, _), grads = jax.value_and_grad(minimised, has_aux=True)(
      params, batch, key
    )
    return (
      value,
      grads,
      jax.tree.map(lambda p, g: p - 0.1 * g, params, grads),
    )

  with meshes.use(mesh):
    step = tiny.jit(step, out_shardings=(whole, whole, shardings.params))
    gather = jax.jit(lambda x: x, out_shardings=whole)
    params, losses, gradients = first.params, [], None
    for t in range(5):
      batch = tiny.place(tiny.batch(t, **of_batch), mesh)
      value, grads, params = step(params, batch, jax.random.key(t))
      gradients = grads if gradients is None else gradients
      losses.append(float(value))
    return losses, jax.device_get(gradients), jax.device_get(gather(params))


def adamw(mesh, case):
  """Parameters after five AdamW steps in float64; 64 bits must be on."""
  of_batch, of_module, settings = split(case)
  model = tiny.module(dtype="float64", **of_module)
  state, step = tiny.setup(mesh, model, **settings)
  with meshes.use(mesh):
    for t in range(5):
      state, _ = step(state, tiny.place(tiny.batch(t, **of_batch), mesh))
    gather = jax.jit(lambda x: x, out_shardings=meshes.replicated(mesh))
    return jax.device_get(gather(state.params))
