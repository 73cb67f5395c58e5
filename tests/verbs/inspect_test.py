"""What is shown before training is what training then does."""

import json

import numpy as np
import pytest

import hybridret_jax
from hybridret_jax import run as runs
from hybridret_jax.assembly import places, training_data
from hybridret_jax.ground import faults
from hybridret_jax.reporting import shares
from hybridret_jax.verbs import inspect, train
from tests.fixtures import small_run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  place = tmp_path_factory.mktemp("place")
  small_run.make(place)
  return place


@pytest.fixture(scope="module")
def found(place):
  return hybridret_jax.inspect(small_run.config_of(place), place / "looked")


def test_rows_and_pairs_are_counted(place, found):
  assert found["rows"] + found["held_out_rows"] == 80
  rows = {one["language"]: one["rows"] for one in found["sources"]}
  assert sum(rows.values()) == found["rows"]
  assert found["available"][0][0] == rows["de"]
  assert found["available"][0][1] == rows["en"]  # Every group has both.
  assert sum(map(sum, found["drawn"])) == 2 * 8  # Steps by pairs.


def test_it_is_written_and_the_same_each_time(place, found, tmp_path):
  folder = place / "looked" / inspect.FOLDER
  assert json.loads((folder / inspect.FILE).read_text()) == found
  again = hybridret_jax.inspect(small_run.config_of(place), tmp_path / "again")
  assert again == found
  other = tmp_path / "again" / inspect.FOLDER / inspect.PAGE
  page = (folder / inspect.PAGE).read_text()
  assert other.read_text() == page
  for step in (1, 2):
    assert f"Step {step}: " in page


def test_a_run_may_begin_there_and_has_the_shares_that_were_told(
  place, found, tmp_path
):
  config = small_run.config_of(place)
  hybridret_jax.inspect(config, tmp_path / "run")
  places.check_run(tmp_path / "run")
  train.train(config, tmp_path / "run")
  assert shares.load(tmp_path / "run")["realised"] == found["realised"]
  # And of a run that is there it tells the run's own.
  assert hybridret_jax.inspect(config, tmp_path / "run") == found


def test_what_a_cut_costs_is_measured_and_said(place, found, tmp_path):
  config = small_run.config_of(place)
  most = {one["side"]: one["quantiles"][3] - 1 for one in found["lengths"]}
  config.data.query_length = most["query"]
  config.data.passage_length = most["passage"]
  found = hybridret_jax.inspect(config, tmp_path / "run")
  for one in found["lengths"]:
    lengths = _lengths(config, tmp_path / "run", one["side"])
    cut = most[one["side"]]
    assert 0.1 < one["cut"] == (lengths > cut).mean()
    lost = np.maximum(lengths - cut, 0).sum() / lengths.sum()
    assert one["lost"] == pytest.approx(lost, abs=1e-12)
    assert one["quantiles"][3] == lengths.max()
  page = (tmp_path / "run" / inspect.FOLDER / inspect.PAGE).read_text()
  assert f"of the passages of pairs are cut at {most['passage']} tokens" in page


def _lengths(config, workdir, side):
  """Of all texts of a side, by the tokenizer itself."""
  run = runs.Run(config, workdir)
  corpus = training_data.make(
    run.config, run.corpus, run.model.tokenizer, None
  ).corpus
  row = {"query": corpus.query_row, "passage": corpus.passage_row}[side]
  tokens = run.model.tokenizer.encode(
    [corpus.texts[x] for x in sorted(set(row.tolist()))],
    prefix=run.config.data[f"{side}_prefix"],
    max_length=999,
  )
  return np.asarray(tokens.lengths)


def test_texts_of_a_task_that_are_trained_on_are_found(place, tmp_path):
  config = small_run.config_of(place)
  config.validation.share = 0.0
  (clean,) = hybridret_jax.inspect(config, tmp_path / "clean")["overlaps"]
  leaky = tmp_path / "leaky"
  leaky.mkdir()
  small_run.write_task(leaky)
  path = leaky / "queries.jsonl"
  rows = [json.loads(line) for line in path.read_text().splitlines()]
  planted = small_run.texts(0, "de", "question")
  assert planted not in [row["text"] for row in rows]
  rows[0]["text"] = f" {planted} "
  small_run.write_rows(path, rows)
  config.evaluation.tasks = (f"jsonl:{leaky}",)
  (found,) = hybridret_jax.inspect(config, tmp_path / "run")["overlaps"]
  assert found["queries"] == clean["queries"] + 1
  assert found["candidates"] == clean["candidates"]
  assert planted in found["examples"]
  assert found["task"] == "leaky" and found["of_queries"] == 20


def test_markup_in_data_is_text_on_the_page(place, tmp_path):
  config = small_run.config_of(place)
  (tmp_path / "pairs").mkdir()
  for language in small_run.LANGUAGES:
    text = (place / "pairs" / f"{language}.jsonl").read_text()
    text = text.replace('"id": "', '"id": "<img src=x onerror=alert(1)>')
    (tmp_path / "pairs" / f"{language}.jsonl").write_text(text)
  config.data.folder = str(tmp_path)
  config.evaluation.tasks = (f"jsonl:{place}/task",)
  hybridret_jax.inspect(config, tmp_path / "run")
  page = (tmp_path / "run" / inspect.FOLDER / inspect.PAGE).read_text()
  assert "<img" not in page and "&lt;img src=x" in page


def test_what_training_would_refuse_is_refused(place, tmp_path):
  config = small_run.config_of(place)
  config.batches.batch_size = 500
  with pytest.raises(ValueError, match="500"):
    hybridret_jax.inspect(config, tmp_path / "run")
  (tmp_path / "mine").mkdir()
  (tmp_path / "mine/thesis.tex").write_text("x")
  with pytest.raises(faults.Fault, match="thesis"):
    hybridret_jax.inspect(small_run.config_of(place), tmp_path / "mine")
