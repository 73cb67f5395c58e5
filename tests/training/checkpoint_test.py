"""Checkpoints: the last few and the best stay; what is read is what was."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.ground import faults
from hybridret_jax.training import checkpoint, checkpoint_folder


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
    assert [c.step for c in checkpoints.orbax.checkpoints] == [2, 4, 5]
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


def save(folder, steps, *, size=3, **figures):
  with checkpoint.open_folder(folder, keep=2) as checkpoints:
    for step in steps:
      checkpoint.save(
        checkpoints,
        {"w": jnp.full(size, float(step))},
        step=step,
        figure=figures.get(f"at_{step}"),
        notes={"since_best": step},
      )


def listing(folder):
  return sorted(
    (str(path.relative_to(folder)), path.stat().st_mtime_ns)
    for path in folder.rglob("*")
  )


def test_a_reader_changes_nothing(tmp_path):
  """Not even what another process is writing, or has left."""
  folder = tmp_path / "c"
  save(folder, (1, 2), at_1=0.9)
  (folder / "3.orbax-checkpoint-tmp-7").mkdir()
  before = listing(folder)
  found = checkpoint.saved(folder)
  assert [(c.step, c.figure, c.notes) for c in found] == [
    (1, 0.9, {"since_best": 1}),
    (2, None, {"since_best": 2}),
  ]
  read, chosen = checkpoint.read_best(folder, {"w": jnp.zeros(3)})
  assert chosen.step == 1
  np.testing.assert_array_equal(read["w"], np.full(3, 1.0))
  assert listing(folder) == before
  assert checkpoint.saved(tmp_path / "none") == []
  assert checkpoint.read_best(tmp_path / "none", {"w": jnp.zeros(3)}) is None
  assert not (tmp_path / "none").exists()


def test_a_checkpoint_that_goes_while_it_is_read_is_given_up(
  tmp_path, monkeypatch
):
  folder = tmp_path / "c"
  save(folder, (1, 2), at_1=0.9)
  load = checkpoint.ocp.load

  def vanishing(path, *arguments):
    if path.endswith("/1"):
      shutil.rmtree(path)
    return load(path, *arguments)

  monkeypatch.setattr(checkpoint.ocp, "load", vanishing)
  _, chosen = checkpoint.read_best(folder, {"w": jnp.zeros(3)})
  assert chosen.step == 2


@pytest.mark.parametrize(
  "error",
  [Exception("while reading array index"), OSError(5, "io"), KeyError()],
)
def test_whatever_a_library_raises_names_the_checkpoint(error, tmp_path):
  # TensorStore's are bare Exceptions where a file goes while it is read.
  with (
    pytest.raises(faults.Fault, match=r"cannot be read \("),
    checkpoint_folder.telling(tmp_path / "3", "read"),
  ):
    raise error


def test_a_damaged_checkpoint_is_named(tmp_path):
  folder = tmp_path / "c"
  save(folder, (1,))
  for path in (folder / "1" / "state").rglob("*"):
    if path.is_file():
      path.write_bytes(b"")
  said = "every checkpoint there is damaged .*c/1: state"
  with pytest.raises(faults.Fault, match=said) as caught:
    checkpoint.read_best(folder, {"w": jnp.zeros(3)})
  assert "\n" not in str(caught.value)
  with (
    pytest.raises(faults.Fault, match=said),
    checkpoint.open_folder(folder),
  ):
    pytest.fail("was opened")


def test_what_a_kill_left_of_a_removed_checkpoint_is_gone(tmp_path):
  folder = tmp_path / "c"
  save(folder, (1, 2))
  (folder / "1" / "metrics" / "metrics").unlink()
  assert [c.step for c in checkpoint.saved(folder)] == [2]
  with checkpoint.open_folder(folder) as checkpoints:
    assert [c.step for c in checkpoints.orbax.checkpoints] == [2]
  assert not (folder / "1").exists()


@pytest.mark.parametrize(
  "name",
  [
    *("a b", "q'u\"o", "[x]", "*s", "w?", "#", "%20", "ü中", "back\\slash"),
    *("new\nline", "{x}", "$HOME", "x" * 200, "\udcff"),
  ],
)
def test_any_path_is_read_again(name, tmp_path):
  folder = tmp_path / name / "c"
  with checkpoint.open_folder(folder) as checkpoints:
    state = {"w": jnp.arange(4.0)}
    checkpoint.save(checkpoints, state, step=1)
    checkpoint.read_back(checkpoints, state, step=1)
  read, _ = checkpoint.read_best(folder, state)
  np.testing.assert_array_equal(read["w"], np.arange(4.0))


def test_a_checkpoint_that_reads_as_something_else_is_refused(tmp_path):
  with checkpoint.open_folder(tmp_path / "c") as checkpoints:
    state = {"w": jnp.arange(4.0)}
    checkpoint.save(checkpoints, state, step=1)
    with pytest.raises(faults.Fault, match="reads as something else"):
      checkpoint.read_back(checkpoints, {"w": jnp.arange(4.0) + 1}, step=1)


def test_of_a_big_state_the_small_arrays_are_read_back(tmp_path, monkeypatch):
  monkeypatch.setattr(checkpoint, "_READ_BACK", 64)
  state = {"big": jnp.zeros(1000), "small": jnp.arange(4.0)}
  with checkpoint.open_folder(tmp_path / "c") as checkpoints:
    checkpoint.save(checkpoints, state, step=1)
    checkpoint.read_back(checkpoints, {**state, "big": jnp.ones(1000)}, step=1)
