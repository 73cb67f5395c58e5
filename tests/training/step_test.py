"""One step on many devices is one step on one device."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import loss
from tests.training import tiny

GROUPS = [0, 1, 2, 0, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 0]
LAYOUTS = [(8, 1), (2, 4)]
CASES = [
  {"negatives": 0},
  {"negatives": 3},
  {"negatives": 0, "groups": GROUPS},
  {"negatives": 3, "groups": GROUPS, "symmetric": True},
]


def place(batch, mesh):
  return {
    "rows": jax.device_put(batch["rows"], meshes.rows_sharding(mesh)),
    "group": jax.device_put(batch["group"], meshes.replicated(mesh)),
  }


def value_and_gradients(layout, model, case):
  """Loss and gradients on a mesh, with dropout on, from one set of weights."""
  case = dict(case)
  negatives, groups = case.pop("negatives"), case.pop("groups", None)
  mesh = tiny.mesh_of(*layout)
  state, _ = tiny.setup(mesh, model, negatives=negatives, **case)
  embed = tiny.embedder(model, negatives)

  def objective(params, batch):
    q_BD, p_ND = embed(params["model"], batch["rows"], jax.random.key(5))
    return loss.contrastive(
      q_BD, p_ND, group_B=batch["group"], temperature=0.1, **case
    )[0]

  batch = place(tiny.batch(0, negatives=negatives, groups=groups), mesh)
  with meshes.use(mesh):
    return jax.device_get(
      jax.jit(jax.value_and_grad(objective))(state.params, batch)
    )


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_equal_one_device(case):
  model = tiny.module()
  one, one_grads = value_and_gradients((1, 1), model, case)
  for layout in LAYOUTS:
    many, grads = value_and_gradients(layout, model, case)
    np.testing.assert_allclose(many, one, rtol=0, atol=1e-6)
    # A key's bias has no gradient but rounding noise: its own norm is no scale.
    floor = 1e-4 * optax.tree.norm(one_grads)
    for path, expected in jax.tree.leaves_with_path(one_grads):
      found = dict(jax.tree.leaves_with_path(grads))[path]
      scale = max(np.linalg.norm(expected), floor)
      assert np.linalg.norm(found - expected) <= 1e-5 * scale, (layout, path)


@pytest.mark.parametrize("case", [CASES[0], CASES[3]])
def test_five_steps_in_float64_equal_one_device(case):
  case = dict(case)
  negatives, groups = case.pop("negatives"), case.pop("groups", None)
  with jax.enable_x64(True):
    model = tiny.module(dtype="float64")
    ends = []
    for layout in [(1, 1), *LAYOUTS]:
      mesh = tiny.mesh_of(*layout)
      state, step = tiny.setup(mesh, model, negatives=negatives, **case)
      with meshes.use(mesh):
        for t in range(5):
          batch = tiny.batch(t, negatives=negatives, groups=groups)
          state, _ = step(state, place(batch, mesh))
      ends.append(jax.device_get(state.params))
  for other in ends[1:]:
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-8),
      ends[0],
      other,
    )


def test_no_token_states_travel_between_devices():
  """What devices exchange is one vector a text, never [rows, length, embed]."""
  mesh = tiny.mesh_of(8, 1)
  state, step = tiny.setup(mesh, tiny.module(dropout=0.0))
  with meshes.use(mesh):
    text = step.lower(state, place(tiny.batch(0), mesh)).compile().as_text()
  moving = [
    line
    for line in text.splitlines()
    if re.search(r"(all-gather|all-reduce|all-to-all|permute)\(", line)
  ]
  tokens = tiny.ROWS * tiny.LENGTH
  vectors = 2 * tiny.BATCH + 1  # One for padding.
  assert any(f"[{vectors},32]" in line for line in moving)
  for line in moving:
    assert f"[{tokens}," not in line
    assert f"[{tiny.ROWS},{tiny.LENGTH}," not in line


@pytest.mark.parametrize("remat", ["dense", "full"])
def test_remat_changes_nothing(remat):
  case = {"negatives": 0}
  plain, plain_grads = value_and_gradients((1, 1), tiny.module(), case)
  again, again_grads = value_and_gradients(
    (1, 1), tiny.module(remat=remat), case
  )
  np.testing.assert_allclose(plain, again, rtol=0, atol=1e-6)
  floor = 1e-4 * optax.tree.norm(plain_grads)
  for a, b in zip(
    jax.tree.leaves(plain_grads), jax.tree.leaves(again_grads), strict=True
  ):
    scale = max(np.linalg.norm(a), floor)
    assert np.linalg.norm(a - b) <= 1e-5 * scale


def test_dropout_follows_from_the_row_and_the_step():
  """More rows of padding leave the loss as it is; another step does not."""
  model = tiny.module(dropout=0.3)
  mesh = tiny.mesh_of(1, 1)
  state, step = tiny.setup(mesh, model)
  batch = tiny.batch(0)
  longer = {
    "rows": {
      "both": tuple(
        np.pad(x, ((0, 8), (0, 0)), constant_values=fill)
        for x, fill in zip(
          batch["rows"]["both"], (1, 0, 0, 2 * tiny.BATCH), strict=True
        )
      )
    },
    "group": batch["group"],
  }
  with meshes.use(mesh):
    _, first = step(state, batch)
    _, padded = step(state, longer)
    _, later = step(state.replace(step=jnp.int32(1)), batch)
  np.testing.assert_allclose(first["loss"], padded["loss"], rtol=1e-6)
  assert abs(float(first["loss"] - later["loss"])) > 1e-3


def test_the_temperature_is_learnt_and_used():
  mesh = tiny.mesh_of(1, 1)
  state, step = tiny.setup(mesh, tiny.module(), learnable=0.05)
  with meshes.use(mesh):
    for t in range(5):
      state, metrics = step(state, tiny.batch(t))
  assert 0.01 <= float(metrics["temperature"]) != pytest.approx(0.05)


def test_untied_towers_have_their_own_parameters():
  model = tiny.module(tied=False)
  mesh = tiny.mesh_of(1, 1)
  state, _ = tiny.setup(mesh, model)
  assert set(state.params["model"]) == {"query", "passage"}
  rows = tiny.batch(0)["rows"]["both"]
  query, passage = (
    model.apply(
      {"params": state.params["model"]}, *rows, num_texts=32, side=side
    )
    for side in ("query", "passage")
  )
  assert np.abs(np.asarray(query - passage)).max() > 0.1
