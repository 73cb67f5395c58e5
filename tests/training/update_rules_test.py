"""Each rule against optax's own; devices and checkpoints change nothing."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import checkpoint, optimizer, state, update_rules
from tests.training import tiny

RATE, DECAY, STEPS = 1e-2, 0.1, 4
# Factored from 128 on.
SIZES = {"hidden_size": 128, "mlp_size": 256, "vocab_size": 256}


def model(**other):
  return tiny.module(**SIZES, **other)


def moved(tx, params: Any) -> Any:
  """Parameters after steps of drawn gradients."""
  opt_state, rng = tx.init(params), np.random.default_rng(0)
  for _ in range(STEPS):
    grads = jax.tree.map(
      lambda x: jnp.asarray(rng.normal(0, 1e-3, x.shape), x.dtype), params
    )
    updates, opt_state = tx.update(grads, opt_state, params)
    params = optax.apply_updates(params, updates)
  return params, opt_state


def made(name, **other):
  return optimizer.make(
    total_steps=10,
    name=name,
    learning_rate=RATE,
    schedule="constant",
    weight_decay=DECAY,
    clip_norm=0.0,
    **other,
  )[0]


def decayed(params):
  return jax.tree_util.tree_map_with_path(
    lambda path, _: bool({x.key for x in path} & {"kernel", "embedding"}),
    params,
  )


def test_adafactor_is_optaxs_own():
  params = tiny.params(model())
  # It decays before it multiplies by the rate, unlike its own option.
  own = optax.chain(
    optax.adafactor(None, multiply_by_parameter_scale=False, eps=1e-16),
    optax.scale(-1),
    optax.add_decayed_weights(DECAY, decayed),
    optax.scale(-RATE),
  )
  found, kept = moved(made("adafactor"), params)
  want, _ = moved(own, params)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-6),
    found,
    want,
  )
  sizes = [sum(x.size for x in jax.tree.leaves(t)) for t in (kept, params)]
  assert sizes[0] < 0.05 * sizes[1]


def test_muon_of_stacked_layers_is_optaxs_own_of_each():
  params = tiny.params(model())
  found, kept = moved(made("muon"), params)

  def split(tree: Any) -> dict[str, Any]:
    """Layers apart, as optax's own rule wants its matrices."""
    layers = tree["both"]["encoder"]["layers"]
    return {
      f"{name}{i}": layer["kernel"][i]
      for name, layer in layers.items()
      if "kernel" in layer
      for i in range(len(layer["kernel"]))
    }

  # The same gradients: drawn for the whole tree, then split.
  own: Any = optax.contrib.muon(RATE, weight_decay=DECAY, consistent_rms=0.2)
  now: Any = split(params)
  rng = np.random.default_rng(0)
  opt_state = own.init(now)
  for _ in range(STEPS):
    grads = jax.tree.map(
      lambda x: jnp.asarray(rng.normal(0, 1e-3, x.shape), x.dtype), params
    )
    updates, opt_state = own.update(split(grads), opt_state, now)
    now = optax.apply_updates(now, updates)
  for name, want in now.items():
    np.testing.assert_allclose(split(found)[name], want, rtol=0, atol=1e-6)
  # All else by AdamW.
  adamw, _ = moved(made("adamw"), params)
  for part in ("tokens", "norm"):
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-7),
      found["both"]["encoder"][part],
      adamw["both"]["encoder"][part],
    )
  sizes = [sum(x.size for x in jax.tree.leaves(t)) for t in (kept, params)]
  assert sizes[0] < 1.3 * sizes[1]


@pytest.mark.parametrize("name", ["adafactor", "muon"])
@pytest.mark.parametrize("layout", [(2, 2, 2), (1, 8, 1)])
def test_devices_change_nothing(name, layout):
  def after(layout):
    mesh = tiny.mesh_of(*layout)
    tx = made(name, layer_decay=0.8, frozen=("tokens",))
    first, step = tiny.setup(
      mesh,
      model(dtype="float64", projection=16),
      tx=tx,
      frozen=("tokens",),
    )
    with meshes.use(mesh):
      for t in range(2):
        first, _ = step(first, tiny.place(tiny.batch(t), mesh))
    return jax.device_get((first.params, first.opt_state))

  with jax.enable_x64(True):
    one, other = after((1, 1, 1)), after(layout)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(
        a, b, rtol=0, atol=1e-7 if name == "muon" else 1e-8
      ),
      one,
      other,
    )


@pytest.mark.parametrize("name", ["adafactor", "muon"])
def test_a_run_goes_on_from_its_checkpoint(name, tmp_path):
  mesh = tiny.mesh_of(2, 2, 2)
  first, step = tiny.setup(mesh, model(), tx=made(name))
  with (
    meshes.use(mesh),
    checkpoint.open_folder(tmp_path / "run", keep=1) as folder,
  ):
    now, _ = step(first, tiny.place(tiny.batch(0), mesh))
    checkpoint.save(folder, state.saved(now), step=1)
    back = state.TrainState(**checkpoint.restore(folder, state.saved(now)))
    one, _ = step(now, tiny.place(tiny.batch(1), mesh))
    other, _ = step(back, tiny.place(tiny.batch(1), mesh))
  jax.tree.map(
    np.testing.assert_array_equal, jax.device_get(one), jax.device_get(other)
  )


def test_wrong_names_and_settings_are_refused():
  with pytest.raises(ValueError, match="name 'lion' is not one of adamw, ada"):
    made("lion")
  with pytest.raises(ValueError, match="b2 is 0.95, but adafactor has none"):
    made("adafactor", b2=0.95)
  assert update_rules.NAMES[0] == "adamw"
