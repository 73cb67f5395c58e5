"""Results come back from disk as they were saved."""

import csv
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridret_jax.ground import faults
from hybridret_jax.reporting import results

ROWS = [
  {
    "id": "q\u2028one",
    "lang": "en",
    "cluster": "Dam",
    "pool": {"map": 0.5},
    "directions": {"el": {"map": 1.0}},
  },
  {"id": "q2", "lang": "el", "pool": {"map": 1 / 3}, "directions": {}},
]


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
  with pytest.raises(ValueError, match="schema 3.*evaluate again"):
    results.save(tmp_path, saved | {"schema": 3})
  results.save(tmp_path, saved)
  path = tmp_path / results.FILE
  path.write_text(json.dumps(saved | {"schema": 1}))
  with pytest.raises(ValueError, match=f"{path}: schema 1.*evaluate again"):
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
  with pytest.raises(ValueError, match=r"results\.json:1: not JSON"):
    results.load(tmp_path)


def test_unseen_languages(saved):
  assert results.unseen(saved) == ("el",)
  del saved["model"]["training_languages"]
  assert results.unseen(saved) == ()


def test_figures_of_queries_come_back_equal(tmp_path):
  path = results.save_per_query(tmp_path, "trained, means", ROWS)
  assert path.name == "per_query_trained_means.jsonl.gz"
  assert results.load_per_query(tmp_path, "trained, means") == ROWS


# Whatever reads names refuses NUL.
NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries({"id": NAME, "lang": NAME})))
def test_any_ids_come_back_equal(tmp_path_factory, rows):
  folder = tmp_path_factory.mktemp("results")
  results.save_per_query(folder, "any", rows)
  assert results.load_per_query(folder, "any") == rows


def test_equal_figures_of_queries_give_equal_bytes(tmp_path):
  first = results.save_per_query(tmp_path / "a", "trained", ROWS).read_bytes()
  again = results.save_per_query(tmp_path / "b", "trained", iter(ROWS))
  assert again.read_bytes() == first
  # Neither the time nor the name of the file it was written to is in it.
  assert first[3:8] == bytes(5)


def test_what_is_not_a_number_is_left_out(tmp_path):
  row = {"id": "q", "lang": "en", "pool": {"map": math.nan, "r@1": 1.0}}
  results.save_per_query(tmp_path, "trained", [row])
  [loaded] = results.load_per_query(tmp_path, "trained")
  assert loaded["pool"] == {"r@1": 1.0}


def test_broken_figures_of_queries_are_refused(tmp_path):
  with pytest.raises(FileNotFoundError, match="--mode=evaluate"):
    results.load_per_query(tmp_path, "trained")
  path = results.save_per_query(tmp_path, "trained", [*ROWS, {"id": "q3"}])
  with pytest.raises(ValueError, match=f"{path}:3: .*q3.*evaluate again"):
    results.load_per_query(tmp_path, "trained")
  path.write_bytes(path.read_bytes()[:-9])
  with pytest.raises(ValueError, match=f"{path}:3: .*evaluate again"):
    results.load_per_query(tmp_path, "trained")


def change(saved, *keys, to):
  for key in keys[:-1]:
    saved = saved[key]
  saved[keys[-1]] = to


@pytest.mark.parametrize(
  ("keys", "to", "said"),
  [
    (("systems",), [], "systems is \\[\\]; it has to be an object"),
    (("systems", "trained"), 3, "trained' lacks languages"),
    (("notes",), [1], "notes is 1"),
    (("model",), "x", "model is 'x'"),
    (("systems", "trained", "languages"), [None], "languages is None"),
    (("systems", "trained", "counts"), {}, "counts.queries is None"),
    (("systems", "trained", "pool", "en"), 1, "trained.pool.en is 1"),
    (("systems", "trained", "macro", "monolingual", "map"), "1", "map is '1'"),
    (("systems", "trained", "bias"), [], "bias is \\[\\]"),
  ],
)
def test_what_is_laid_out_otherwise_is_named(tmp_path, saved, keys, to, said):
  change(saved, *keys, to=to)
  path = tmp_path / results.FILE
  path.write_text(json.dumps(saved))
  with pytest.raises(ValueError, match=f"^{path}: .*{said}"):
    results.load(tmp_path)


def test_examples_come_back_equal(tmp_path, entries):
  assert results.load_examples(tmp_path) is None
  examples = entries[0]["examples"]
  path = results.save_examples(tmp_path, examples)
  assert path.name == "examples.json"
  assert results.load_examples(tmp_path) == examples


def test_examples_with_a_list_too_few_are_refused(tmp_path, entries):
  examples = entries[0]["examples"]
  path = results.save_examples(tmp_path, examples)
  examples["systems"]["trained"].pop()
  with pytest.raises(ValueError, match="'trained'.* 1 queries of 2"):
    results.save_examples(tmp_path, examples)
  path.write_text(json.dumps(examples))
  with pytest.raises(ValueError, match=f"{path}: system 'trained'"):
    results.load_examples(tmp_path)
  path.write_text('{"queries": []}')
  with pytest.raises(ValueError, match=f"{path}: systems missing"):
    results.load_examples(tmp_path)


@pytest.mark.parametrize("part", results.PARTS)
def test_different_tasks_of_one_name_do_not_compare(saved, part):
  known = saved | {"task_sha256": dict.fromkeys(results.PARTS, "1")}
  other = known | {"task_sha256": known["task_sha256"] | {part: "2"}}
  results.check_tasks({"a": known, "b": known})
  assert not results.unverified({"a": known, "b": known})
  with pytest.raises(faults.Fault) as refused:
    results.check_tasks({"a": known, "b": saved, "c": other})
  said = str(refused.value)
  assert f"task {saved['task']}: {part} differ between a and c;" in said


def test_results_without_a_digest_compare_by_name_and_that_is_said(saved):
  known = saved | {"task_sha256": dict.fromkeys(results.PARTS, "1")}
  results.check_tasks({"a": known, "b": saved})
  said = results.unverified({"a": known, "b": saved})
  assert "Results of b " in said and "name alone" in said
  assert not results.unverified({"b": saved})  # It compares with none.


def test_a_digest_without_its_parts_is_refused(tmp_path, saved):
  with pytest.raises(ValueError, match="task_sha256 is"):
    results.save(tmp_path, saved | {"task_sha256": {"queries": "1"}})
