"""Checkpoints that are not what was written."""

import json
import logging
import shutil

import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.ground import faults
from hybridret_jax.training import checkpoint, checkpoint_digests


def state(step):
  return {"w": jnp.arange(4096.0) + step}


@pytest.fixture
def folder(tmp_path):
  """Three checkpoints; that of step 2 is the best."""
  folder = tmp_path / "c"
  with checkpoint.open_folder(folder, keep=3) as checkpoints:
    for step, figure in ((1, 0.2), (2, 0.9), (3, 0.5)):
      checkpoint.save(
        checkpoints,
        state(step),
        step=step,
        figure=figure,
        notes={"best": figure},
      )
  return folder


def resumed(folder):
  with checkpoint.open_folder(folder, keep=3) as checkpoints:
    found = checkpoint.restore(checkpoints, state(0))
    return float(found["w"][0]), checkpoint.notes(checkpoints)


def data_file(place):
  """The largest file: it holds the arrays."""
  return max(
    (p for p in place.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size
  )


def flip(path, position=None):
  data = bytearray(path.read_bytes())
  data[len(data) // 2 if position is None else position] ^= 1
  path.write_bytes(data)


def test_every_checkpoint_has_the_digests_of_its_files(folder):
  for step in (1, 2, 3):
    place = folder / str(step)
    stated = json.loads((place / checkpoint_digests.FILE).read_text())
    files = {
      p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file()
    }
    assert set(stated) == files - {checkpoint_digests.FILE}
    assert checkpoint_digests.problem(place) is None


def test_whole_ones_are_taken_as_they_are(folder):
  assert resumed(folder) == (3.0, {"best": 0.5, "figure": 0.5})


def _every_file(folder):
  return [p for p in sorted((folder / "3").rglob("*")) if p.is_file()]


@pytest.mark.parametrize("harm", ["flip", "empty", "cut", "remove"])
def test_of_a_damaged_newest_the_one_before_is_used(folder, harm, caplog):
  """Whatever file of it, and however."""
  caplog.set_level(logging.WARNING)
  originals = shutil.copytree(folder, folder.with_name("originals"))
  for path in _every_file(folder):
    name = path.relative_to(folder / "3")
    size = path.stat().st_size
    if size == 0 and harm != "remove":
      continue
    if harm == "flip":
      flip(path)
    elif harm == "remove":
      path.unlink()
    else:
      path.write_bytes(
        b"" if harm == "empty" else path.read_bytes()[: size // 2]
      )
    found = resumed(folder)
    if harm == "remove" and name.name == checkpoint_digests.FILE:
      # There is nothing to compare it with, and it is whole.
      assert found[0] == 3.0
    else:
      assert found == (2.0, {"best": 0.9, "figure": 0.9}), name
      assert "goes on from the checkpoint before" in caplog.text
      assert (folder / "3.damaged").is_dir()
    shutil.rmtree(folder)
    shutil.copytree(originals, folder)


def test_where_none_is_whole_nothing_is_moved(folder):
  for step in (1, 2, 3):
    flip(data_file(folder / str(step)))
  with pytest.raises(faults.Fault, match="every checkpoint there is damaged"):
    resumed(folder)
  with pytest.raises(faults.Fault, match="every checkpoint there is damaged"):
    checkpoint.read_best(folder, state(0))
  assert sorted(p.name for p in folder.iterdir()) == ["1", "2", "3"]


def test_readers_take_the_best_of_the_others_and_move_nothing(folder, caplog):
  flip(data_file(folder / "2"))
  read, chosen = checkpoint.read_best(folder, state(0))
  assert chosen.step == 3
  assert float(read["w"][0]) == 3.0
  assert "damaged, and not used" in caplog.text
  assert (folder / "2").is_dir()


def test_one_set_aside_does_not_cover_another(folder):
  flip(data_file(folder / "3"))
  assert resumed(folder)[0] == 2.0
  with checkpoint.open_folder(folder, keep=3) as checkpoints:
    checkpoint.save(checkpoints, state(3), step=3)
  flip(data_file(folder / "3"))
  assert resumed(folder)[0] == 2.0
  assert {p.name for p in folder.iterdir()} >= {"3.damaged", "3.damaged2"}


def test_saved_again_it_has_the_digests_of_what_is_there_now(folder):
  with checkpoint.open_folder(folder, keep=3) as checkpoints:
    checkpoint.save(
      checkpoints, state(7), step=3, figure=0.7, notes={}, again=True
    )
  assert checkpoint_digests.problem(folder / "3") is None
  assert resumed(folder) == (7.0, {"figure": 0.7})


def test_one_that_never_appears_is_given_up(tmp_path):
  writer = checkpoint_digests.Writer(tmp_path)
  writer.follow(5)
  writer.close()
  assert not list(tmp_path.iterdir())


def test_unreadable_digests_are_a_problem(folder):
  path = folder / "3" / checkpoint_digests.FILE
  path.write_text("[1]")
  assert "is not what it was" in checkpoint_digests.problem(folder / "3")
  path.write_text("{")
  assert "cannot be read" in checkpoint_digests.problem(folder / "3")
  np.testing.assert_equal(resumed(folder)[0], 2.0)
