"""Adapters: what they add, what learns, and that devices change nothing."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import lora, state
from tests.training import tiny

RANK = 3
SETTINGS = lora.Settings(rank=RANK, alpha=12.0, targets=("query", "mlp_out"))


def adapters(model, settings=SETTINGS):
  """Adapters of a tiny model whose b is drawn too, without axis names."""
  made = meshes.unbox(
    lora.start(tiny.start(model)(None), settings, jax.random.key(1))
  )
  leaves, tree = jax.tree.flatten(made)
  rng = np.random.default_rng(2)
  return jax.tree.unflatten(
    tree,
    [jnp.asarray(rng.normal(0, 0.1, x.shape), x.dtype) for x in leaves],
  )


def test_adapters_begin_as_the_encoder_itself():
  model = tiny.module(tied=False)
  boxed = tiny.start(model)(None)
  made = lora.start(boxed, SETTINGS, jax.random.key(1))
  assert sorted(made) == ["passage", "query"]
  layers = made["query"]["encoder"]["layers"]
  assert sorted(layers) == ["mlp_out", "query"]
  pair = meshes.unbox(layers)["mlp_out"]["kernel"]
  assert pair["a"].shape == (2, 64, RANK) and pair["b"].shape == (2, RANK, 32)
  assert float(jnp.abs(pair["a"]).max()) <= 64**-0.5
  # No two matrices are drawn alike.
  other = meshes.unbox(made)["passage"]["encoder"]["layers"]["mlp_out"]
  assert float(jnp.abs(pair["a"] - other["kernel"]["a"]).max()) > 0.01
  params = meshes.unbox(boxed)
  jax.tree.map(
    np.testing.assert_array_equal,
    lora.merged(params, meshes.unbox(made), SETTINGS),
    params,
  )


def test_what_is_added_is_the_scaled_product():
  model = tiny.module()
  params, made = tiny.params(model), adapters(model)
  found = lora.merged(params, made, SETTINGS)
  changed = found["both"]["encoder"]["layers"]["query"]["kernel"]
  pair = made["both"]["encoder"]["layers"]["query"]["kernel"]
  before = params["both"]["encoder"]["layers"]["query"]["kernel"]
  for layer in range(2):
    np.testing.assert_allclose(
      changed[layer],
      before[layer]
      + 12 / RANK * np.asarray(pair["a"])[layer] @ np.asarray(pair["b"])[layer],
      rtol=1e-5,
      atol=1e-6,
    )
  same = found["both"]["encoder"]["layers"]["key"]["kernel"]
  assert same is params["both"]["encoder"]["layers"]["key"]["kernel"]


def test_dropout_drops_inputs_and_keeps_the_mean():
  model = tiny.module()
  params, made = tiny.params(model), adapters(model)
  half = lora.Settings(rank=RANK, alpha=12.0, dropout=0.5, targets=("query",))
  made = {
    "both": {
      "encoder": {
        "layers": {"query": made["both"]["encoder"]["layers"]["query"]}
      }
    }
  }

  def change(key):
    found = lora.merged(params, made, half, key)
    place = "both", "encoder", "layers", "query", "kernel"
    return functools.reduce(lambda x, name: x[name], place, found) - (
      functools.reduce(lambda x, name: x[name], place, params)
    )

  whole = change(None)
  rows = np.abs(np.asarray(change(jax.random.key(0)))).max(axis=-1) > 1e-7
  assert 0.2 < rows.mean() < 0.8
  many = np.mean([change(jax.random.key(k)) for k in range(400)], axis=0)
  np.testing.assert_allclose(many, whole, atol=0.08)


@pytest.mark.parametrize("tied", [True, False])
def test_gradients_are_the_dense_ones_through_the_product(tied):
  with jax.enable_x64(True):
    model = tiny.module(dtype="float64", dropout=0.0, tied=tied)
    mesh = tiny.mesh_of(1, 1, 1)
    params, made = tiny.params(model), adapters(model)
    batch = tiny.batch(0, tied=tied)
    key = jax.random.key(0)

    def gradient(given):
      shardings = jax.tree.map(lambda _: meshes.replicated(mesh), given)
      minimised = tiny.make_objective(
        mesh,
        model,
        state.TrainState(0, shardings, None),
        lora=SETTINGS,
      )
      with meshes.use(mesh):
        return tiny.jit(jax.grad(lambda x: minimised(x, batch, key)[0]))(given)

    found = gradient({"model": params, "lora": made, "loss": {}})["lora"]
    dense = gradient(
      {"model": lora.merged(params, made, SETTINGS), "loss": {}}
    )["model"]
    for tower, adapter in made.items():
      for name, pair in adapter["encoder"]["layers"].items():
        dW_LDF = dense[tower]["encoder"]["layers"][name]["kernel"]
        a_LDr, b_LrF = pair["kernel"]["a"], pair["kernel"]["b"]
        got = found[tower]["encoder"]["layers"][name]["kernel"]
        assert float(jnp.abs(dW_LDF).max()) > 1e-5
        np.testing.assert_allclose(
          got["a"], 4 * dW_LDF @ b_LrF.swapaxes(1, 2), rtol=0, atol=1e-12
        )
        np.testing.assert_allclose(
          got["b"], 4 * a_LDr.swapaxes(1, 2) @ dW_LDF, rtol=0, atol=1e-12
        )


def _steps(layout, number=3, **settings):
  """State after some steps in float64, and that before them."""
  model = tiny.module(dtype="float64", projection=16)
  mesh = tiny.mesh_of(*layout)
  first, step = tiny.setup(mesh, model, **settings)
  before, now = jax.device_get(first), first
  with meshes.use(mesh):
    for t in range(number):
      now, _ = step(now, tiny.place(tiny.batch(t), mesh))
  return before, jax.device_get(now)


def test_a_step_moves_adapters_and_heads_alone():
  with jax.enable_x64(True):
    before, after = _steps((1, 1, 1), lora=SETTINGS)
    jax.tree.map(
      np.testing.assert_array_equal,
      before.params["model"]["both"]["encoder"],
      after.params["model"]["both"]["encoder"],
    )
    moved = jax.tree.map(
      lambda a, b: float(np.abs(a - b).max()),
      (before.params["lora"], before.params["model"]["both"]["projection"]),
      (after.params["lora"], after.params["model"]["both"]["projection"]),
    )
    assert min(jax.tree.leaves(moved)) > 1e-6
    # Two moments of what learns, and counts.
    learns = before.params["lora"], before.params["model"]["both"]["projection"]
    sizes = [sum(x.size for x in jax.tree.leaves(t)) for t in learns]
    held = sum(x.size for x in jax.tree.leaves(after.opt_state))
    assert 2 * sum(sizes) <= held <= 2 * sum(sizes) + 8
    # What is judged has them in it.
    judged = state.judged(after, SETTINGS)
    layers = "both", "encoder", "layers", "query", "kernel"
    kernel, judged_kernel = after.params["model"], judged
    for name in layers:
      kernel, judged_kernel = kernel[name], judged_kernel[name]
    assert float(np.abs(kernel - judged_kernel).max()) > 1e-6


@pytest.mark.parametrize("layout", [(2, 2, 2), (1, 8, 1), (1, 1, 8)])
def test_devices_and_chunks_change_nothing(layout):
  every = lora.Settings(rank=8, dropout=0.3, targets=(lora.ALL,))
  with jax.enable_x64(True):
    _, one = _steps((1, 1, 1), lora=every, average=0.9)
    _, other = _steps(layout, lora=every, average=0.9, chunk_tokens=64)
    for a, b in (
      (one.params, other.params),
      (one.average, other.average),
      (one.opt_state, other.opt_state),
    ):
      jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=0, atol=1e-8), a, b
      )


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_every_architecture_is_adapted(architecture):
  model = tiny.module(**tiny.ARCHITECTURES[architecture])
  boxed = tiny.start(model)(None)
  every = lora.Settings(rank=2, targets=("all",))
  layers = lora.start(boxed, every, jax.random.key(0))["both"]["encoder"]
  assert "mlp_gate" in layers["layers"] and len(layers["layers"]) == 7
  with pytest.raises(
    ValueError,
    match="'qkv'; the layers of this encoder have attention_out, key, mlp_gate",
  ):
    lora.start(
      boxed, lora.Settings(rank=2, targets=("qkv",)), jax.random.key(0)
    )


@pytest.mark.parametrize(
  ("given", "said"),
  [
    ({"rank": -1}, "rank is -1"),
    ({"rank": 2, "alpha": 0}, "alpha is 0"),
    ({"rank": 2, "dropout": 1.0}, "dropout is 1.0"),
    ({"rank": 2, "targets": ()}, "targets is empty"),
    ({"rank": 2, "targets": "query"}, "is the text 'query'"),
  ],
)
def test_settings_out_of_range_are_refused(given, said):
  with pytest.raises(ValueError, match=said):
    lora.Settings(**given)


def test_a_rank_above_the_kernels_own_is_refused():
  with pytest.raises(ValueError, match="lora.rank 33 is more than the 32"):
    lora.start(
      tiny.start(tiny.module())(None),
      lora.Settings(rank=33),
      jax.random.key(0),
    )
