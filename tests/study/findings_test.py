"""Tables of claims, tests, the alpha curve and costs."""

import copy

import pytest

from hybridret_jax.study import figure_names, findings
from tests.study import made_study


@pytest.fixture
def study():
  return copy.deepcopy(made_study.collected())


@pytest.fixture
def partial():
  return copy.deepcopy(made_study.collected("seed=2", "alpha=0.5"))


def rows_of(table):
  assert {len(x) for x in table.rows} == {len(table.heads)}
  return table.rows


def test_a_claim_is_a_row_with_its_verdict(study):
  claims, reasons = findings.claims(study)
  pool, distance = study["claims"]
  row = rows_of(claims)[0]
  groups = pool["groups"]
  assert row == [
    *("What pool says.", "paper", "xquad_r: Multilingual pool mAP", "greater"),
    f"+{pool['difference']:.3f}",
    f"[{pool['low']:.3f}, {pool['high']:.3f}]",
    f"[{groups['low']:.3f}, {groups['high']:.3f}]",
    *("3", "supported"),
  ]
  assert claims.rows[1][4] == f"−{abs(distance['difference']):.1f}"
  assert "at most 0.05" in claims.note
  row = rows_of(reasons)[0]
  assert row[2] == findings.tables.p_value(pool["p_holm"])
  assert row[3] == "–"
  assert row[4] == f"{groups['significant']} of 3"
  assert row[6] == f"[{groups['low']:.3f}, {groups['high']:.3f}]"


def test_margins_and_bounds_are_shown(study):
  claim = study["claims"][0]
  bounds = {"low": -0.0042, "high": 0.02, "p": 0.0123, "margin": 0.01}
  given = {"margin": 0.01, "one_sided": bounds, "p_holm": None, "note": None}
  study["claims"] = [
    claim | given | {"rule": "at_least"},
    claim | given | {"rule": "same"},
    claim | {"margin": 0.02},
    claim | {"groups": None, "note": "trained on different languages"},
  ]
  claims, reasons = findings.claims(study)
  assert [x[3] for x in claims.rows] == [
    "at least as good, up to 0.01",
    "the same, up to 0.01",
    "greater, 0.02 would matter",
    "greater",
  ]
  assert reasons.rows[0][1:4] == ["0.012", "–", "> −0.004"]
  assert reasons.rows[1][3] == "> −0.004, < +0.020"
  assert reasons.rows[3][0].endswith("(trained on different languages)")
  assert reasons.rows[3][4:] == ["–"] * 3


def test_what_failed_stands_first(study):
  pool, distance = study["claims"]
  study["claims"] = [pool, distance | {"verdict": "not supported"}]
  claims, reasons = findings.claims(study)
  assert [x[-1] for x in claims.rows] == ["not supported", "supported"]
  assert [x[0] for x in reasons.rows] == [x[0] for x in claims.rows]


def test_no_claims_no_table(study):
  study["claims"] = []
  assert findings.claims(study) == []


def test_tests_are_bold_where_they_tell_apart(study):
  (table,) = findings.tests(study)
  assert table.title == "Tests: primary, xquad_r"
  rows = rows_of(table)
  assert len(rows) == 7 * 4
  marked = 0
  for row, (test, figure) in zip(
    rows,
    [(x, y) for x in study["tests"] for y in figure_names.HEADLINE],
    strict=True,
  ):
    found = test["figures"][figure]
    assert row[0] == f"{test['a']} − {test['b']}"
    told = found["p_holm"] is not None and found["p_holm"] <= 0.05
    assert ("\ue000" in row[3]) == told
    marked += told
  assert 0 < marked < len(rows)


def test_paired_seeds_are_counted(partial):
  (table,) = findings.tests(partial)
  assert {row[7] for row in table.rows} == {"2 of 3"}


def test_the_alpha_curve_marks_its_front(study, partial):
  (table,) = findings.alpha(study)
  assert [x[0] for x in rows_of(table)] == ["0", "0.5", "1"]
  points = study["alpha"][0]["points"]
  assert [x[-1] for x in table.rows] == [
    "yes" if x["on_front"] else "no" for x in points
  ]
  front = ", ".join(f"{x['alpha']:g}" for x in points if x["on_front"])
  assert table.note.startswith(f"On the Pareto front: {front}.")
  (table,) = findings.alpha(partial)
  assert table.rows[1][1:] == ["0 of 3", *["–"] * 5]
  assert "Not finished: 0.5." in table.note


def test_costs_are_means_of_cells(study):
  (table,) = findings.costs(study)
  rows = rows_of(table)
  assert rows[0][0] == "alpha: 0.0"
  cells = dict(zip(table.heads, rows[-1], strict=True))
  assert cells["Devices"] == "2 × cpu"
  assert cells["Training time"] == "6 s"
  assert cells["Whole cell"] == "30 s"
  assert "took 14 min" in table.note
  study["costs"]["groups"] = []
  assert findings.costs(study) == []


def test_what_is_missing_is_warned_of(study, partial):
  assert findings.warning(study) == ""
  text = findings.warning(partial)
  count = len(partial["missing"])
  assert f"unfinished: {count} of {partial['cells']} cells" in text
  assert "alpha/alpha=0.5/seed=0" in text
  assert "verdicts may change" in text


def test_many_missing_cells_are_counted_by_grid(study):
  names = [f"primary/seed={x}" for x in range(11)]
  missing = [{"key": x, "names": [x]} for x in ("start", *names)]
  text = findings.warning(study | {"missing": missing})
  assert text.endswith(f"Missing: start, {', '.join(names)}.")
  missing += [{"key": "x", "names": ["secondary/seed=0"]}]
  text = findings.warning(study | {"missing": missing})
  assert "Missing: 1 of start, 11 of primary, 1 of secondary; study" in text


def test_limits_are_the_studys_and_the_tasks(study):
  assert list(findings.sentences(study)) == [
    "Numbers that numpy drew.",
    "xquad_r: A note of xquad_r.",
  ]
