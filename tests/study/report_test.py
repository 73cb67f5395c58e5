"""The report of a study: what it averages, what is missing, equal bytes."""

import json
import shutil
import statistics

import numpy as np
import pytest
from scipy import stats

from hybridret_jax.study import figure_names, outcomes, report
from tests.study import made_study

GONE = ("strategy=hybrid/seed=1", "domain=legal/strategy=monolingual")


@pytest.fixture(scope="module")
def study():
  return made_study.collected()


@pytest.fixture(scope="module")
def partial():
  return made_study.collected(*GONE)


def grid_of(study, name="primary"):
  return next(x for x in study["grids"] if x["name"] == name)


def group_of(study, **levels):
  return next(x for x in grid_of(study)["groups"] if x["levels"] == levels)


def saved(levels, seed):
  """A cell's results, read by hand."""
  _, finished = made_study.whole()
  folder = next(
    x.folder
    for x in finished
    if x.cell.factors.get("primary") == levels and x.cell.seed == seed
  )
  path = folder / "results/xquad_r/results.json"
  return json.loads(path.read_text())["systems"]["trained"]


def test_a_group_is_averaged_over_its_seeds(study):
  levels = {"domain": "legal", "strategy": "hybrid"}
  found = group_of(study, **levels)
  assert found["finished"] == ["0", "1", "2"]
  assert found["missing"] == []
  for figure in ("cross_lingual/map", "multilingual_pool/rank_distance"):
    setting, metric = figure.split("/")
    values = [
      saved(levels, seed)["macro"][setting][metric] for seed in range(3)
    ]
    mine = found["tasks"]["xquad_r"]["figures"][figure]
    ends = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values, ddof=1))
    wanted = {
      "mean": np.mean(values),
      "sd": statistics.stdev(values),
      "min": min(values),
      "max": max(values),
      "low": ends[0],
      "high": ends[1],
    }
    assert {key: mine[key] for key in wanted} == pytest.approx(wanted, rel=1e-4)
    assert list(mine["by_seed"].values()) == pytest.approx(values, rel=1e-5)


def test_matrices_are_means_too(study):
  levels = {"domain": "generic", "strategy": "monolingual"}
  mean = group_of(study, **levels)["tasks"]["xquad_r"]["mean"]
  cells = [saved(levels, seed) for seed in range(3)]
  for key in ("directions", "pool"):
    assert mean[key].keys() == cells[0][key].keys()
    for place, cell in mean[key].items():
      wanted = np.mean([x[key][place]["map"] for x in cells])
      assert cell["map"] == pytest.approx(wanted, rel=1e-5)
  shares = mean["bias"]["top_shares"]
  assert shares["k"] == 10
  wanted = [x["bias"]["top_shares"]["by_language"]["de"]["hi"] for x in cells]
  assert shares["by_language"]["de"]["hi"] == pytest.approx(
    np.mean(wanted), rel=1e-5
  )


def test_what_is_missing_is_named_and_never_averaged(partial):
  config, finished = made_study.whole()
  names = [x["names"][0] for x in partial["missing"]]
  assert sorted(names) == [
    "primary/domain=generic/strategy=hybrid/seed=1",
    "primary/domain=legal/strategy=hybrid/seed=1",
    *(f"primary/domain=legal/strategy=monolingual/seed={x}" for x in range(3)),
  ]
  assert partial["cells"] == len(finished)
  assert partial["finished"] == len(finished) - 5
  found = group_of(partial, domain="generic", strategy="hybrid")
  assert (found["finished"], found["missing"]) == (["0", "2"], ["1"])
  figures = found["tasks"]["xquad_r"]["figures"]
  assert list(figures["monolingual/map"]["by_seed"]) == ["0", "2"]
  found = group_of(partial, domain="legal", strategy="monolingual")
  assert found["missing"] == ["0", "1", "2"]
  task = found["tasks"]["xquad_r"]
  assert task["mean"] is None
  assert task["training_languages"] == []
  assert list(task["figures"]) == list(figure_names.HEADLINE)
  for figure in task["figures"].values():
    assert figure["by_seed"] == {}
    assert figure["mean"] is figure["sd"] is figure["low"] is None


def test_claims_rest_on_the_seeds_of_both_sides(study, partial):
  for found, seeds in ((study, ["0", "1", "2"]), (partial, ["0", "2"])):
    assert [x["id"] for x in found["claims"]] == ["pool", "distance"]
    for claim in found["claims"]:
      assert list(claim["by_seed"]) == seeds
  assert [x["verdict"] for x in study["claims"]] == ["supported"] * 2


def test_the_start_stands_beside(study):
  (start,) = study["starts"]
  assert [x["label"] for x in start["systems"]] == [*made_study.LABELS.values()]
  figures = start["systems"][0]["tasks"]["xquad_r"]["figures"]
  assert 0 < figures["cross_lingual/map"]["mean"] < 1
  assert "bias:one_copy" in figures


def test_other_metrics_and_languages_are_kept(study):
  found = group_of(study, domain="generic", strategy="hybrid")["tasks"][
    "xquad_r"
  ]
  assert set(found["figures"]) == set(figure_names.all_figures())
  assert found["training_languages"] == ["de", "en"]


def test_versions_are_those_that_cells_were_judged_with(study):
  assert study["versions"] == {"numpy": ["2"]}


def test_costs_stand_apart(study):
  costs = study["costs"]
  assert list(study)[-1] == "costs"
  config, finished = made_study.whole()
  assert costs["seconds"] == 30.0 * len(finished)
  assert len(costs["cells"]) == len(finished)
  group = costs["groups"][-1]
  assert group["levels"] == {"domain": "legal", "strategy": "hybrid"}
  assert group["mean"]["steps"] == 5
  assert group["mean"]["devices"] == "2 × cpu"
  assert group["mean"]["cell_seconds"] == 30.0


def test_equal_studies_give_equal_bytes_but_for_costs(tmp_path):
  """Finished in another order, elsewhere, in another time."""
  config = made_study.config(
    seeds=(0, 1), alphas=False, claims=(made_study.claim("pool"),)
  )
  skip = ("legal", "cross")
  pages = []
  for name, sign, seconds in (("one", 1, 30.0), ("two", -1, 77.0)):
    finished = made_study.finish(config, tmp_path / name, skip=skip)[::sign]
    for one in finished:
      path = one.folder / "done.json"
      path.write_text(json.dumps({"seconds": seconds}))
    page = report.write(config, finished, tmp_path / name / "report")
    pages.append(page.parent)
  one, two = (json.loads((x / "study.json").read_text()) for x in pages)
  costs = [x.pop("costs") for x in (one, two)]
  assert costs[0] != costs[1]
  assert json.dumps(one) == json.dumps(two)
  names = [{x.name for x in folder.iterdir()} for folder in pages]
  assert names[0] == names[1]
  # Costs are in the page and the tables; the pictures have none.
  for path in pages[0].glob("*.svg"):
    assert path.read_bytes() == (pages[1] / path.name).read_bytes()
  again = tmp_path / "again"
  finished = made_study.finish(config, tmp_path / "two", skip=skip)
  for one in finished:
    (one.folder / "done.json").write_text(json.dumps({"seconds": 77.0}))
  report.write(config, finished, again)
  for path in again.iterdir():
    assert path.read_bytes() == (pages[1] / path.name).read_bytes(), path.name


def test_nothing_finished_makes_a_page(tmp_path):
  config = made_study.config(claims=(made_study.claim("pool"),))
  page = report.write(config, [], tmp_path)
  found = json.loads((tmp_path / "study.json").read_text())
  assert found["finished"] == 0
  assert len(found["missing"]) == found["cells"]
  assert found["claims"][0]["verdict"] == "undecided"
  assert "This study is unfinished" in page.read_text()


def test_a_claim_that_cannot_be_judged_is_refused(tmp_path):
  config = made_study.config(claims=(made_study.claim("mine", rule="best"),))
  with pytest.raises(ValueError, match="claim 'mine': rule 'best'"):
    report.write(config, [], tmp_path)


def test_results_that_are_not_paired_are_refused(tmp_path):
  """A cell that was judged on other questions than the others."""
  config, finished = made_study.whole()
  levels = {"domain": "generic", "strategy": "hybrid"}
  mine = next(x for x in finished if x.cell.factors.get("primary") == levels)
  folder = shutil.copytree(mine.folder, tmp_path / "cell")
  path = folder / "results/xquad_r/per_query_trained.jsonl.gz"
  rows = outcomes.results.load_per_query(path.parent, "trained")
  outcomes.results.save_per_query(path.parent, "trained", rows[3:])
  changed = [
    outcomes.Finished(x.cell, folder) if x is mine else x for x in finished
  ]
  with pytest.raises(ValueError, match="two systems are not paired"):
    report.collect(config, changed)


def test_the_command_names_no_place_of_this_machine(study, tmp_path):
  assert study["rerun"] == (
    "python -m hybridret_jax.main --mode=study --config=configs/study/made.py"
    " --workdir=runs/made --config.run.data.folder=DATA"
  )
  config, finished = made_study.whole()
  text = json.dumps(study)
  for one in finished:
    assert str(one.folder) not in text
