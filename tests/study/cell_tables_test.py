"""Tables of a study's cells, in the paper's layout and beside the start."""

import copy
import json

import pytest

from hybridret_jax.study import cell_tables, figure_names
from tests.study import made_study


@pytest.fixture
def study():
  return copy.deepcopy(made_study.collected())


@pytest.fixture
def partial():
  return copy.deepcopy(
    made_study.collected("strategy=hybrid/seed=1", "legal/strategy=mono")
  )


def plain(text):
  return text.translate(dict.fromkeys((0xE000, 0xE001)))


def table_of(tables, title):
  (found,) = [x for x in tables if x.title == title]
  for row in found.rows:
    assert len(row) == len(found.heads)
  return found


def row_of(table, *words):
  (found,) = [x for x in table.rows if tuple(x[: table.words]) == words]
  return [plain(x) for x in found[table.words :]]


def group_of(study, **levels):
  grid = next(x for x in study["grids"] if x["name"] == "primary")
  return next(x for x in grid["groups"] if x["levels"] == levels)


def test_the_headline_has_the_papers_layout(study):
  table = table_of(cell_tables.headline(study), "Figures: primary")
  assert table.heads == [
    *("Domain", "Strategy", "Seeds", "Mono", "Cross", "Pool", "Rank distance")
  ]
  assert list(table.spans) == [("", 1), ("xquad_r", 4)]
  assert [x[:2] for x in table.rows] == [
    *([x, y] for x in made_study.DOMAINS for y in made_study.STRATEGIES),
    ["start", "untrained"],
    ["start", "untrained, language means subtracted"],
    *(
      [init, f"{strategy} *"]
      for init in ("XLM-R", "LaBSE")
      for strategy in ("monolingual", "cross-lingual", "hybrid")
    ),
  ]
  assert table.apart == 8
  cells = row_of(table, "legal", "hybrid")
  figures = group_of(study, domain="legal", strategy="hybrid")["tasks"]
  figures = figures["xquad_r"]["figures"]
  wanted = [
    f"{figure_names.text(x, figures[x]['mean'])}"
    f" ± {figure_names.spread(x, figures[x]['sd'])}"
    for x in figure_names.HEADLINE
  ]
  assert cells == ["3", *wanted]
  assert row_of(table, "LaBSE", "hybrid *") == [
    *("", "0.817", "0.767", "0.682", "221")
  ]
  assert "not directly comparable" in table.note


def test_the_best_means_are_bold_and_the_start_is_never(study):
  grid = next(x for x in study["grids"] if x["name"] == "primary")
  best = max(
    x["tasks"]["xquad_r"]["figures"]["monolingual/map"]["mean"]
    for x in grid["groups"]
  )
  for start in study["starts"]:
    for system in start["systems"]:
      system["tasks"]["xquad_r"]["figures"]["monolingual/map"]["mean"] = best
  table = table_of(cell_tables.headline(study), "Figures: primary")
  groups = [
    group_of(study, domain=x, strategy=y)["tasks"]["xquad_r"]["figures"]
    for x in made_study.DOMAINS
    for y in made_study.STRATEGIES
  ]
  for column, figure in enumerate(figure_names.HEADLINE):
    texts = [figure_names.text(figure, x[figure]["mean"]) for x in groups]
    means = [x[figure]["mean"] for x in groups]
    best = min(means) if "distance" in figure else max(means)
    bold = ["\ue000" in row[3 + column] for row in table.rows]
    wanted = [x == figure_names.text(figure, best) for x in texts]
    assert bold == wanted + [False] * 8
    assert any(wanted)


def test_missing_seeds_are_counted_and_missing_groups_are_dashes(partial):
  table = table_of(cell_tables.headline(partial), "Figures: primary")
  assert row_of(table, "generic", "hybrid")[0] == "2 of 3"
  assert row_of(table, "legal", "monolingual") == ["0 of 3", *["–"] * 4]
  assert row_of(table, "generic", "monolingual")[0] == "3"


def test_one_axis_gets_one_column_of_words(study):
  table = table_of(cell_tables.headline(study), "Figures: alpha")
  words = [x[0] for x in table.rows]
  assert words[:4] == ["0.0", "0.5", "1.0", "start: untrained"]
  assert words[-1] == "LaBSE, hybrid *"


def test_a_task_that_the_paper_lacks_has_none_of_its_rows(study):
  other = json.loads(json.dumps(study).replace('"xquad_r"', '"own"'))
  table = cell_tables.headline(other)[0]
  assert not [x for x in table.rows if x[0].endswith("*")]
  assert "paper" not in table.note


def test_starts_of_other_levels_are_not_shown(study):
  (start,) = study["starts"]
  study["starts"] = [
    start | {"levels": {"domain": "legal"}},
    start | {"levels": {"init": "labse"}},
  ]
  table = table_of(cell_tables.headline(study), "Figures: primary")
  names = {x[0] for x in table.rows if x[0].startswith("start")}
  assert names == {"start, legal"}
  alpha = table_of(cell_tables.headline(study), "Figures: alpha")
  assert not [x for x in alpha.rows if x[0].startswith("start")]


def test_every_seed_is_shown(study):
  table = table_of(cell_tables.spreads(study), "Over seeds: primary")
  assert len(table.rows) == 6 * 4
  cells = row_of(table, "generic", "hybrid", "xquad_r", "Multilingual pool mAP")
  found = group_of(study, domain="generic", strategy="hybrid")["tasks"]
  found = found["xquad_r"]["figures"]["multilingual_pool/map"]
  assert cells[:2] == [f"{found['mean']:.3f}", f"{found['sd']:.3f}"]
  each = [f"{seed}: {x:.3f}" for seed, x in found["by_seed"].items()]
  assert cells[-1] == ", ".join(each)


def test_bias_has_what_was_judged(study):
  table = table_of(cell_tables.bias(study), "Language bias: primary, xquad_r")
  assert table.heads == [
    "Domain",
    "Strategy",
    "Rank distance",
    "First hit in query's language",
    "Pool mAP without own-language answers",
    "Pool mAP, one copy",
    "Rank correlation",
    "PEER",
    "Own language in the first 10",
  ]
  found = group_of(study, domain="generic", strategy="monolingual")["tasks"]
  shares = found["xquad_r"]["mean"]["bias"]["top_shares"]["by_language"]
  own = sum(shares[x][x] for x in made_study.LANGUAGES) / 3
  cells = row_of(table, "generic", "monolingual")
  assert cells[-1] == f"{100 * own:.0f} %"
  biased = row_of(table, "start", "untrained")
  assert int(biased[-1].split()[0]) > own


def test_bias_that_was_not_judged_is_left_out(study):
  for grid in study["grids"]:
    for group in grid["groups"]:
      task = group["tasks"]["xquad_r"]
      del task["mean"]["bias"], task["figures"]["bias:peer"]
  for start in study["starts"]:
    for system in start["systems"]:
      task = system["tasks"]["xquad_r"]
      del task["mean"]["bias"], task["figures"]["bias:peer"]
  table = cell_tables.bias(study)[0]
  assert table.heads[-1] == "Rank correlation"


def test_languages_not_trained_on_are_told(study):
  title = "Languages trained on and not: primary, xquad_r"
  table = table_of(cell_tables.seen(study), title)
  assert [x for x, _ in table.spans] == [
    *("Monolingual", "Cross-lingual", "Multilingual pool")
  ]
  cells = row_of(table, "generic", "hybrid")
  assert cells[-1] == "hi"
  figures = group_of(study, domain="generic", strategy="hybrid")["tasks"]
  figures = figures["xquad_r"]["figures"]
  for place, name in enumerate(("seen", "unseen")):
    mean = figures[f"macro_{name}:cross_lingual/map"]["mean"]
    assert cells[2 + place].startswith(f"{mean:.3f} ±")
  assert row_of(table, "start", "untrained")[-1] == ""
  assert "different languages" not in table.note
  group = group_of(study, domain="generic", strategy="hybrid")
  group["tasks"]["xquad_r"]["training_languages"] = ["de"]
  table = table_of(cell_tables.seen(study), title)
  assert "different languages" in table.note
  assert row_of(table, "generic", "hybrid")[-1] == "en hi"


def test_without_unseen_languages_there_is_no_such_table(study):
  for grid in study["grids"]:
    for group in grid["groups"]:
      task = group["tasks"]["xquad_r"]
      task["training_languages"] = list(made_study.LANGUAGES)
  assert cell_tables.seen(study) == []


def test_every_metric_is_shown(study):
  table = table_of(cell_tables.metrics(study), "Other metrics: alpha, xquad_r")
  assert table.heads[2:] == [
    *("mAP", "mAP@20", "R@1", "R@10", "MRR@10", "nDCG@10", "Recall@100")
  ]
  assert len(table.rows) == (3 + 2) * 3
  (grid,) = [x for x in study["grids"] if x["name"] == "alpha"]
  figures = grid["groups"][1]["tasks"]["xquad_r"]["figures"]
  assert row_of(table, "0.5", "Cross-lingual")[2] == (
    f"{figures['cross_lingual/r@1']['mean']:.3f}"
  )
