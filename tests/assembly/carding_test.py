"""Cards of exports, read back and compared with what they were made from."""

import json
import re
import shutil

import huggingface_hub
import pytest

from hybridret_jax import library
from tests.fixtures import small_run

LENGTHS = re.compile(
  r"In training a query was cut at (\d+) tokens and a passage\s+at (\d+)"
)
OWN_LENGTHS = re.compile(
  r"A query is cut at (\d+) tokens and a passage at (\d+)"
)
SOURCE = re.compile(r"- `([^`]+)` \(SHA-256 of its rows ([0-9a-f]{16})…\)")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A trained run, exported without an evaluation and then with one."""
  place = tmp_path_factory.mktemp("cards")
  config = config_of(place)
  small_run.make(place, config)
  library.export(config, place / "run")
  shutil.copytree(place / "run" / "export", place / "before")
  library.evaluate(config, place / "run")
  library.export(config, place / "run")
  return place


def config_of(place):
  config = small_run.config_of(place)
  config.evaluation.query_length = 24
  config.evaluation.passage_length = 28
  return config


def card(folder):
  return huggingface_hub.ModelCard.load(folder / "README.md")


def cards(place):
  return [card(place / "before"), card(place / "run" / "export")]


def test_both_state_the_lengths_of_the_run_and_of_the_folder(place):
  config = config_of(place)
  for read in cards(place):
    flat = " ".join(read.text.split())
    assert [int(n) for n in LENGTHS.search(flat).groups()] == [
      config.data.query_length,
      config.data.passage_length,
    ]
    assert [int(n) for n in OWN_LENGTHS.search(flat).groups()] == [
      config.evaluation.query_length,
      config.evaluation.passage_length,
    ]


def test_both_state_the_start_and_the_data_of_the_run(place):
  (rows,) = {
    source["sha256"]
    for source in json.loads((place / "run" / "record.json").read_text())[
      "sources"
    ]
  }
  for read in cards(place):
    assert "It started from 'start'." in " ".join(read.text.split())
    assert SOURCE.findall(read.text) == [("pairs", rows[:16])]
    assert read.data.language == list(small_run.LANGUAGES)
    assert read.data.base_model is None  # A folder is no hub id.
    assert str(place) not in read.content


def test_the_figures_are_those_of_the_results_or_none(place):
  before, after = cards(place)
  assert before.data.eval_results is None
  assert "exported without an evaluation" in before.text
  saved = json.loads(
    (place / "run" / "results" / "task" / "results.json").read_text()
  )
  macro = saved["systems"]["trained"]["macro"]
  stated = {
    one.dataset_config: one.metric_value for one in after.data.eval_results
  }
  assert stated == {key: round(macro[key]["map"], 4) for key in stated}
  assert set(stated) == {"monolingual", "cross_lingual", "multilingual_pool"}


def test_settings_in_the_table_are_the_runs(place):
  config = config_of(place)
  for read in cards(place):
    for key, value in (
      ("batches.batch_size", config.batches.batch_size),
      ("loss.temperature", config.loss.temperature),
      ("optimizer.learning_rate", config.optimizer.learning_rate),
      ("seed", config.seed),
    ):
      row = re.search(
        rf"\| `?{re.escape(key)}`? *\| *`?([^|`]+?)`? *\|", read.text
      )
      assert row, key
      assert float(row[1]) == float(value), key
