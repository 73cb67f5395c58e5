"""A dry run checks all, says what would be done, and leaves nothing."""

import numpy as np
import pytest

from hybridret_jax import dry_runs, library
from hybridret_jax.assembly import given as vectors
from hybridret_jax.ground import faults
from hybridret_jax.verbs import evaluate
from tests.fixtures import small_run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  place = tmp_path_factory.mktemp("place")
  small_run.make(place)
  evaluate.evaluate(small_run.config_of(place), place / "run")
  return place


def contents(place):
  return {
    path.relative_to(place): path.is_file() and path.read_bytes()
    for path in sorted(place.rglob("*"))
    if "cache" not in path.relative_to(place).parts
  }


def given(mode, place, workdir):
  if mode == "report":
    return {"runs": [place / "run"], "out": workdir, "baseline": None}
  if mode == "encode":
    return {
      "model": place / "start",
      "corpus": place / "task" / "candidates.jsonl",
      "folder": workdir,
      "side": "passage",
      "dtype": "float32",
      "index": ["npy"],
    }
  config = small_run.config_of(place)
  if mode == "plan":
    return {"config": config, "topology": "cpu:2"}
  more = {"query": "ae"} if mode == "search" else {}
  return {"config": config, "workdir": workdir, **more}


SAID = {
  None: ["Would train", "to step 2", "Task task: 20 queries", "Would export"],
  "train": ["80 rows of 40 groups in de en", "Would write"],
  "evaluate": ["Task task: 20 queries, 20 candidates in de en", "as it is."],
  "search": ["Would answer 'ae' over task: 20 queries"],
  "report": ["Would compare 1 runs on task."],
  "encode": ["Would encode 20 texts", "npy"],
  "mine": ["up to 8 hard negatives", "80 rows in de en, out of pairs"],
  "inspect": ["80 rows of 40 groups in de en", "with task", "inspect.html"],
  "audit": ["Would compose steps 0 to 0", "0 are logged"],
  "plan": ["batches of 8", "2 devices of cpu:2"],
}


@pytest.mark.parametrize("mode", SAID)
def test_of_each_verb_nothing_is_left(place, mode):
  before = contents(place)
  told = dry_runs.told(mode, **given(mode, place, place / "new"))
  assert told.endswith("A dry run: nothing was done.")
  for part in SAID[mode]:
    assert part in told
  assert contents(place) == before and not (place / "new").exists()


@pytest.mark.parametrize(
  "mode", [None, "train", "evaluate", "export", "search"]
)
def test_a_run_that_is_there_is_told_and_left(place, mode):
  before = contents(place)
  told = dry_runs.told(mode, **given(mode, place, place / "run"))
  if mode in (None, "train"):
    assert "from step 2 of a run that is there" in told
  if mode == "evaluate":
    assert "where something is already" in told
    assert "Model: the best checkpoint" in told
  assert contents(place) == before


def test_given_vectors_are_read_and_checked(place, tmp_path):
  config = small_run.config_of(place)
  given = {"vectors": [vectors.Given("theirs", tmp_path)], "normalize": True}
  arguments = {"config": config, "workdir": place / "run", **given}
  with pytest.raises(faults.Fault, match=r"queries.npy: is missing"):
    dry_runs.told("evaluate", **arguments)
  for side in ("queries", "candidates"):
    np.save(tmp_path / f"{side}.npy", np.ones((20, 3)))
  told = dry_runs.told("evaluate", **arguments)
  assert f"Given vectors: theirs of {tmp_path}." in told


def test_a_name_that_the_hub_has_not_is_refused_first(place):
  arguments = {**given("export", place, place / "run"), "push": "no owner"}
  with pytest.raises(faults.Fault, match="give USER/NAME"):
    dry_runs.told("export", **arguments)
  with pytest.raises(faults.Fault, match="give USER/NAME"):
    library.export(**arguments)
  assert not (place / "run" / "export").exists()


def test_what_the_verb_refuses_its_dry_run_refuses(place, tmp_path):
  arguments = given("export", place, tmp_path / "none")
  with pytest.raises(ValueError, match="no checkpoint"):
    dry_runs.told("export", **arguments)
  arguments = given("train", place, place / "run")
  arguments["config"].batches.batch_size = -1
  with pytest.raises(ValueError, match="batch_size"):
    dry_runs.told("train", **arguments)
  assert not (tmp_path / "none").exists()
