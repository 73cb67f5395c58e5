"""Verdicts follow the rule of each claim; what cannot be judged is named."""

import pathlib

import numpy as np
import pytest
from scipy import stats

from hybridret_jax.study import claims, outcomes
from tests.study import made_study

POOL = "multilingual_pool/map"
DISTANCE = "multilingual_pool/rank_distance"
# Values of three seeds that lie close together, far from 0 or across it.
CLOSE = np.array([0.0, 0.001, 0.002])
APART = np.array([-0.04, 0.0, 0.06])


def study_of(differences, *, figure=POOL, base=0.5):
  """A study in which hybrid minus monolingual is this, by seed."""
  config = made_study.config(seeds=tuple(range(len(differences))))
  cells = {}
  for seed, difference in enumerate(differences):
    for strategy, value in (
      ("hybrid", base + difference),
      ("monolingual", base),
    ):
      for domain in made_study.DOMAINS:
        cells["primary", (domain, strategy), seed] = outcome({figure: value})
  grids = outcomes.grids(config)
  starts = [({}, outcome({figure: base - 0.1}, "untrained"))]
  return outcomes.Study(grids, cells, starts, [made_study.TASK])


def outcome(values, system="trained"):
  macro = {}
  for figure, value in values.items():
    setting, metric = figure.split("/")
    macro.setdefault(setting, {})[metric] = value
  saved = {
    "systems": {system: {"macro": macro, "languages": ["de"]}},
    "model": {},
  }
  return outcomes.Outcome(
    "made", pathlib.Path("nowhere"), {made_study.TASK: saved}
  )


def judged(study, *given):
  config = made_study.config(claims=given)
  return claims.judge(study, config, [POOL])


def verdict(differences, **given):
  figure = given.get("figure", POOL)
  claim = made_study.claim("one", **given)
  return judged(study_of(differences, figure=figure), claim)[0]["verdict"]


@pytest.mark.parametrize(
  ("differences", "rule", "margin", "wanted"),
  [
    (0.05 + CLOSE, "greater", None, "supported"),
    (0.05 + APART, "greater", None, "undecided"),
    (-0.05 + CLOSE, "greater", None, "not supported"),
    (-0.05 + CLOSE, "less", None, "supported"),
    (0.05 + CLOSE, "less", None, "not supported"),
    (0.05 + APART, "less", None, "undecided"),
    # Without sign, and far below the margin that would matter.
    (CLOSE - 0.001, "greater", 0.02, "not supported"),
    (CLOSE - 0.001, "greater", None, "undecided"),
    (CLOSE - 0.001, "less", 0.02, "not supported"),
    (CLOSE, "at_least", 0.01, "supported"),
    (0.05 + CLOSE, "at_least", 0.01, "supported"),
    (-0.05 + CLOSE, "at_least", 0.01, "not supported"),
    (APART, "at_least", 0.01, "undecided"),
    (CLOSE, "same", 0.01, "supported"),
    (0.05 + CLOSE, "same", 0.01, "not supported"),
    (-0.05 + CLOSE, "same", 0.01, "not supported"),
    (APART, "same", 0.01, "undecided"),
    # One side alone is not enough to be the same.
    (0.009 + CLOSE, "same", 0.01, "undecided"),
    ([0.05], "greater", None, "undecided"),
    ([0.05], "at_least", 0.01, "undecided"),
    ([0.0, 0.0], "same", 0.01, "undecided"),
    # Two seeds leave one degree of freedom, and decide nothing.
    (0.05 + CLOSE[:2], "greater", None, "undecided"),
    (0.05 + CLOSE[:2], "at_least", 0.01, "undecided"),
  ],
)
def test_a_rule_decides(differences, rule, margin, wanted):
  given = {} if margin is None else {"margin": margin}
  assert verdict(differences, rule=rule, **given) == wanted


def test_at_least_as_good_is_turned_where_less_is_better():
  more = {"figure": DISTANCE, "rule": "at_least", "margin": 5.0}
  near = 20 + 100 * CLOSE
  assert verdict(near, **more) == "not supported"
  assert verdict(-near, **more) == "supported"
  assert verdict(100 * APART, **more) == "undecided"
  assert verdict(near, figure=DISTANCE, rule="greater") == "supported"


def test_numbers_are_those_of_scipy():
  differences = 0.02 + APART / 5
  given = [
    made_study.claim("greater"),
    made_study.claim("at_least", rule="at_least", margin=0.01, level=0.9),
    made_study.claim("same", rule="same", margin=0.03),
  ]
  greater, least, same = judged(study_of(differences), *given)
  tested = stats.ttest_1samp(differences, 0.0)
  ends = tested.confidence_interval(0.95)
  assert greater["p"] == pytest.approx(tested.pvalue)
  assert greater["difference"] == pytest.approx(differences.mean())
  assert (greater["low"], greater["high"]) == pytest.approx(tuple(ends))
  assert greater["one_sided"] is None
  above = stats.ttest_1samp(differences, -0.01, alternative="greater")
  assert least["one_sided"]["p"] == pytest.approx(above.pvalue)
  low = above.confidence_interval(0.9).low
  assert least["one_sided"]["low"] == pytest.approx(low)
  sides = [
    stats.ttest_1samp(sign * differences, -0.03, alternative="greater").pvalue
    for sign in (1, -1)
  ]
  assert same["one_sided"]["p"] == pytest.approx(max(sides))
  deciding = [greater["p"], least["one_sided"]["p"], same["one_sided"]["p"]]
  order = np.argsort(deciding)
  factors = np.arange(3, 0, -1)
  made = np.maximum.accumulate(factors * np.array(deciding)[order])
  found = np.array([row["p_holm"] for row in (greater, least, same)])[order]
  assert found == pytest.approx(np.minimum(made, 1))


def test_holm_is_over_all_claims():
  differences = 0.01 + APART / 8
  names = [f"claim {number}" for number in range(4)]
  p = stats.ttest_1samp(differences, 0.0).pvalue
  rows = judged(
    study_of(differences),
    *(made_study.claim(name) for name in names),
    made_study.claim("least", rule="at_least", margin=0.01),
    # Has no figures, so it is no test.
    made_study.claim("absent", task="other"),
  )
  least = rows[4]["one_sided"]["p"]
  assert least < p
  assert rows[4]["p_holm"] == pytest.approx(min(1, 5 * least))
  others = max(min(1, 5 * least), min(1, 4 * p))
  assert [x["p_holm"] for x in rows[:4]] == [pytest.approx(others)] * 4
  assert rows[5]["p_holm"] is None
  assert rows[5]["verdict"] == "undecided"


def test_many_claims_need_more_of_each():
  """What is supported alone is not among others."""
  differences = 0.05 + np.array([-0.012, 0.0, 0.012])
  p = stats.ttest_1samp(differences, 0.0).pvalue
  assert 0.0125 < p < 0.05
  alone = judged(study_of(differences), made_study.claim("0"))
  assert alone[0]["verdict"] == "supported"
  rows = judged(
    study_of(differences), *(made_study.claim(str(x)) for x in range(4))
  )
  assert [x["verdict"] for x in rows] == ["undecided"] * 4


def test_sides_may_be_the_start_or_average_or_differ():
  differences = 0.05 + CLOSE
  start, mean, gain = judged(
    study_of(differences),
    made_study.claim("start", b="start"),
    made_study.claim(
      "mean",
      a=(("strategy", "hybrid"),),
      b=(("strategy", "monolingual"),),
      over=("domain",),
    ),
    made_study.claim(
      "gain",
      a=(("strategy", "hybrid"),),
      b=(("strategy", "monolingual"),),
      contrast=("domain", "legal", "generic"),
      rule="same",
      margin=0.01,
    ),
  )
  assert start["difference"] == pytest.approx(0.151)
  assert mean["difference"] == pytest.approx(0.051)
  assert gain["by_seed"] == {"0": 0, "1": 0, "2": 0}
  # Nothing varies, so there is no interval.
  assert gain["verdict"] == "undecided"


def test_another_system_of_the_start():
  row = judged(
    study_of(0.05 + CLOSE),
    made_study.claim("start", b="start:untrained_means_subtracted"),
  )[0]
  assert row["by_seed"] == {}
  assert row["verdict"] == "undecided"


@pytest.mark.parametrize(
  ("given", "error"),
  [
    ({"grid": "third"}, "no grid 'third'; there are alpha, primary"),
    ({"a": (("domian", "legal"),)}, "has no axis 'domian'"),
    ({"a": (("domain", "leagl"),)}, "no level 'leagl'; it has generic, legal"),
    ({"a": (("domain", "legal"),)}, "strategy neither fixed .* nor averaged"),
    ({"a": ("domain", "legal")}, "a single one needs a comma"),
    ({"a": "begin"}, "write .* pairs, start, or start:"),
    ({"b": "start:trained_lir"}, "evaluation.systems names 'trained_lir'"),
    ({"a": "start", "b": "start"}, "both the start"),
    ({"over": ("alpha",)}, "has no axis 'alpha'"),
    ({"rule": "better"}, "rule 'better'; use one of"),
    ({"rule": "same"}, "margin None is not positive"),
    ({"margin": -0.1}, "margin -0.1 is not positive"),
    ({"level": 95.0}, "level 95.0 is not between"),
    ({"figure": "pool/map"}, "figure 'pool/map': write SETTING/METRIC"),
    ({"contrast": ("domain", "legal")}, "contrast is"),
    ({"contrast": ("domain", "legal", "x")}, "contrast: .* no level 'x'"),
    (
      {
        "figure": "multilingual_pool/same_language_first",
        "rule": "at_least",
        "margin": 0.1,
      },
      "neither more nor less",
    ),
  ],
)
def test_a_claim_that_cannot_be_judged_is_named(given, error):
  config = made_study.config(claims=(made_study.claim("mine", **given),))
  with pytest.raises(ValueError, match=error) as raised:
    claims.check(config)
  if "figure 'pool" not in error and "evaluation.systems" not in error:
    assert "'mine'" in str(raised.value)


def test_claims_have_ids_of_their_own_and_all_keys():
  twice = made_study.config(
    claims=(made_study.claim("mine"), made_study.claim("mine"))
  )
  with pytest.raises(ValueError, match="'mine' stands twice"):
    claims.check(twice)
  less = made_study.claim("mine")
  del less["task"]
  with pytest.raises(ValueError, match="task missing"):
    claims.check(made_study.config(claims=(less,)))


@pytest.mark.parametrize(
  ("pair", "error"),
  [
    (("primary", "domain", "legal"), "level a, level b"),
    (("first", "domain", "legal", "generic"), "no grid 'first'"),
    (("primary", "alpha", "legal", "generic"), "has no axis 'alpha'"),
    (("primary", "domain", "legal", "all"), "has no level 'all'"),
  ],
)
def test_a_comparison_that_cannot_be_made_is_named(pair, error):
  config = made_study.config()
  with config.unlocked():
    config.tests.compare = (pair,)
  with pytest.raises(ValueError, match=error):
    claims.check(config)


def test_a_good_study_passes():
  config, _ = made_study.whole()
  claims.check(config)
