"""Checkpoints: the last few and the best stay; what is read is what was."""

import jax
import jax.numpy as jnp
import numpy as np

from hybridret_jax.training import checkpoint


def test_the_last_and_the_best_stay(tmp_path):
  figures = {1: 0.2, 2: 0.9, 3: None, 4: 0.5, 5: None}
  with checkpoint.open_folder(tmp_path / "c", keep=2) as checkpoints:
    for step, figure in figures.items():
      checkpoint.save(
        checkpoints,
        {"w": jnp.full(3, float(step))},
        step=step,
        figure=figure,
        notes={"best": 0.9},
      )
  with checkpoint.open_folder(tmp_path / "c", keep=2) as checkpoints:
    assert [c.step for c in checkpoints.checkpoints] == [2, 4, 5]
    assert checkpoint.best_step(checkpoints) == 2
    assert checkpoint.notes(checkpoints) == {"best": 0.9}
    like = {"w": jnp.zeros(3)}
    latest = checkpoint.restore(checkpoints, like)
    best = checkpoint.restore(checkpoints, like, step=2)
  np.testing.assert_array_equal(latest["w"], np.full(3, 5.0))
  np.testing.assert_array_equal(best["w"], np.full(3, 2.0))


def test_nothing_saved_leaves_the_state(tmp_path):
  state = {"w": jnp.ones(2)}
  with checkpoint.open_folder(tmp_path / "c") as checkpoints:
    assert checkpoint.restore(checkpoints, state) is state
    assert checkpoint.best_step(checkpoints) is None
    assert checkpoint.notes(checkpoints) == {}


def test_it_is_laid_out_as_asked(tmp_path):
  mesh = jax.make_mesh(
    (8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,)
  )
  split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
  with checkpoint.open_folder(tmp_path / "c") as checkpoints:
    checkpoint.save(checkpoints, {"w": jnp.arange(16.0)}, step=1)
    like = {"w": jax.device_put(jnp.zeros(16), split)}
    found = checkpoint.restore(checkpoints, like)
  assert found["w"].sharding == split
  np.testing.assert_array_equal(found["w"], np.arange(16.0))
