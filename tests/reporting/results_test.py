"""Results come back from disk as they were saved."""

import csv
import json
import math

import pytest

from hybridret_jax.reporting import results


def test_saved_results_come_back_equal(tmp_path, saved):
  results.save(tmp_path / "xquad_r", saved)
  assert results.load(tmp_path / "xquad_r") == saved


def test_the_matrix_parses_back_equal(tmp_path, saved):
  results.save(tmp_path, saved)
  figures = saved["systems"]["trained, language means subtracted"]
  name = "matrix_trained_language_means_subtracted.csv"
  with (tmp_path / name).open(newline="") as lines:
    rows = list(csv.DictReader(lines))
  assert [row["query"] for row in rows] == ["el", "en", "zh"]
  for row in rows:
    query = row.pop("query")
    expected = {
      x: figures["directions"][f"{query}-{x}"]["map"] for x in ("el", "en")
    } | {
      "zh": figures["directions"][f"{query}-zh"]["map"],
      "pool": figures["pool"][query]["map"],
    }
    assert {key: float(value) for key, value in row.items()} == expected


def test_a_direction_without_questions_is_null_and_an_empty_cell(
  tmp_path, saved
):
  saved["systems"]["trained"]["directions"]["el-zh"]["map"] = math.nan
  del saved["systems"]["trained"]["directions"]["zh-el"]
  results.save(tmp_path, saved)
  text = (tmp_path / results.FILE).read_text()
  assert "NaN" not in text
  lines = (tmp_path / "matrix_trained.csv").read_text().splitlines()
  assert lines[1].split(",")[3] == ""
  assert lines[3].split(",")[1] == ""


def test_a_failed_save_leaves_the_old_results(tmp_path, saved):
  results.save(tmp_path, saved)
  changed = saved | {"notes": [object()]}
  with pytest.raises(TypeError):
    results.save(tmp_path, changed)
  assert results.load(tmp_path) == saved


def test_another_schema_is_refused(tmp_path, saved):
  with pytest.raises(ValueError, match="schema 2.*evaluate again"):
    results.save(tmp_path, saved | {"schema": 2})
  results.save(tmp_path, saved)
  path = tmp_path / results.FILE
  path.write_text(json.dumps(saved | {"schema": 0}))
  with pytest.raises(ValueError, match=f"{path}: schema 0"):
    results.load(tmp_path)


def test_a_missing_key_is_named(tmp_path, saved):
  del saved["seconds"], saved["notes"]
  with pytest.raises(ValueError, match="seconds, notes missing"):
    results.save(tmp_path, saved)


def test_a_system_without_its_figures_is_named(tmp_path, saved):
  del saved["systems"]["trained"]["pool"]
  with pytest.raises(ValueError, match="'trained' lacks pool"):
    results.save(tmp_path, saved)


def test_no_results_says_how_to_make_them(tmp_path):
  with pytest.raises(FileNotFoundError, match="--mode=evaluate"):
    results.load(tmp_path)


def test_broken_json_is_refused_with_its_line(tmp_path):
  (tmp_path / results.FILE).write_text('{"schema": 1,\n')
  with pytest.raises(ValueError, match=r"results\.json:2: not JSON"):
    results.load(tmp_path)


def test_unseen_languages(saved):
  assert results.unseen(saved) == ("el",)
  del saved["model"]["training_languages"]
  assert results.unseen(saved) == ()
