"""A step whose loss is no number: named, kept, made again, and skipped."""

import json
import math
import shutil

import jax
import numpy as np
import pytest

from hybridret_jax import looking
from hybridret_jax.assembly import nonfinite
from hybridret_jax.ground import faults
from hybridret_jax.reporting import training_log
from hybridret_jax.training import checkpoint
from hybridret_jax.training import step as steps
from hybridret_jax.verbs import replay, train
from tests.fixtures import small_run

# Of parameters that the first step moves so far that the second overflows.
RATE = 1e30


def config_of(place, **settings):
  config = small_run.config_of(place)
  config.train.steps, config.train.log_every = 6, 1
  config.train.checkpoint_every = 1
  config.update_from_flattened_dict(settings)
  return config


def overflowing(place, **settings):
  """The third step and all that follow are no numbers."""
  return config_of(
    place,
    **{
      "optimizer.warmup_steps": 0,
      "optimizer.clip_norm": 0.0,
      "optimizer.learning_rate": RATE,
      **settings,
    },
  )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  place = tmp_path_factory.mktemp("place")
  small_run.make(place)
  with pytest.raises(FloatingPointError) as told:
    train.train(overflowing(place), place / "wrong")
  (place / "told").write_text(str(told.value))
  return place


@pytest.fixture
def wrong(place, tmp_path):
  return shutil.copytree(place / "wrong", tmp_path / "run")


def test_the_run_stops_with_what_is_known_of_the_step(place):
  text = (place / "told").read_text()
  bundle = nonfinite.find(place / "wrong")
  logged = training_log.certificates(place / "wrong")
  assert bundle.batch == logged[bundle.step]
  for part in (
    f"the loss of step {bundle.step} is {bundle.loss}",
    f"gradient's norm {bundle.gradient_norm}",
    f"digest {bundle.batch}",
    f"replay --workdir={place / 'wrong'}",
    "--config.train.skip_nonfinite=1",
  ):
    assert part in text
  # Nothing of it was saved, and the checkpoint before is in the bundle.
  saved = checkpoint.saved(place / "wrong" / "checkpoints")
  assert saved[-1].step == bundle.start == bundle.step - 1
  assert (bundle.checkpoints / str(bundle.start)).is_dir()


def test_it_is_made_again_with_what_is_concerned(place):
  found = looking.replay(None, place / "wrong")
  assert found.is_reproduced and len(found.losses) == 1
  assert any(name.startswith("model/") for name in found.parameters)
  assert all(0 < share <= 1 for share in found.parameters.values())
  lines = replay.told(found)
  assert lines[-1] == "Reproduced."
  assert f"it was {found.bundle.loss}" in lines[0]
  if found.texts:
    side, _, rest = found.texts[0].partition(" of ")
    assert side in ("query", "passage") and rest.endswith(("(de)", "(en)"))


def test_from_the_start_where_there_was_no_checkpoint(place, tmp_path):
  config = overflowing(place, **{"train.checkpoint_every": 0})
  with pytest.raises(FloatingPointError):
    train.train(config, tmp_path / "run")
  bundle = nonfinite.find(tmp_path / "run")
  assert bundle.start == 0 and not bundle.checkpoints.exists()
  found = looking.replay(config, tmp_path / "run", step=bundle.step)
  assert len(found.losses) == bundle.step and math.isfinite(found.losses[0])
  assert found.is_reproduced


def test_a_step_that_was_well_is_not_reproduced(wrong):
  """As if another machine had computed something else there."""
  place = wrong / nonfinite.FOLDER / str(nonfinite.find(wrong).step)
  about = json.loads((place / nonfinite.FILE).read_text())
  logged = training_log.certificates(wrong)
  about |= {"step": 1, "start": 0, "batch": logged[1]}
  target = wrong / nonfinite.FOLDER / "1"
  target.mkdir()
  (target / nonfinite.FILE).write_text(json.dumps(about))
  found = looking.replay(None, wrong, step=1)
  assert not found.is_reproduced and not found.parameters and not found.texts
  assert math.isfinite(found.gradient_norm)
  assert replay.told(found)[-1].startswith("NOT reproduced")


def test_another_batch_is_refused(wrong):
  path = next((wrong / nonfinite.FOLDER).glob("*/bundle.json"))
  about = json.loads(path.read_text())
  path.write_text(json.dumps(about | {"batch": "0" * 16}))
  with pytest.raises(faults.Fault, match=f"is {about['batch']} and was 0000"):
    looking.replay(None, wrong)


def test_what_is_not_there_is_named(place, wrong):
  with pytest.raises(faults.Fault, match="no step of this run"):
    nonfinite.find(place / "run")
  step = nonfinite.find(wrong).step
  with pytest.raises(
    faults.Fault, match=f"none of step 99; give one of {step}"
  ):
    nonfinite.find(wrong, 99)
  path = wrong / nonfinite.FOLDER / str(step) / nonfinite.FILE
  for text in ("", "[]", '{"schema": 1}', '{"schema": 9}'):
    path.write_text(text)
    with pytest.raises(faults.Fault, match=r"bundle\.json: cannot be read"):
      nonfinite.find(wrong)


def test_the_bundle_outlives_the_run_s_checkpoint(place, wrong):
  shutil.rmtree(wrong / "checkpoints")
  assert looking.replay(overflowing(place), wrong).is_reproduced


def bad_at(monkeypatch, bad):
  """Has the gradients of some steps be no numbers, in the compiled step."""
  real = steps.gradients

  def gradients(state, batch, **settings):
    (value, metrics), grads = real(state, batch, **settings)
    is_bad = jax.numpy.isin(state.step, jax.numpy.array(bad))
    grads = jax.tree.map(lambda x: jax.numpy.where(is_bad, np.nan, x), grads)
    return (value, metrics), grads

  monkeypatch.setattr(steps, "gradients", gradients)


def trained_of(place, workdir, **settings):
  """The last state of a run, as plain arrays."""
  from hybridret_jax import run as runs
  from hybridret_jax.assembly import train_step
  from hybridret_jax.training import state as states

  run = runs.Run.to_judge(config_of(place, **settings), workdir)
  prepared = train_step.make(run.config, run.model, run.mesh, shortest=5)
  state = prepared.create(None)
  read = checkpoint.read_best(workdir / "checkpoints", states.saved(state))
  assert read is not None
  return jax.tree.map(np.asarray, read[0]), read[1]


def test_a_bad_step_is_skipped_and_changes_nothing(
  place, tmp_path, monkeypatch
):
  """A gradient alone that is no number, at the third of three steps."""
  settings = {"train.steps": 3, "train.skip_nonfinite": 1}
  bad_at(monkeypatch, [2])
  train.train(config_of(place, **settings), tmp_path / "skips")
  skipped, notes = trained_of(place, tmp_path / "skips", **settings)
  shutil.rmtree(tmp_path / "skips/checkpoints/3")
  two, _ = trained_of(place, tmp_path / "skips", **settings)
  assert int(skipped["step"]) == 3 and int(two["step"]) == 2
  assert notes.notes["skipped"] == 1
  for part in ("params", "opt_state"):
    jax.tree.map(np.testing.assert_array_equal, skipped[part], two[part])
  records = {x["step"]: x for x in training_log.read(tmp_path / "skips")}
  assert records[2]["train/skipped_steps"] == 0
  assert records[3]["train/skipped_steps"] == 1
  assert records[3]["train/loss"] is None


def test_one_more_than_are_allowed_stops_and_the_count_goes_on(
  place, tmp_path, monkeypatch
):
  bad_at(monkeypatch, [1, 3, 4])
  settings = {"train.skip_nonfinite": 2}
  with pytest.raises(FloatingPointError, match="step 5 "):
    train.train(config_of(place, **settings), tmp_path / "run")
  # In the same folder, with one more; steps 2 and 4 are counted still.
  assert checkpoint.saved(tmp_path / "run/checkpoints")[-1].step == 4
  settings = {"train.skip_nonfinite": 3}
  train.train(config_of(place, **settings), tmp_path / "run")
  train.train(config_of(place, **settings), tmp_path / "whole")
  one, notes = trained_of(place, tmp_path / "run", **settings)
  other, _ = trained_of(place, tmp_path / "whole", **settings)
  assert notes.notes["skipped"] == 3
  jax.tree.map(np.testing.assert_array_equal, one, other)


def test_without_it_the_compiled_step_is_as_it_was(place):
  """No select is in the program of a run that skips nothing."""
  from hybridret_jax import run as runs
  from hybridret_jax.assembly import train_step

  def metrics(**settings):
    run = runs.Run(config_of(place, **settings), place / "none")
    prepared = train_step.make(run.config, run.model, run.mesh, shortest=5)
    return prepared.step.__wrapped__.keywords["skips"]

  assert metrics() is False
  assert metrics(**{"train.skip_nonfinite": 1}) is True
