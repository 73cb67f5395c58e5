"""Differences over seeds against scipy, and by question group against rows."""

import itertools
import json
import pathlib
import statistics

import numpy as np
import pytest
from scipy import stats

from hybridret_jax.assembly import detail
from hybridret_jax.reporting import results
from hybridret_jax.retrieval import uncertainty
from hybridret_jax.study import comparisons, figure_names, outcomes
from tests.study import made_study

FIGURES = (*figure_names.HEADLINE, "macro_unseen:cross_lingual/map")
HYBRID, MONO = (
  {"domain": "generic", "strategy": x} for x in ("hybrid", "monolingual")
)


@pytest.fixture(scope="module")
def study():
  return outcomes.read(*made_study.whole())


@pytest.fixture(scope="module")
def rows(study):
  return comparisons.compare_all(study, made_study.whole()[0], FIGURES)


@pytest.fixture(scope="module")
def partial():
  """Without seed 1 of the hybrid cells, and seed 2 of the monolingual ones."""
  config, finished = made_study.whole()
  gone = {("hybrid", 1), ("monolingual", 2)}
  kept = [
    x
    for x in finished
    if (x.cell.factors.get("primary", {}).get("strategy"), x.cell.seed)
    not in gone
  ]
  return outcomes.read(config, kept)


def contrast_of(a, b):
  return comparisons.Contrast(
    "primary", (comparisons.Side((a,)),), (comparisons.Side((b,)),)
  )


def saved(study, levels, seed):
  folder = study.outcome("primary", levels, seed).folder / "results/xquad_r"
  return folder, json.loads((folder / "results.json").read_text())


def value_of(study, levels, seed, figure, system="trained"):
  """A figure, read by hand."""
  _, found = saved(study, levels, seed)
  part, _, rest = figure.rpartition(":")
  setting, metric = rest.split("/")
  return found["systems"][system][part or "macro"][setting][metric]


def values_of(study, levels, seed):
  folder, _ = saved(study, levels, seed)
  rows = results.load_per_query(folder, "trained")
  return detail.values(rows, list(made_study.LANGUAGES))


@pytest.mark.parametrize("figure", FIGURES)
def test_seeds_are_paired_as_scipy_pairs_them(study, figure):
  found = comparisons.compare(
    study, contrast_of(HYBRID, MONO), "xquad_r", figure, FIGURES, level=0.9
  )
  a, b = (
    [value_of(study, levels, seed, figure) for seed in (0, 1, 2)]
    for levels in (HYBRID, MONO)
  )
  wanted = stats.ttest_rel(a, b)
  ends = wanted.confidence_interval(0.9)
  assert found["p"] == pytest.approx(wanted.pvalue)
  assert (found["low"], found["high"]) == pytest.approx((ends.low, ends.high))
  assert found["difference"] == pytest.approx(np.mean(a) - np.mean(b))
  assert found["of"] == 3
  assert list(found["by_seed"]) == ["0", "1", "2"]
  assert found["by_seed"]["2"] == pytest.approx(a[2] - b[2])


def test_question_groups_are_those_of_the_checkpoints(study):
  figure = "multilingual_pool/map"
  found = comparisons.compare(
    study, contrast_of(HYBRID, MONO), "xquad_r", figure, FIGURES
  )["groups"]
  a, b = (
    [values_of(study, levels, seed) for seed in (0, 1, 2)]
    for levels in (HYBRID, MONO)
  )
  tests = [
    uncertainty.compare(one, other)["settings"]["multilingual_pool"]
    for one, other in zip(a, b, strict=True)
  ]
  p = [x["p"] for x in tests]
  assert found["clusters"] == 12
  assert found["tested"] == 3
  assert found["median_p"] == statistics.median(p)
  assert found["significant"] == sum(x <= 0.05 for x in p)
  # Of the mean of the seeds' per-query values, made here by hand.
  mean = np.mean(
    [x.pool_Q["map"] - y.pool_Q["map"] for x, y in zip(a, b, strict=True)], 0
  )
  by_language = [
    mean[a[0].query_language_Q == language].mean() for language in range(3)
  ]
  assert found["difference"] == pytest.approx(np.mean(by_language))
  assert found["low"] < found["difference"] < found["high"]
  assert found["high"] - found["low"] < 0.2


def test_a_planted_effect_is_found_in_the_pool_not_within(rows):
  chosen = next(
    x
    for x in rows
    if x["b"] == "monolingual" and x["at"]["domain"] == "generic"
  )
  pool = chosen["figures"]["multilingual_pool/map"]
  assert pool["difference"] > 0.1
  assert pool["p_holm"] <= 0.05
  assert pool["groups"]["significant"] == 3
  within = chosen["figures"]["monolingual/map"]
  assert abs(within["difference"]) < 0.05
  assert within["p_holm"] > 0.05


def test_pairs_stand_at_every_combination_of_the_other_axes(rows):
  places = [(x["axis"], x["a"], x["b"], *x["at"].values()) for x in rows]
  assert places == [
    ("strategy", "hybrid", "monolingual", "generic"),
    ("strategy", "hybrid", "monolingual", "legal"),
    ("strategy", "hybrid", "cross_lingual", "generic"),
    ("strategy", "hybrid", "cross_lingual", "legal"),
    ("domain", "legal", "generic", "monolingual"),
    ("domain", "legal", "generic", "cross_lingual"),
    ("domain", "legal", "generic", "hybrid"),
  ]
  for figure in figure_names.HEADLINE:
    tested = [x["figures"][figure] for x in rows]
    tested = [x for x in tested if x["p"] is not None]
    assert len(tested) >= 5
    adjusted = [x["p_holm"] for x in tested]
    assert adjusted == pytest.approx(holm([x["p"] for x in tested]))


def holm(p):
  """Step down: the k-th smallest of n counts n - k + 1 times."""
  order = sorted(range(len(p)), key=p.__getitem__)
  found, highest = [0.0] * len(p), 0.0
  for left, index in zip(range(len(p), 0, -1), order, strict=True):
    highest = max(highest, min(1.0, left * p[index]))
    found[index] = highest
  return found


def test_holm_leaves_out_what_was_not_tested():
  family = [{"p": 0.04}, {"p": None}, {"p": 0.01}]
  comparisons.put_holm(family)
  assert [x["p_holm"] for x in family] == [pytest.approx(0.04), None, 0.02]


def test_only_seeds_of_both_sides_are_paired(partial):
  figure = "multilingual_pool/map"
  found = comparisons.compare(
    partial, contrast_of(HYBRID, MONO), "xquad_r", figure, FIGURES
  )
  assert list(found["by_seed"]) == ["0"]
  assert found["of"] == 3
  assert found["p"] is None
  assert found["difference"] == pytest.approx(
    value_of(partial, HYBRID, 0, figure) - value_of(partial, MONO, 0, figure)
  )
  assert found["groups"]["tested"] == 1
  config, _ = made_study.whole()
  row = comparisons.compare_all(partial, config, FIGURES)[0]
  for side, levels in (("a", HYBRID), ("b", MONO)):
    _, results_json = saved(partial, levels, 0)
    figures = results_json["systems"]["trained"]
    for direction, cell in row["means"][side]["directions"].items():
      assert cell["map"] == figures["directions"][direction]["map"]


def test_a_pair_without_a_seed_has_no_figure(partial):
  config, _ = made_study.whole()
  gone = dict(partial.cells)
  del gone["primary", ("generic", "hybrid"), 0]
  del gone["primary", ("generic", "hybrid"), 2]
  study = outcomes.Study(partial.grids, gone, partial.starts, partial.tasks)
  row = comparisons.compare_all(study, config, FIGURES)[0]
  assert row["means"] == {"a": None, "b": None}
  assert row["directions"] == {}
  for found in row["figures"].values():
    assert found["by_seed"] == {}
    assert found["difference"] is found["p"] is found["p_holm"] is None
    assert found["groups"] is None


def test_averages_need_every_level(study, partial):
  """Over both domains, and with one of their cells missing."""
  figure = "cross_lingual/map"
  sides = [
    comparisons.Side(
      tuple({"domain": x, "strategy": y} for x in made_study.DOMAINS)
    )
    for y in ("hybrid", "monolingual")
  ]
  contrast = comparisons.Contrast("primary", (sides[0],), (sides[1],))
  found = comparisons.compare(study, contrast, "xquad_r", figure, FIGURES)
  for seed in (0, 1, 2):
    wanted = [
      value_of(study, {"domain": x, "strategy": y}, seed, figure)
      for y in ("hybrid", "monolingual")
      for x in made_study.DOMAINS
    ]
    assert found["by_seed"][str(seed)] == pytest.approx(
      (wanted[0] + wanted[1]) / 2 - (wanted[2] + wanted[3]) / 2
    )
  assert found["groups"]["difference"] == pytest.approx(
    found["difference"], abs=1e-6
  )
  left = dict(study.cells)
  del left["primary", ("legal", "hybrid"), 1]
  less = outcomes.Study(study.grids, left, study.starts, study.tasks)
  found = comparisons.compare(less, contrast, "xquad_r", figure, FIGURES)
  assert list(found["by_seed"]) == ["0", "2"]


def test_a_start_is_held_against_every_seed(study):
  contrast = comparisons.Contrast(
    "primary",
    (comparisons.Side((HYBRID,)),),
    (comparisons.Side((HYBRID,), "untrained"),),
  )
  found = comparisons.compare(
    study, contrast, "xquad_r", "cross_lingual/map", FIGURES
  )
  start = study.start(HYBRID).value("xquad_r", "untrained", "cross_lingual/map")
  for seed, difference in found["by_seed"].items():
    mine = value_of(study, HYBRID, int(seed), "cross_lingual/map")
    assert difference == pytest.approx(mine - start)
  assert len(found["by_seed"]) == 3


def test_a_difference_of_differences(study):
  """(hybrid - mono, legal) - (hybrid - mono, generic)."""
  cells = [
    comparisons.Side(({"domain": x, "strategy": y},))
    for x, y in itertools.product(
      ("legal", "generic"), ("hybrid", "monolingual")
    )
  ]
  contrast = comparisons.Contrast(
    "primary", (cells[0], cells[3]), (cells[1], cells[2])
  )
  figure = "multilingual_pool/map"
  found = comparisons.compare(study, contrast, "xquad_r", figure, FIGURES)
  for seed in (0, 1, 2):
    legal, mono, hybrid, base = (
      value_of(study, side.levels[0], seed, figure) for side in cells
    )
    assert found["by_seed"][str(seed)] == pytest.approx(
      (legal - mono) - (hybrid - base)
    )
  assert found["groups"]["difference"] == pytest.approx(
    found["difference"], abs=1e-6
  )


def test_other_training_languages_do_not_compare_unseen_ones(study):
  cells = dict(study.cells)
  place = ("primary", ("generic", "hybrid"), 1)
  outcome = cells[place]
  changed = json.loads(json.dumps(outcome.tasks))
  changed["xquad_r"]["model"]["training_languages"] = ["de"]
  cells[place] = outcomes.Outcome(outcome.name, outcome.folder, changed)
  less = outcomes.Study(study.grids, cells, study.starts, study.tasks)
  for figure, seeds in (
    (FIGURES[-1], ["0", "2"]),
    (FIGURES[0], ["0", "1", "2"]),
  ):
    found = comparisons.compare(
      less, contrast_of(HYBRID, MONO), "xquad_r", figure, FIGURES
    )
    assert list(found["by_seed"]) == seeds
    assert (found["note"] is None) == (len(seeds) == 3)


def test_what_rounding_leaves_is_no_difference(study):
  """Sums in another order are not told apart however often they repeat."""
  cells = dict(study.cells)
  for seed, excess in enumerate((1e-16, 2e-16, 1.1e-16)):
    for strategy, more in (("hybrid", excess), ("monolingual", 0.0)):
      figures = {"macro": {"monolingual": {"map": 0.3 + more}}, "languages": []}
      cells["primary", ("generic", strategy), seed] = outcomes.Outcome(
        "made",
        pathlib.Path("nowhere"),
        {"xquad_r": {"systems": {"trained": figures}, "model": {}}},
      )
  same = outcomes.Study(study.grids, cells, [], study.tasks)
  found = comparisons.compare(
    same, contrast_of(HYBRID, MONO), "xquad_r", "monolingual/map", ()
  )
  assert found["by_seed"] == {"0": 0, "1": 0, "2": 0}
  assert found["p"] is None


def test_directions_are_tested_on_the_mean_over_seeds(study, rows):
  found = rows[0]["directions"]
  a, b = (
    np.mean(
      [values_of(study, x, seed).directions_QX["map"] for seed in (0, 1, 2)], 0
    )
    for x in (HYBRID, MONO)
  )
  language = values_of(study, HYBRID, 0).query_language_Q
  for x, query in enumerate(made_study.LANGUAGES):
    for y, answer in enumerate(made_study.LANGUAGES):
      difference = (a - b)[language == x, y].mean()
      assert found[f"{query}-{answer}"]["difference"] == pytest.approx(
        difference
      )
  assert found["de-en"]["significant"]
  assert not found["de-de"]["significant"]
