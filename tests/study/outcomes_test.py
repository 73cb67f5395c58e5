"""Finished cells are found by their levels, and their figures by name."""

import json

import numpy as np
import pytest

from hybridret_jax.assembly import detail
from hybridret_jax.reporting import results
from hybridret_jax.retrieval import clusters
from hybridret_jax.study import design, figure_names, outcomes
from tests.study import made_study

PRIMARY = {"domain": "legal", "strategy": "hybrid"}


@pytest.fixture(scope="module")
def study():
  config, finished = made_study.whole()
  return outcomes.read(config, finished)


def test_grids_keep_the_order_they_were_written_in():
  grids = outcomes.grids(made_study.config())
  assert grids["primary"].axes == {
    "domain": made_study.DOMAINS,
    "strategy": made_study.STRATEGIES,
  }
  assert grids["primary"].seeds == (0, 1, 2)
  combinations = grids["primary"].combinations({"strategy": "hybrid"})
  assert [x["domain"] for x in combinations] == ["generic", "legal"]
  assert len(grids["primary"].combinations()) == 6


def test_a_cell_is_found_by_its_levels_and_seed(study):
  config, finished = made_study.whole()
  for cell in design.cells(config):
    for grid, levels in cell.factors.items():
      found = study.outcome(grid, levels, cell.seed)
      assert cell.key == found.folder.name
  assert study.outcome("primary", PRIMARY, 7) is None
  assert len(finished) == 6 * 3 + 3 * 3 + 1


def test_a_cell_of_two_grids_stands_in_both(tmp_path):
  config = made_study.config(seeds=(0,))
  with config.unlocked():
    # Alpha of a hybrid batch is 0.5 by default.
    config.grids.alpha.axes = (
      ("alpha", (("0.5", (("batches.alpha", 0.5),)),)),
      ("domain", (("generic", (("data.source_weights", (1.0,)),)),)),
    )
  finished = made_study.finish(config, tmp_path, skip=("legal",))
  study = outcomes.read(config, finished)
  levels = {"domain": "generic", "strategy": "hybrid"}
  one = study.outcome("primary", levels, 0)
  assert one is study.outcome("alpha", {"alpha": "0.5", "domain": "generic"}, 0)
  assert one is not None


def test_the_most_particular_start_is_the_one(tmp_path):
  config, finished = made_study.whole()
  start = next(x for x in finished if design.is_start(x.cell))

  def named(*names):
    cell = design.Cell("key", names, {}, 0, ())
    return outcomes.Finished(cell, start.folder)

  study = outcomes.read(config, [named("start"), named("start/domain=legal")])
  assert study.start(PRIMARY).name == "start/domain=legal"
  assert study.start({"domain": "generic"}).name == "start"
  assert outcomes.read(config, []).start(PRIMARY) is None


def test_tasks_are_in_the_order_of_the_config(tmp_path):
  config = made_study.config(seeds=(0,), alphas=False)
  finished = made_study.finish(
    config, tmp_path, skip=("legal", "lingual"), tasks=("made", "xquad_r")
  )
  assert outcomes.read(config, finished).tasks == ["xquad_r", "made"]


def test_sums_give_the_macro_figures_back(study):
  outcome = study.outcome("primary", PRIMARY, 1)
  figures = [x for x in figure_names.all_figures() if not x.startswith("bias:")]
  found = study.samples(outcome, "xquad_r", "trained", figures)
  saved = json.loads(
    (outcome.folder / "results/xquad_r/results.json").read_text()
  )["systems"]["trained"]
  checked = 0
  for figure in figures:
    part, setting, metric = figure_names.parse(figure)
    wanted = saved[part][setting][metric]
    assert outcome.value("xquad_r", "trained", figure) == wanted
    assert clusters.macro(found[figure]) == pytest.approx(wanted, abs=2e-6)
    checked += 1
  assert checked >= 3 * 7 + 2 + 6
  assert found["macro_unseen:cross_lingual/map"].cells == (
    "de-hi",
    "en-hi",
    "hi-de",
    "hi-en",
  )
  assert found["macro_seen:multilingual_pool/map"].cells == ("de", "en")


def test_a_bias_has_a_value_and_no_sums(study):
  outcome = study.outcome("primary", PRIMARY, 1)
  assert 0 < outcome.value("xquad_r", "trained", "bias:one_copy") < 1
  rows = results.load_per_query(outcome.folder / "results/xquad_r", "trained")
  values = detail.values(rows, list(made_study.LANGUAGES))
  assert outcomes.clustered(values, "bias:one_copy", ()) is None
  with pytest.raises(ValueError, match="write SETTING/METRIC"):
    outcomes.clustered(values, "monolingual/rank_distance", ())


def test_a_task_without_clusters_has_no_sums(tmp_path, caplog):
  config = made_study.config(seeds=(0,), alphas=False)
  finished = made_study.finish(
    config, tmp_path, skip=("legal", "start"), clusters=False
  )
  study = outcomes.read(config, finished)
  for outcome in study.cells.values():
    for _ in range(2):
      assert study.samples(outcome, "xquad_r", "trained", ["r@1"]) == {}
  assert [x for x in caplog.messages if "question group" in x] != []
  assert len(caplog.messages) == 1


def test_what_was_read_is_not_read_again(study, monkeypatch):
  outcome = study.outcome("primary", PRIMARY, 2)
  figures = ["monolingual/map", "bias:peer"]
  first = study.samples(outcome, "xquad_r", "trained", figures)
  moved = outcome.folder.with_name("moved")
  outcome.folder.rename(moved)
  try:
    again = study.samples(outcome, "xquad_r", "trained", figures)
  finally:
    moved.rename(outcome.folder)
  np.testing.assert_array_equal(
    first["monolingual/map"].sums_AC, again["monolingual/map"].sums_AC
  )
