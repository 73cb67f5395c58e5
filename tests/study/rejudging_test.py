"""Claims that a report is judged by again, and those written after it."""

import copy

import pytest

from hybridret_jax.study import rejudging
from tests.study import made_study


def judged(*given):
  config, _ = made_study.whole()
  config = config.copy_and_resolve_references()
  with config.unlocked():
    config.claims = given
  report = copy.deepcopy(made_study.collected())
  return rejudging.judged(config, report)["claims"], report


def test_the_same_claims_come_out_the_same():
  config, _ = made_study.whole()
  rows, report = judged(*config.claims)
  for row, before in zip(rows, report["claims"], strict=True):
    assert row["verdict"] == before["verdict"]
    assert row["by_seed"] == before["by_seed"]


def test_one_about_two_levels_is_judged_by_their_comparison():
  _, report = judged()
  test = next(x for x in report["tests"] if x["axis"] == "strategy")
  figure = "cross_lingual/map"
  a, b = (
    tuple((test["at"] | {test["axis"]: test[side]}).items()) for side in "ab"
  )
  new = made_study.claim(
    "new", a=a, b=b, figure=figure, grid=test["grid"], task=test["task"]
  )
  (row,), _ = judged(new)
  found = test["figures"][figure]
  assert row["by_seed"] == found["by_seed"]
  assert (row["low"], row["high"]) == (found["low"], found["high"])
  assert row["verdict"] != "undecided" or row["p_holm"] > 0.05


def test_one_with_another_margin_is_not_taken_for_the_old():
  config, _ = made_study.whole()
  other = copy.deepcopy(config.claims[0])
  other.figure = "multilingual_pool/ndcg@10"
  (row,), _ = judged(other)
  assert (row["by_seed"], row["verdict"]) == ({}, "undecided")


@pytest.mark.parametrize("given", [{"b": "start"}, {"over": ("domain",)}])
def test_what_the_report_does_not_hold_is_undecided(given):
  (row,), _ = judged(made_study.claim("new", **given))
  assert (row["difference"], row["verdict"]) == (None, "undecided")
