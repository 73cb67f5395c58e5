"""What the commands do, from Python."""

import json
import subprocess
import sys

import numpy as np
import pytest

import hybridret_jax
from hybridret_jax.ground import faults
from hybridret_jax.reporting import results
from tests.fixtures import small_run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  place = tmp_path_factory.mktemp("place")
  small_run.make(place)
  return place


def test_importing_it_asks_for_no_device():
  script = (
    "import sys, hybridret_jax;"
    "print([m for m in ('jax', 'tensorflow', 'numpy') if m in sys.modules])"
  )
  found = subprocess.run(
    [sys.executable, "-c", script], capture_output=True, text=True, check=True
  )
  assert found.stdout.strip() == "[]"


def test_what_is_slow_is_imported_where_it_is_used():
  script = (
    "import sys; from hybridret_jax import library, retriever, dry_runs;"
    "print([m for m in ('tensorflow', 'matplotlib', 'torch', 'pandas')"
    " if m in sys.modules])"
  )
  found = subprocess.run(
    [sys.executable, "-c", script], capture_output=True, text=True, check=True
  )
  assert found.stdout.strip() == "[]"


def test_every_public_name_is_there():
  assert set(hybridret_jax.__all__) <= set(dir(hybridret_jax))
  for name in hybridret_jax.__all__:
    assert getattr(hybridret_jax, name).__doc__
  with pytest.raises(AttributeError, match="nothing"):
    _ = hybridret_jax.nothing


def test_a_run_from_python_is_that_of_the_command(place, tmp_path):
  config = small_run.config_of(place)
  workdir = hybridret_jax.train(config, tmp_path / "run")
  one, other = (
    hybridret_jax.Retriever.load(folder) for folder in (workdir, place / "run")
  )
  texts = ["question de ae", "bf"]
  np.testing.assert_array_equal(
    one.encode_queries(texts), other.encode_queries(texts)
  )
  (evaluated,) = hybridret_jax.evaluate(None, workdir)
  saved = results.load(workdir / "results" / "task")
  assert (
    json.loads(json.dumps(evaluated.figures["trained"]["macro"]))
    == (saved["systems"]["trained"]["macro"])
  )
  exported = hybridret_jax.export(None, workdir)
  assert exported == workdir / "export"
  found = hybridret_jax.search(None, workdir, "question de ae", number=3)
  assert [row["rank"] for row in found] == [1, 2, 3]
  assert found[0]["score"] >= found[1]["score"] and found[0]["id"]


def test_what_is_wrong_is_told_before_anything_is_done(place, tmp_path):
  config = small_run.config_of(place)
  config.batches.batch_size = 0
  config.evaluation.tasks = ("jsonl:nowhere",)
  with pytest.raises(ValueError, match=r"(?s)batch_size is 0.*nowhere"):
    hybridret_jax.library.in_turn(config, tmp_path / "run")
  assert not (tmp_path / "run").exists()


def test_a_models_own_vectors_are_judged_like_the_run(place, tmp_path):
  task = hybridret_jax.load_task("jsonl:task", folder=place)
  found = hybridret_jax.Retriever.load(place / "run")
  judged = hybridret_jax.judge(
    task, found.encode_queries, found.encode_passages, name="mine"
  )
  assert list(judged.figures) == ["mine", "mine, language means subtracted"]
  (own,) = hybridret_jax.evaluate(small_run.config_of(place), place / "run")
  for part in ("macro", "directions", "pool", "bias", "counts"):
    assert judged.figures["mine"][part] == own.figures["trained"][part], part
  folder = judged.save(tmp_path / "mine", figures=False)
  saved = results.load(folder)
  assert (
    saved["task_sha256"]
    == results.load(place / "run" / "results" / "task")["task_sha256"]
  )
  assert "mine" in judged.table()
  (page,) = hybridret_jax.compare(
    [place / "run", tmp_path / "mine"], tmp_path / "page"
  )
  # Equal figures are shown once.
  assert "run: trained" in page.read_text()


def test_given_vectors_stand_beside_the_systems_and_alone(place, tmp_path):
  task = hybridret_jax.load_task("jsonl:task", folder=place)
  found = hybridret_jax.Retriever.load(place / "run")
  folder = tmp_path / "vectors" / "task"
  folder.mkdir(parents=True)
  np.save(folder / "queries.npy", 2 * found.encode_queries(task.query_texts))
  np.save(
    folder / "candidates.npy", found.encode_passages(task.candidate_texts)
  )
  config = small_run.config_of(place)
  given = {"mine": tmp_path / "vectors"}
  with pytest.raises(faults.Fault, match="has a vector of length 2, not one"):
    hybridret_jax.evaluate(config, place / "run", vectors=given)
  (both,) = hybridret_jax.evaluate(
    config, place / "run", vectors=given, normalize=True
  )
  assert list(both.figures) == ["trained", "mine"]
  # Doubled and divided by its length again, the last bit may differ.
  for setting, row in both.figures["trained"]["macro"].items():
    found = both.figures["mine"]["macro"][setting]["map"]
    assert found == pytest.approx(row["map"], abs=0.02)
  with config.unlocked():
    config.model.init = None
  (alone,) = hybridret_jax.evaluate(
    config, tmp_path / "alone", vectors=given, normalize=True
  )
  assert alone.figures["mine"]["macro"] == both.figures["mine"]["macro"]
  assert (tmp_path / "alone" / "results" / "task" / results.FILE).is_file()
  assert not (tmp_path / "alone" / "config.json").exists()


def test_without_vectors_a_model_is_needed(place, tmp_path):
  config = small_run.config_of(place)
  with config.unlocked():
    config.model.init = None
  with pytest.raises(ValueError, match="model.init is not set"):
    hybridret_jax.evaluate(config, tmp_path / "none")


def test_verbs_that_were_modules_are_still_found():
  for verb in ("train", "evaluate", "export", "search"):
    function = getattr(hybridret_jax, verb)
    assert getattr(function, verb) is function
