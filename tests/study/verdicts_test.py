"""Seeds and clusters have to agree on a claim."""

import pytest

from hybridret_jax.study import verdicts

WIDE = {"low": -0.01, "high": 0.09, "p": 0.2}


def row(rule="greater", *, difference=0.05, ends=(0.03, 0.07), **given):
  low, high = ends
  made = {
    "rule": rule,
    "margin": None,
    "level": 0.95,
    "figure": "multilingual_pool/map",
    "by_seed": {str(i): difference + i * 1e-4 for i in range(-1, 2)},
    "difference": difference,
    "low": difference - 3e-4,
    "high": difference + 3e-4,
    "p": 1e-6,
    "groups": {"difference": difference, "low": low, "high": high, "p": 0.0002},
  }
  if given.get("groups"):
    given["groups"] = made["groups"] | given["groups"]
  made |= given
  return made | {"one_sided": verdicts.one_sided(made)}


def verdict(*rows):
  return [one["verdict"] for one in verdicts.settled(rows)]


@pytest.mark.parametrize(
  ("made", "wanted"),
  [
    (row(), "supported"),
    (row(groups=WIDE), "over seeds only"),
    (row(groups=None), "supported"),
    (row("less"), "not supported"),
    (row("less", groups=WIDE), "undecided"),
    (row("less", groups=None), "not supported"),
    (row("at_least", margin=0.01), "supported"),
    (
      row("at_least", margin=0.01, ends=(-0.02, 0.1)),
      "over seeds only",
    ),
    (
      row("at_least", margin=0.01, difference=-0.05, ends=(-0.07, -0.03)),
      "not supported",
    ),
    (
      row("at_least", margin=0.01, difference=-0.05, ends=(-0.07, 0.03)),
      "undecided",
    ),
    (
      row("same", margin=0.01, difference=0.001, ends=(-0.005, 0.006)),
      "supported",
    ),
    (
      row("same", margin=0.01, difference=0.001, ends=(-0.02, 0.006)),
      "over seeds only",
    ),
    (row("same", margin=0.01), "not supported"),
  ],
)
def test_both_have_to_say_so(made, wanted):
  assert verdict(made) == [wanted]


def test_where_less_is_better_the_margin_is_above():
  given = {"figure": "multilingual_pool/rank_distance", "margin": 10.0}
  near = row("at_least", difference=2.0, ends=(0.0, 4.0), **given)
  far = row("at_least", difference=2.0, ends=(0.0, 14.0), **given)
  assert verdict(near) == ["supported"]
  assert verdict(far) == ["over seeds only"]


def test_clusters_of_many_claims_are_adjusted_too():
  weak = {"low": 0.01, "high": 0.09, "p": 0.03}
  assert verdict(row(groups=weak)) == ["supported"]
  assert verdict(row(groups=weak), row(groups=weak)) == ["over seeds only"] * 2


def test_what_was_given_stays_as_it_was():
  made = row()
  verdicts.settled([made])
  assert "p_holm" not in made
  assert "p_holm" not in made["groups"]
