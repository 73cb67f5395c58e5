"""Nothing is replaced that does not carry our own mark."""

import json
import os
import pathlib

import pytest

from hybridret_jax import defaults
from hybridret_jax.assembly import places, run_record
from hybridret_jax.ground import faults


@pytest.fixture
def run(tmp_path):
  """A run beside another run, a foreign folder, a file and a study."""
  text = defaults.get_config().to_json_best_effort()
  for name in ("run", "other"):
    for sub in ("checkpoints/6", "results/task", "tokenizer"):
      (tmp_path / name / sub).mkdir(parents=True)
      (tmp_path / name / sub / "held").write_text(name)
    (tmp_path / name / "config.json").write_text(text)
    (tmp_path / name / "metrics.jsonl").touch()
  (tmp_path / "precious").mkdir()
  (tmp_path / "precious" / "thesis.tex").write_text("years of work")
  (tmp_path / "empty").mkdir()
  (tmp_path / "a_file").write_text("held")
  (tmp_path / "study").mkdir()
  (tmp_path / "study" / "study.json").write_text("{}")
  (tmp_path / "run" / "link").symlink_to(tmp_path / "precious")
  (tmp_path / "run" / "notes").mkdir()
  (tmp_path / "run" / "notes" / "mine.txt").write_text("held")
  return tmp_path / "run"


def export(folder, *extra):
  folder.mkdir(parents=True)
  for name in ("modules.json", "README.md", *extra):
    (folder / name).write_text("hybridret_jax")
  places.mark(folder, step=3)


def everything(folder):
  return {
    str(path.relative_to(folder)): path.is_file() and path.read_bytes()
    for path in folder.rglob("*")
  }


@pytest.mark.parametrize(
  "target",
  [
    *("checkpoints", "results", "tokenizer", "checkpoints/6", "results/task"),
    *("metrics.jsonl", "config.json", "", ".", "..", "./", "sub/..", "../.."),
    *("../precious", "../precious/../precious", "../a_file", "../a_file/in"),
    *("../other", "../other/export", "../other/new", "../study/x"),
    *(
      "link",
      "link/new/../../link",
      "notes",
      "../link_to_run",
      "/",
      "tokenizer/x",
    ),
  ],
)
def test_a_target_that_is_not_ours_is_refused(run, target):
  (run.parent / "link_to_run").symlink_to(run)
  export(run.parent / "other" / "export")
  before = everything(run.parent)
  with pytest.raises(faults.Fault, match="nothing is written") as caught:
    places.export_target(run, target)
  assert "\n" not in str(caught.value)
  assert everything(run.parent) == before


@pytest.mark.parametrize(
  "target", ["export", "made/new", "../empty", "../new/deep"]
)
def test_a_missing_or_empty_place_is_taken(run, target):
  found = places.export_target(run, target)
  assert found == pathlib.Path(os.path.normpath(run / target))


def test_what_a_run_keeps_of_its_inputs_is_its_own(run):
  with pytest.raises(faults.Fault, match="belongs to the run"):
    places.export_target(run, run_record.FILE)


def test_an_earlier_export_is_replaced_in_the_run_only(run):
  export(run / "export")
  assert places.export_target(run, "export") == run / "export"
  export(run.parent / "shipped")
  with pytest.raises(faults.Fault, match="outside of the run's folder"):
    places.export_target(run, "../shipped")


def test_an_export_with_a_file_of_somebody_is_not_replaced(run):
  export(run / "export")
  (run / "export" / "my_notes.txt").touch()
  with pytest.raises(faults.Fault, match="'my_notes.txt', which no export"):
    places.export_target(run, "export")


def test_an_export_from_before_the_mark_is_known_by_its_card(run):
  export(run / "export")
  (run / "export" / places.MARK).unlink()
  places.export_target(run, "export")
  (run / "export" / "my_notes.txt").touch()
  with pytest.raises(faults.Fault, match="my_notes"):
    places.export_target(run, "export")
  (run / "export" / "my_notes.txt").unlink()
  (run / "export" / "README.md").write_text("a card of others")
  with pytest.raises(faults.Fault, match="no export"):
    places.export_target(run, "export")


def test_a_place_that_may_not_be_written_is_refused(run, monkeypatch):
  # The superuser may write anywhere but on such a disk.
  monkeypatch.setattr(os, "access", lambda *_: False)
  with pytest.raises(faults.Fault, match="cannot be written"):
    places.export_target(run, "export")


def test_a_run_goes_where_it_was_or_nothing_is(run):
  for folder in (run, run.parent / "empty", run.parent / "new"):
    places.check_run(folder)
  begun = run.parent / "begun"
  (begun / "logs").mkdir(parents=True)
  (begun / "cell.json").touch()
  (begun / "claim_0001.json").touch()
  places.check_run(begun)


def test_what_was_printed_may_lie_where_a_run_or_a_study_begins(run):
  begun = run.parent / "printed"
  begun.mkdir()
  (begun / "train.log").touch()
  (begun / "nohup.out").touch()
  places.check_run(begun)
  places.check_study(begun)
  (begun / "thesis.tex").touch()
  for check in (places.check_run, places.check_study):
    with pytest.raises(faults.Fault, match=r"holds 'thesis.tex'"):
      check(begun)


@pytest.mark.parametrize("name", ["precious", "a_file", "study", "dangling"])
def test_a_run_does_not_go_among_what_is_foreign(run, name):
  (run.parent / "dangling").symlink_to(run.parent / "nowhere")
  with pytest.raises(faults.Fault):
    places.check_run(run.parent / name)


def test_a_models_config_is_no_runs(run):
  folder = run.parent / "model"
  folder.mkdir()
  (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
  with pytest.raises(faults.Fault, match="is not a run's config"):
    places.check_run(folder)


def test_a_report_goes_into_no_run(run):
  places.check_report(run.parent / "report", ("task",))
  for place in (
    run,
    run / "results",
    run / "checkpoints",
    run.parent / "study",
  ):
    with pytest.raises(faults.Fault):
      places.check_report(place, ("task",))
  (run.parent / "report" / "task").mkdir(parents=True)
  (run.parent / "report" / "task" / "index.html").touch()
  with pytest.raises(faults.Fault, match="no report's"):
    places.check_report(run.parent / "report", ("task",))
  (run.parent / "report" / "task" / "comparison.md").touch()
  places.check_report(run.parent / "report", ("task",))


def test_a_study_goes_into_no_foreign_folder(run):
  places.check_study(run.parent / "study")
  places.check_study(run.parent / "new")
  for name in ("precious", "run"):
    with pytest.raises(faults.Fault):
      places.check_study(run.parent / name)
