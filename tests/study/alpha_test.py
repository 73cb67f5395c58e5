"""Which points of the alpha curve no other one beats."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridret_jax.study import alpha, figure_names

SMALL = st.integers(0, 3)


@given(st.lists(st.tuples(SMALL, SMALL, SMALL, SMALL), max_size=8))
def test_the_front_is_what_no_point_dominates(points):
  """By brute force: every pair, every figure."""
  beaten = set()
  for one, other in itertools.permutations(range(len(points)), 2):
    pairs = list(zip(points[one], points[other], strict=True))
    worse = [x < y for x, y in pairs]
    better = [x > y for x, y in pairs]
    if any(worse) and not any(better):
      beaten.add(one)
  marks = alpha.front(points)
  assert marks == [place not in beaten for place in range(len(points))]
  assert not points or any(marks)


def test_equal_points_are_on_the_front_together():
  assert alpha.front([(1, 2), (1, 2), (0, 2)]) == [True, True, False]


def group(alpha, means, **more):
  figures = {
    figure: {"mean": mean}
    for figure, mean in zip(figure_names.HEADLINE, means, strict=True)
  }
  return {
    "levels": {"alpha": alpha, **more},
    "tasks": {"made": {"figures": figures}},
  }


def grid(*groups, name="sweep"):
  axes = {}
  for one in groups:
    for axis, level in one["levels"].items():
      axes.setdefault(axis, dict.fromkeys([level]))[level] = None
  return {
    "name": name,
    "axes": [{"name": x, "levels": list(y)} for x, y in axes.items()],
    "groups": list(groups),
  }


def test_points_are_in_the_order_of_alpha_and_lower_distances_are_better():
  made = grid(
    group("1.0", (0.9, 0.5, 0.5, 300)),
    group("0.5", (0.8, 0.6, 0.6, 200)),
    # Beaten by 0.5 in its rank distance only.
    group(".25", (0.8, 0.6, 0.6, 201)),
    group("0.0", (0.7, 0.6, 0.6, 199)),
  )
  (curve,) = alpha.curves([made])
  assert curve["task"] == "made"
  assert [(x["alpha"], x["group"], x["on_front"]) for x in curve["points"]] == [
    (0.0, 3, True),
    (0.25, 2, False),
    (0.5, 1, True),
    (1.0, 0, True),
  ]


def test_a_point_without_a_figure_is_neither_on_the_front_nor_off_it():
  made = grid(
    group("0.0", (0.9, 0.9, None, 1)),
    group("0.5", (0.5, 0.5, 0.5, 9)),
    group("1.0", (None, None, None, None)),
  )
  (curve,) = alpha.curves([made])
  assert [x["on_front"] for x in curve["points"]] == [None, True, None]


def test_there_is_a_curve_for_each_level_of_the_other_axes():
  made = grid(
    *(
      group(alpha, (0.1, 0.1, 0.1, 1), domain=domain)
      for alpha in ("0.0", "1.0")
      for domain in ("generic", "legal")
    )
  )
  curves = alpha.curves([made])
  assert [x["at"] for x in curves] == [
    {"domain": "generic"},
    {"domain": "legal"},
  ]
  assert [[y["group"] for y in x["points"]] for x in curves] == [[0, 2], [1, 3]]


@pytest.mark.parametrize("axis", ["strategy", "alpha"])
def test_levels_that_are_no_numbers_make_no_curve(axis):
  made = grid(group("low", (0.1, 0.1, 0.1, 1)))
  made["axes"][0]["name"] = axis
  assert alpha.curves([made]) == []
