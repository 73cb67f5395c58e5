"""One step on many devices is one step on one device."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import state as states
from tests.training import cases, tiny

MESHES = [(8, 1, 1), (4, 2, 1), (2, 2, 2), (1, 8, 1), (1, 1, 8)]
# One row for each setting that the others do not touch.
MORE = [
  {"negatives": 1, "directions": "four", "same_group": "positive"},
  {"negatives": 1, "hard_negative_weight": 3.0, "block_size": 5},
  {"parallel": True, "alignment_weight": 0.5, "block_size": 5},
  {"matryoshka_dims": (8, 16), "learnable": 0.1, "size": 13},
  {"tied": False, "negatives": 1, "chunk_tokens": 64},
]


@functools.cache
def sgd(layout, number):
  return cases.sgd(tiny.mesh_of(*layout), cases.CASES[number])


@pytest.mark.parametrize("number", range(len(cases.CASES)))
@pytest.mark.parametrize("layout", MESHES)
def test_loss_gradients_and_five_sgd_steps_equal_one_device(layout, number):
  losses, grads, params = sgd(layout, number)
  want_losses, want_grads, want_params = sgd((1, 1, 1), number)
  tiny.assert_close((losses[0], grads), (want_losses[0], want_grads))
  np.testing.assert_allclose(losses, want_losses, rtol=0, atol=2e-6)
  tiny.assert_close((0, params), (0, want_params))


@pytest.mark.parametrize("case", cases.CASES)
def test_five_adamw_steps_in_float64_equal_one_device(case):
  with jax.enable_x64(True):
    one, *others = (
      cases.adamw(tiny.mesh_of(*layout), case)
      for layout in [(1, 1, 1), *MESHES]
    )
  for other in others:
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-8),
      one,
      other,
    )


@pytest.mark.parametrize("case", MORE)
def test_other_losses_equal_one_device(case):
  of_batch, of_module, settings = cases.split(case)
  batch = tiny.batch(1, **of_batch)
  one, many = (
    tiny.gradients(
      tiny.mesh_of(*layout), tiny.module(**of_module), batch, **settings
    )
    for layout in [(1, 1, 1), (2, 2, 2)]
  )
  tiny.assert_close(many, one)


def test_a_head_with_biases_gives_no_vector_to_another_slices_texts():
  """LaBSE's head: a text that a slice has not is zero there, not tanh(bias)."""
  model = tiny.module(pooling="cls_dense_tanh", projection=16)

  def filled(key):
    return jax.tree.map(lambda x: x + 0.1, tiny.init(model, key))

  found = []
  for layout in [(1, 1, 1), (4, 2, 1)]:
    mesh = tiny.mesh_of(*layout)
    state, shardings = states.create(filled, optax.sgd(0.1), mesh, seed=0)
    minimised = tiny.make_objective(mesh, model, shardings)
    with meshes.use(mesh):
      value, _ = tiny.jit(minimised)(
        state.params, tiny.place(tiny.batch(0), mesh), jax.random.key(0)
      )
    found.append(float(value))
  assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_no_token_states_travel_between_devices():
  """What devices exchange is one vector a text, never the tokens' states."""
  mesh = tiny.mesh_of(4, 2, 1)
  state, step = tiny.setup(mesh, tiny.module(dropout=0.0))
  batch = tiny.batch(0)
  with meshes.use(mesh):
    text = step.lower(state, tiny.place(batch, mesh)).compile().as_text()
  moving = [
    line
    for line in text.splitlines()
    if re.search(r"(all-gather|all-reduce|reduce-scatter|permute)\(", line)
  ]
  tokens = sum(tier[0].size for tier in batch["rows"]["both"])
  shares = {tokens // n for n in (1, 2, 4, 8)}
  assert any(f"f32[{tiny.BATCH},32]" in line for line in moving)
  for line in moving:
    widths = {int(n) for n in re.findall(r"f32\[(\d+),32\]", line)}
    assert not widths & shares, line


@pytest.mark.parametrize("remat", ["dense", "full"])
def test_remat_changes_nothing(remat):
  mesh, batch = tiny.mesh_of(), tiny.batch(0)
  plain = tiny.gradients(mesh, tiny.module(), batch)
  again = tiny.gradients(mesh, tiny.module(remat=remat), batch)
  tiny.assert_close(again, plain)


def test_bfloat16_follows_float32():
  """Parameters, gradients and the loss stay float32, and close to them."""
  mesh, batch = tiny.mesh_of(), tiny.batch(0)
  value, grads = tiny.gradients(mesh, tiny.module(dtype="bfloat16"), batch)
  want, want_grads = tiny.gradients(mesh, tiny.module(), batch)
  assert {x.dtype for x in jax.tree.leaves(grads)} == {np.dtype("float32")}
  assert value.dtype == np.float32
  assert value == pytest.approx(want, rel=0.02)
  difference = optax.tree.norm(optax.tree.sub(grads, want_grads))
  assert difference < 0.1 * optax.tree.norm(want_grads)


def test_dropout_follows_from_the_row_and_the_step():
  """More rows of padding leave the loss as it is; another step does not."""
  mesh = tiny.mesh_of()
  state, step = tiny.setup(mesh, tiny.module(dropout=0.3))
  batch = tiny.batch(0)

  def longer(tier):
    fills = (1, 0, 0, 2 * tiny.BATCH, 0)
    return tuple(
      np.pad(x, ((0, 8), *((0, 0),) * (x.ndim - 1)), constant_values=fill)
      for x, fill in zip(tier, fills, strict=True)
    )

  padded = {
    **batch,
    "rows": {"both": tuple(longer(t) for t in batch["rows"]["both"])},
  }
  with meshes.use(mesh):
    _, first = step(state, batch)
    _, more = step(state, padded)
    _, later = step(state.replace(step=jnp.int32(1)), batch)
  np.testing.assert_allclose(first["loss"], more["loss"], rtol=1e-6)
  assert abs(float(first["loss"] - later["loss"])) > 1e-3


def test_the_temperature_is_learnt_and_used():
  mesh = tiny.mesh_of()
  state, step = tiny.setup(mesh, tiny.module(), learnable=0.05)
  with meshes.use(mesh):
    for t in range(5):
      state, metrics = step(state, tiny.batch(t))
  assert 0.01 <= float(metrics["temperature"]) != pytest.approx(0.05)


def test_a_frozen_table_has_no_gradient_and_stays():
  mesh = tiny.mesh_of(2, 2)
  state, step = tiny.setup(mesh, tiny.module(), frozen=("tokens",))
  with meshes.use(mesh):
    after = state
    for t in range(2):  # The rate warms up from 0.
      after, metrics = step(after, tiny.place(tiny.batch(t), mesh))
  before, after = (s.params["model"]["both"]["encoder"] for s in (state, after))
  np.testing.assert_array_equal(
    before["tokens"]["embedding"], after["tokens"]["embedding"]
  )
  assert np.any(
    before["positions"]["embedding"] != after["positions"]["embedding"]
  )
  assert np.isfinite(metrics["gradient_norm"])


def test_the_average_follows_the_parameters():
  mesh = tiny.mesh_of(2, 2)
  state, step = tiny.setup(mesh, tiny.module(), average=0.5)
  with meshes.use(mesh):
    for t in range(3):
      want = jax.device_get(state.average)
      state, _ = step(state, tiny.place(tiny.batch(t), mesh))
      share = max(0.5, 9 / (10 + t))  # The decay warms up.
      want = jax.tree.map(
        lambda a, p, share=share: a + share * (np.asarray(p) - a),
        want,
        state.params["model"],
      )
      jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7),
        state.average,
        want,
      )
  assert states.judged(state) is state.average


def test_untied_towers_have_their_own_parameters():
  model = tiny.module(tied=False)
  state, _ = tiny.setup(tiny.mesh_of(), model)
  assert set(state.params["model"]) == {"query", "passage"}
  rows = tiny.batch(0)["rows"]["both"]
  query, passage = (
    model.apply(
      {"params": state.params["model"]}, rows, num_texts=32, side=side
    )
    for side in ("query", "passage")
  )
  assert np.abs(np.asarray(query - passage)).max() > 0.1
