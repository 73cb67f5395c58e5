"""The pictures hold the figures, for many languages and for two."""

import math

import pytest
from matplotlib import colors, image

from hybridret_jax.reporting import figures

ELEVEN = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")


@pytest.mark.parametrize("languages", [ELEVEN, ("el", "en")])
def test_the_heatmap_prints_every_direction_and_the_pool(
  make_results, languages
):
  system = make_results(languages)["systems"]["trained"]
  drawing = figures.heatmap(system, title="mAP", unseen=("el",))
  matrix, pool, _ = drawing.axes
  printed = {x.get_position(): x.get_text() for x in matrix.texts}
  assert len(printed) == len(languages) ** 2
  for row, query in enumerate(languages):
    for column, candidate in enumerate(languages):
      value = system["directions"][f"{query}-{candidate}"]["map"]
      assert printed[column, row] == f"{value:.2f}"
  assert [x.get_text() for x in pool.texts] == [
    f"{system['pool'][x]['map']:.2f}" for x in languages
  ]
  names = [x.get_text() for x in matrix.get_yticklabels()]
  assert names == ["el†" if x == "el" else x for x in languages]
  assert matrix.images[0].get_clim() == pool.images[0].get_clim() == (0, 1)


def test_every_value_contrasts_with_its_cell(make_results):
  system = make_results(ELEVEN)["systems"]["trained"]
  matrix = figures.heatmap(system, title="mAP").axes[0]
  cells = matrix.images[0]
  for text in matrix.texts:
    column, row = text.get_position()
    cell = cells.to_rgba(cells.get_array()[row, column])
    assert contrast(colors.to_rgb(text.get_color()), cell[:3]) >= 3


def contrast(one, other) -> float:
  """The contrast ratio of WCAG 2: 3 is its least for large text."""

  def luminance(rgb):
    linear = [
      x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in rgb
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

  low, high = sorted((luminance(one), luminance(other)))
  return (high + 0.05) / (low + 0.05)


def test_a_direction_without_questions_is_a_dash(make_results):
  system = make_results(("el", "en"))["systems"]["trained"]
  system["directions"]["el-en"]["map"] = math.nan
  matrix = figures.heatmap(system, title="mAP").axes[0]
  printed = {x.get_position(): x.get_text() for x in matrix.texts}
  assert printed[1, 0] == "–"


def test_save_draws_one_picture_per_system(tmp_path, saved):
  paths = figures.save(tmp_path, saved)
  assert [path.name for path in paths] == [
    "heatmap_trained.png",
    "heatmap_trained_language_means_subtracted.png",
  ]
  for path in paths:
    height, width, _ = image.imread(path).shape
    assert width > 500 and height > 300
  assert len(list(tmp_path.iterdir())) == 2


def test_curves_show_losses_and_validation_figures(tmp_path):
  records = [
    {"step": 1, "loss": 2.0, "loss_monolingual": 2.5, "learning_rate": 0.1},
    {"step": 2, "loss": 1.0, "loss_monolingual": None},
    {
      "step": 2,
      "eval/validation/cross_lingual/map": 0.4,
      "eval/validation/en-de/map": 0.3,
    },
  ]
  losses, validation = figures.curves(records).axes
  drawn = {x.get_label(): list(x.get_ydata()) for x in losses.lines}
  assert drawn == {"loss": [2.0, 1.0], "loss_monolingual": [2.5]}
  drawn = {x.get_label(): list(x.get_ydata()) for x in validation.lines}
  assert drawn == {"validation/cross_lingual": [0.4]}
  figures.save_curves(tmp_path / "curves.png", records)
  assert image.imread(tmp_path / "curves.png").shape[:2] == (600, 1500)


def test_curves_of_an_empty_log_are_empty():
  assert [len(x.lines) for x in figures.curves([]).axes] == [0, 0]
