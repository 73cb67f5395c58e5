"""Drawings of a study show each seed, the means and what is missing."""

from math import nan

import pytest

from hybridret_jax.study import figure_names, plots
from tests.study import made_study

POOL = "multilingual_pool/map"


def grid_of(study, name):
  return next(x for x in study["grids"] if x["name"] == name)


def figures_of(grid):
  return [x["tasks"]["xquad_r"]["figures"] for x in grid["groups"]]


def dots(axes):
  """Horizontal place of every dot and mark, by marker."""
  found = {}
  for line in axes.lines:
    if line.get_marker() in ("o", "|", "D"):
      found.setdefault(line.get_marker(), []).append(list(line.get_xdata()))
  return found


@pytest.fixture(scope="module")
def study():
  return made_study.collected()


def test_a_group_has_a_dot_per_seed_its_mean_and_interval(study):
  grid = grid_of(study, "primary")
  axes, *_ = plots.groups_panel(study, grid, "xquad_r", POOL).axes
  figures = [x[POOL] for x in figures_of(grid)]
  found = dots(axes)
  assert found["o"] == [list(x["by_seed"].values()) for x in figures]
  assert found["|"] == [[x["mean"]] for x in figures]
  spans = [list(x.get_xdata()) for x in axes.lines]
  for figure in figures:
    assert [figure["low"], figure["high"]] in spans
  names = [x.get_text() for x in axes.get_yticklabels()]
  assert names[0] == "generic, monolingual"
  assert axes.get_ylim() == (5.5, -0.5)
  starts = [x.get_label() for x in axes.lines if "start" in x.get_label()]
  assert starts == [
    "start: untrained",
    "start: untrained, language means subtracted",
  ]


def test_a_start_stands_beside_the_groups_that_start_there(study):
  grid = grid_of(study, "primary")
  (start,) = study["starts"]
  both = [start | {"levels": {"domain": x}} for x in ("generic", "legal")]
  other = start | {"levels": {"strategy": "hybrid"}}
  axes, *_ = plots.groups_panel(
    study | {"starts": [*both, other]}, grid, "xquad_r", POOL
  ).axes
  lines = [x for x in axes.lines if x.get_marker() == "None"][-6:]
  heights = [list(x.get_ydata()) for x in lines[::2]]
  assert heights[:2] == [[-0.5, 2.5], [2.5, 5.5]]
  assert heights[2] == pytest.approx([1.5, 2.5, nan, 4.5, 5.5], nan_ok=True)
  assert [x.get_linestyle() for x in lines] == [":", "--"] * 3
  _, words = axes.get_legend_handles_labels()
  assert words == [
    "start: untrained",
    "start: untrained, language means subtracted",
  ]


def test_wide_intervals_do_not_make_dots_small(study):
  partial = made_study.collected("seed=2")
  grid = grid_of(partial, "primary")
  axes, *_ = plots.groups_panel(partial, grid, "xquad_r", POOL).axes
  found = dots(axes)
  values = [x for row in found["o"] for x in row]
  values += [x.get_xdata()[0] for x in axes.lines if "start" in x.get_label()]
  low, high = axes.get_xlim()
  room = 0.3 * (max(values) - min(values))
  assert (low, high) == pytest.approx((min(values) - room, max(values) + room))


def test_a_missing_group_keeps_its_row():
  partial = made_study.collected("generic/strategy=hybrid")
  grid = grid_of(partial, "primary")
  drawing = plots.groups(partial, grid, "xquad_r")
  assert len(drawing.axes) == 4
  for axes in drawing.axes:
    assert [len(x) for x in dots(axes)["o"]] == [3, 3, 0, 3, 3, 3]
    assert len(dots(axes)["|"]) == 5


def test_the_alpha_curve_has_seeds_and_a_line_of_means(study):
  grid, (curve,) = grid_of(study, "alpha"), study["alpha"]
  (axes,) = plots.alpha_panel(grid, curve, POOL).axes
  *seeds, means = axes.lines
  figures = [x[POOL] for x in figures_of(grid)]
  assert [list(x.get_ydata()) for x in seeds] == [
    list(x["by_seed"].values()) for x in figures
  ]
  assert [list(x.get_xdata()) for x in seeds] == [
    [0.0] * 3,
    [0.5] * 3,
    [1.0] * 3,
  ]
  assert list(means.get_xdata()) == [0.0, 0.5, 1.0]
  assert list(means.get_ydata()) == [x["mean"] for x in figures]


def test_a_missing_alpha_breaks_nothing():
  partial = made_study.collected("alpha=0.5")
  grid, (curve,) = grid_of(partial, "alpha"), partial["alpha"]
  (axes,) = plots.alpha_panel(grid, curve, POOL).axes
  assert list(axes.lines[-1].get_xdata()) == [0.0, 1.0]
  (axes,) = plots.trade_off_panel(grid, curve, POOL).axes
  assert [x.get_text() for x in axes.texts] == ["0", "1"]
  nothing = made_study.collected("alpha=")
  grid, (curve,) = grid_of(nothing, "alpha"), nothing["alpha"]
  assert plots.alpha(nothing, grid, curve).axes


def test_the_trade_off_marks_the_front(study):
  grid, (curve,) = grid_of(study, "alpha"), study["alpha"]
  points = [
    x | {"on_front": number != 1} for number, x in enumerate(curve["points"])
  ]
  changed = curve | {"points": points}
  (axes,) = plots.trade_off_panel(grid, changed, POOL).axes
  figures = figures_of(grid)
  mono = [x["monolingual/map"]["mean"] for x in figures]
  found = dots(axes)
  assert found["D"] == [[mono[0]], [mono[2]]]
  assert [mono[1]] in found["o"]
  assert [x.get_text() for x in axes.texts] == ["0", "0.5", "1"]
  assert axes.get_ylabel() == "Multilingual pool mAP"


def test_the_whole_picture_has_every_panel(study):
  grid, (curve,) = grid_of(study, "alpha"), study["alpha"]
  titles = [x.get_title() for x in plots.alpha(study, grid, curve).axes]
  assert titles[:4] == [figure_names.title(x) for x in figure_names.HEADLINE]
  assert titles[5:] == ["◆ on the Pareto front, by alpha"] * 3
