"""The Markdown tables hold the figures."""

import math

from hybridret_jax.reporting import tables


def cells(table: str) -> list[list[str]]:
  return [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in table.splitlines()
    if not line.startswith(("|-", "|:"))
  ]


def test_macro_has_the_systems_and_then_the_paper(saved):
  rows = cells(tables.macro(saved))
  assert rows[0][1:] == [
    "mAP monolingual",
    "mAP cross-lingual",
    "mAP multilingual pool",
    "Rank distance",
    "First hit in query's language",
  ]
  assert rows[1] == ["trained", "0.800", "0.400", "0.200", "101", "25 %"]
  assert rows[2][0] == "trained, language means subtracted"
  assert ["XLM-R, hybrid *", "0.798", "0.705", "0.593", "287", ""] in rows
  assert ["LaBSE, hybrid *", "0.817", "0.767", "0.682", "221", ""] in rows
  assert len(rows) == 1 + 2 + 6


def test_another_task_has_no_rows_of_the_paper(saved):
  saved["task"] = "validation"
  assert len(cells(tables.macro(saved))) == 1 + 2
  assert "arXiv" not in tables.summary(saved)


def test_directions_print_every_figure_and_mark_unseen_languages(saved):
  figures = saved["systems"]["trained"]
  figures["directions"]["el-zh"]["map"] = math.nan
  rows = cells(tables.directions(figures, unseen=("el",)))
  assert rows[0] == ["Query", "el†", "en", "zh", "Pool"]
  assert [row[0] for row in rows[1:]] == ["el†", "en", "zh"]
  assert rows[1][3] == "–"
  assert rows[2][1] == f"{figures['directions']['en-el']['map']:.3f}"
  assert rows[3][4] == f"{figures['pool']['zh']['map']:.3f}"


def test_metrics_print_every_setting(saved):
  rows = cells(tables.metrics(saved))
  assert len(rows) == 1 + 2 * 3
  assert rows[2] == ["trained", "Cross-lingual"] + ["0.400"] * 7


def test_a_setting_that_a_task_lacks_is_a_dash(saved):
  means = saved["systems"]["trained"]["macro"]
  means["monolingual"]["map"] = math.nan
  means["cross_lingual"] = {}
  assert cells(tables.macro(saved))[1][1:3] == ["–", "–"]


def test_the_summary_says_what_was_measured_and_how(tmp_path, saved):
  path = tables.save(tmp_path, saved)
  text = path.read_text(encoding="utf-8")
  assert path.name == "summary.md"
  for part in (
    "21 questions and 3,702 candidates in 3 languages (el en zh)",
    "text of a candidate: sentence",
    "not directly comparable",
    "† was not among the training languages",
    "optimizer.learning_rate",
    "3e-05",
    "Made by hand.",
  ):
    assert part in text


def test_flat_names_nested_settings():
  nested = {"a": {"b": {"c": 1}, "d": [1, 2]}, "e": None, "f": {}}
  assert tables.flat(nested) == {
    "a.b.c": "1",
    "a.d": "1 2",
    "e": "None",
    "f": "{}",
  }


def test_intervals_bias_and_unseen_languages_have_tables(entries):
  saved = entries[0]["results"]
  assert cells(tables.intervals(saved))[1] == [
    "untrained",
    "[0.820, 0.870]",
    "[0.400, 0.450]",
    "[0.190, 0.240]",
  ]
  heads, first, second = cells(tables.bias(saved))
  assert heads == [
    "System",
    "Pool mAP without own-language answers",
    "Pool mAP, one copy",
    "Rank correlation",
    "PEER",
  ]
  assert first == ["untrained", "0.900", "0.450", "0.300", "0.225"]
  assert second == ["trained", "0.300", "0.150", "0.100", "0.075"]
  seen = cells(tables.seen(saved))
  assert seen[1] == ["untrained", "Monolingual", "0.850", "0.790"]
  assert len(seen) == 1 + 2 * 3
  for figures in saved["systems"].values():
    for row in figures["macro_unseen"].values():
      row["map"] = None
  assert tables.seen(saved) == ""


def test_the_summary_explains_what_it_has_and_no_more(entries, saved):
  text = tables.summary(entries[0]["results"])
  for part in (
    "95 % intervals of a bootstrap over articles",
    "what a training strategy does shows over several seeds",
    "- PEER: probability of equal expected rank",
    "## Languages trained on and not (†)",
  ):
    assert part in text
  text = tables.summary(saved)
  for part in ("## Intervals", "## Language bias", "PEER", "bootstrap"):
    assert part not in text


def test_numbers_are_written_the_same_everywhere():
  assert [tables.number(x) for x in (None, math.nan, 0.12345)] == [
    "–",
    "–",
    "0.123",
  ]
  assert [tables.signed(x) for x in (None, -0.5, 0.0, 0.25)] == [
    "–",
    "−0.500",
    "+0.000",
    "+0.250",
  ]
  assert tables.interval([-0.5, 0.5]) == "[−0.500, 0.500]"
  assert tables.interval([None, 0.5]) == tables.interval(None) == "–"
  assert [tables.p_value(x) for x in (None, 0.0, 0.001, 0.25)] == [
    "–",
    "<0.001",
    "0.001",
    "0.250",
  ]


def test_tags_with_hyphens_have_rows_and_columns(tmp_path, make_results):
  tags = ("pt-BR", "sr", "sr-Latn", "zh-Hans", "zh-Hant")
  page = tables.save(tmp_path, make_results(tags))
  text = page.read_text(encoding="utf-8")
  for tag in tags:
    assert f"| {tag}" in text or f" {tag} |" in text
