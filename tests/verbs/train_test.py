"""When nothing is left to train."""

import jax.numpy as jnp
import ml_collections
import pytest

from hybridret_jax.training import checkpoint
from hybridret_jax.verbs import train


def saved(workdir, step, since_best):
  with checkpoint.open_folder(workdir / "checkpoints") as checkpoints:
    notes = {"best": 0.5, "since_best": since_best}
    checkpoint.save(checkpoints, {"w": jnp.ones(2)}, step=step, notes=notes)


def config(steps, patience):
  return ml_collections.ConfigDict(
    {"train": {"steps": steps, "patience": patience}}
  )


def test_a_fresh_run_is_not_over(tmp_path):
  assert not train._is_over(config(1, 0), tmp_path)
  assert not list(tmp_path.iterdir())


def test_a_finished_run_is_over(tmp_path):
  saved(tmp_path, 4, 0)
  assert train._is_over(config(4, 0), tmp_path)
  assert not train._is_over(config(5, 0), tmp_path)


@pytest.mark.parametrize("since_best", [2, 3])
def test_a_stopped_run_is_over(tmp_path, since_best):
  saved(tmp_path, 4, since_best)
  assert train._is_over(config(9, 2), tmp_path)
  assert not train._is_over(config(9, since_best + 1), tmp_path)
  assert not train._is_over(config(9, 0), tmp_path)
