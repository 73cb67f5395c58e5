"""An audit passes on what was trained, and fails on anything else."""

import json
import shutil

import pytest

from hybridret_jax import looking
from hybridret_jax.ground import faults
from hybridret_jax.reporting import shares, training_log
from hybridret_jax.verbs import audit, train
from tests.fixtures import small_run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A run of seven steps, resumed at the fourth; nothing is logged between."""
  place = tmp_path_factory.mktemp("place")
  small_run.make(place)
  shutil.rmtree(place / "run")
  config = small_run.config_of(place)
  config.train.log_every = 3
  for steps in (4, 7):
    config.train.steps = steps
    train.train(config, place / "run")
  return place


@pytest.fixture
def run(place, tmp_path):
  return shutil.copytree(place / "run", tmp_path / "run")


def config_of(place):
  config = small_run.config_of(place)
  config.train.log_every, config.train.steps = 3, 7
  return config


def test_every_step_is_logged_once_and_agrees(place, run):
  lines = (run / training_log.CERTIFICATE).read_text().splitlines()
  assert [json.loads(line)["step"] for line in lines] == [*range(1, 8)]
  assert looking.audit(None, run) == 7
  assert looking.audit(config_of(place), run, steps=(3, 5)) == 3


def test_a_run_in_one_go_has_the_same_certificate(place, run, tmp_path):
  train.train(config_of(place), tmp_path / "whole")
  for name in (training_log.CERTIFICATE, shares.FILE):
    whole = tmp_path / "whole" / name
    assert whole.read_bytes() == (run / name).read_bytes()


def test_every_record_says_how_far_shares_are_from_those_asked(run):
  records = {x["step"]: x for x in training_log.read(run)}
  found = shares.load(run)
  assert found["steps"] == 7
  alpha = found["realised"]["kind"].get("monolingual", 0)
  assert records[7]["train/share_off_kind"] == abs(alpha - 0.5)
  keys = {x for x in records[3] if x.startswith("train/share_off_")}
  ends = ("kind", "language", "direction", "source")
  assert keys == {f"train/share_off_{x}" for x in ends}


def test_a_run_without_counts_goes_on_with_all_its_steps(
  place, run, tmp_path, monkeypatch
):
  """As of a version that did not count."""
  monkeypatch.setattr(train, "_SHARES", "of another version")
  train.train(config_of(place), tmp_path / "old")
  monkeypatch.undo()
  config = config_of(place)
  config.train.steps = 9
  for folder in (tmp_path / "old", run):
    train.train(config, folder)
  found = shares.load(run)
  assert found["steps"] == 9 and found == shares.load(tmp_path / "old")


def test_replaced_words_are_audited_with_the_lexicons_of_the_run(
  place, run, tmp_path
):
  lexicon = tmp_path / "de-en.txt"
  lines = [f"{word} {word[::-1]}\n" for word in small_run.WORDS]
  lexicon.write_text("".join(lines))
  config = config_of(place)
  config.code_switching.probability = 0.5
  config.code_switching.lexicons = (str(lexicon),)
  for steps in (3, 5):
    config.train.steps = steps
    train.train(config, tmp_path / "switched")
  assert looking.audit(None, tmp_path / "switched") == 5
  logged = training_log.certificates(tmp_path / "switched")
  plain = training_log.certificates(run)
  assert any(logged[step] != plain[step] for step in logged)
  lexicon.write_text("".join(lines[:-1]))
  refused = "lexicon .* does not hold what the run was trained with"
  with pytest.raises(faults.Fault, match=refused):
    looking.audit(None, tmp_path / "switched")
  config.train.steps = 6
  with pytest.raises(faults.Fault, match=refused):
    train.train(config, tmp_path / "switched")


def test_another_digest_is_named(run):
  path = run / training_log.CERTIFICATE
  lines = path.read_text().splitlines()
  record = json.loads(lines[4])
  lines[4] = json.dumps(record | {"batch": "0" * 16})
  path.write_text("".join(f"{line}\n" for line in lines))
  with pytest.raises(faults.Fault, match="1 of the steps 1 to 7 .*them: 5;"):
    looking.audit(None, run)
  assert looking.audit(None, run, steps=(1, 4)) == 4
  with pytest.raises(faults.Fault, match="steps 6 to 9 .* first 8; audit"):
    looking.audit(None, run, steps=(6, 9))
  path.unlink()
  with pytest.raises(faults.Fault, match="no step is logged"):
    looking.audit(None, run)


@pytest.mark.parametrize(
  ("key", "value"), [("alpha", 0.9), ("size_exponent", 0.0), ("batch_size", 4)]
)
def test_another_setting_is_found(run, key, value):
  path = run / "config.json"
  config = json.loads(path.read_text())
  if key == "size_exponent":  # Of one source it changes nothing.
    key, value = "language_weighting", "size"
    config["batches"]["strategy"] = "mixed"
  config["batches"][key] = value
  path.write_text(json.dumps(config))
  with pytest.raises(faults.Fault, match="not what config and data make"):
    looking.audit(None, run)


def test_another_id_is_found(place, run, tmp_path):
  data = shutil.copytree(place / "pairs", tmp_path / "pairs")
  rows = (data / "de.jsonl").read_text()
  (data / "de.jsonl").write_text(rows.replace('"id": "3de"', '"id": "3d"'))
  config = config_of(place)
  config.data.folder = str(tmp_path)
  with pytest.raises(faults.Fault, match="'pairs' does not hold what"):
    looking.audit(config, run)


@pytest.mark.parametrize("text", ["3", "3:2", "0:4", "a:b", "1:2:3"])
def test_steps_that_are_none(text):
  with pytest.raises(faults.Fault, match="are no steps; give FIRST:LAST"):
    audit.parse(text)
  assert audit.parse("2:10") == (2, 10) and audit.parse(None) is None
