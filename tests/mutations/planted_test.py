"""Planted bugs fit the code, and a trial tells caught from not caught."""

import ast
import dataclasses
import pathlib
import subprocess

import pytest

from tests.mutations import (
  data,
  files,
  model_folders,
  models,
  parallel,
  planted,
  readers,
  retrieval,
  runs,
  training,
  trial,
)
from tests.mutations import mutation as mutations

ROOT = pathlib.Path(__file__).parents[2]
ROOMS = (
  *(data, files, model_folders, models, parallel, readers, retrieval),
  runs,
  training,
)


@pytest.mark.parametrize("mutation", planted.ALL.values(), ids=planted.ALL)
def test_a_bug_fits_the_code(mutation, tmp_path):
  """A planted bug whose place has changed would prove nothing."""
  path = tmp_path / mutation.file
  path.parent.mkdir(parents=True)
  path.write_bytes((ROOT / mutation.file).read_bytes())
  before = mutations.plant(mutation, tmp_path)
  ast.parse(path.read_text("utf-8"))
  assert path.read_text("utf-8") != before
  assert mutation.tests
  for test in mutation.tests:
    file, _, function = test.partition("::")
    function = function.split("[")[0]
    assert f"\ndef {function}(" in (ROOT / file).read_text("utf-8"), test


def test_names_are_distinct_and_documented():
  assert len(planted.ALL) == sum(len(room.MUTATIONS) for room in ROOMS)
  page = (ROOT / "docs" / "testing.md").read_text("utf-8")
  for name, mutation in planted.ALL.items():
    (row,) = [x for x in page.splitlines() if x.startswith(f"| `{name}` |")]
    assert mutation.tests[0].split("::")[1].split("[")[0] in row, name


@pytest.fixture
def repository(tmp_path):
  """A copy of a small checkout with one function and its test."""
  source = tmp_path / "source"
  source.mkdir()
  (source / ".gitignore").write_text("ignored\n")
  (source / "ignored").write_text("")
  (source / "sums.py").write_text("def total(a, b):\n  return a + b\n")
  (source / "sums_test.py").write_text(
    "import sums\n\n\n"
    "def test_nothing():\n  assert sums.total(0, 0) == 0\n\n\n"
    "def test_total():\n  assert sums.total(2, 3) == 5, 'a sum'\n"
  )
  subprocess.run(["git", "init", "-q"], cwd=source, check=True)
  trial.copy(source, tmp_path / "copy")
  return tmp_path / "copy"


MINUS = mutations.Mutation(
  name="minus",
  bug="",
  known_from="",
  file="sums.py",
  old="a + b",
  new="a - b",
  tests=("sums_test.py",),
)


def test_only_what_git_would_track_is_copied(repository, tmp_path):
  names = {path.name for path in repository.iterdir()}
  assert names == {".gitignore", "sums.py", "sums_test.py"}
  with pytest.raises(ValueError, match="is no git checkout"):
    trial.copy(repository, tmp_path / "again")


def test_a_bug_is_caught_and_taken_out_again(repository):
  before = (repository / "sums.py").read_text()
  assert not trial.unplanted(["sums_test.py"], repository)
  verdict = trial.planted(MINUS, repository)
  assert verdict.outcome == trial.CAUGHT
  assert verdict.test == "sums_test.py::test_total"
  assert "a sum" in verdict.said
  assert (repository / "sums.py").read_text() == before


def test_what_is_not_caught_gone_or_broken_is_told(repository):
  def outcome(**changes):
    return trial.planted(dataclasses.replace(MINUS, **changes), repository)

  missed = outcome(tests=("sums_test.py::test_nothing",))
  assert missed.outcome == trial.MISSED
  assert outcome(old="a * b").outcome == trial.GONE
  assert outcome(old="a").outcome == trial.GONE  # It is there three times.
  assert outcome(file="other.py").outcome == trial.GONE
  assert outcome(new="a +").outcome == trial.BROKEN
  assert outcome(tests=("sums_test.py::test_other",)).outcome == trial.BROKEN


def test_tests_that_fail_without_a_bug_are_told(repository):
  path = repository / "sums_test.py"
  path.write_text(path.read_text().replace("== 5", "== 6"))
  found = trial.unplanted(["sums_test.py"], repository)
  assert found == "sums_test.py::test_total"
