"""Figures by name: where they stand, what they are called, how they read."""

import pytest

from hybridret_jax.study import figure_names

FIGURES = {
  "macro": {
    "cross_lingual": {"map": 0.25},
    "multilingual_pool": {"rank_distance": 31.27, "same_language_first": 0.5},
  },
  "macro_unseen": {"cross_lingual": {"map": None}},
  "bias": {"peer": {"macro": 0.75}},
}


@pytest.mark.parametrize(
  ("figure", "value", "title", "text"),
  [
    ("cross_lingual/map", 0.25, "Cross-lingual mAP", "0.250"),
    ("macro:cross_lingual/map", 0.25, "Cross-lingual mAP", "0.250"),
    ("multilingual_pool/rank_distance", 31.27, "Rank distance", "31"),
    (
      "multilingual_pool/same_language_first",
      0.5,
      "First hit in query's language",
      "50 %",
    ),
    (
      "macro_unseen:cross_lingual/map",
      None,
      "Cross-lingual mAP, languages not trained on",
      "–",
    ),
    (
      "macro_seen:monolingual/r@1",
      None,
      "Monolingual R@1, languages trained on",
      "–",
    ),
    ("bias:peer", 0.75, "PEER", "0.750"),
    ("bias:one_copy", None, "Pool mAP, one copy", "–"),
  ],
)
def test_a_figure_is_found_and_named(figure, value, title, text):
  assert figure_names.value(FIGURES, figure) == value
  assert figure_names.title(figure) == title
  assert figure_names.text(figure, value) == text


@pytest.mark.parametrize(
  "figure",
  [
    "map",
    "pool/map",
    "monolingual/accuracy",
    "monolingual/rank_distance",
    "unseen:monolingual/map",
    "bias:map",
    "bias:monolingual/map",
  ],
)
def test_what_is_no_figure_is_refused(figure):
  with pytest.raises(ValueError, match="write SETTING/METRIC"):
    figure_names.parse(figure)


def test_all_figures_have_names():
  names = figure_names.all_figures()
  assert len(names) == len(set(names))
  assert [*figure_names.HEADLINE] == names[:4]
  assert len({figure_names.title(x) for x in names}) == len(names)


def test_less_distance_is_better():
  assert figure_names.better("multilingual_pool/rank_distance", 3.0) == -3.0
  assert figure_names.better("macro_seen:multilingual_pool/map", 0.3) == 0.3


def test_signs_and_digits():
  distance, share = (
    f"multilingual_pool/{x}" for x in ("rank_distance", "same_language_first")
  )
  assert figure_names.signed(distance, -3.14) == "−3.1"
  assert figure_names.signed("monolingual/map", 0.0123) == "+0.012"
  assert figure_names.interval(distance, (-3.14, 2.0)) == "[−3.1, 2.0]"
  assert figure_names.interval("bias:peer", (None, None)) == "–"
  assert figure_names.spread(distance, 2.345) == "2.3"
  assert figure_names.spread(share, 0.0123) == "1.2 %"
  assert figure_names.spread(share, None) == "–"
  assert figure_names.text("bias:rank_correlation", -0.08) == "−0.080"
