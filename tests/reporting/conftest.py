"""Results built by hand, laid out as the evaluation returns them."""

from typing import Any

import pytest

METRICS = ("map", "map@20", "r@1", "r@10", "mrr@10", "ndcg@10", "recall@100")


def figures_of(
  languages: tuple[str, ...], *, best: float = 0.8
) -> dict[str, Any]:
  """Figures in which every direction has a value of its own."""
  count = len(languages)

  def cell(row: int, column: int) -> dict[str, float]:
    value = best - (0.7 * ((row * count + column) / (count * count + count)))
    return dict.fromkeys(METRICS, value) | {"queries": 7}

  pool = {
    language: cell(row, count)
    | {"rank_distance": 100.0 + row, "same_language_first": 0.25}
    for row, language in enumerate(languages)
  }
  bias = {"rank_distance": 101.4, "same_language_first": 0.25}
  return {
    "task": "xquad_r",
    "languages": list(languages),
    "counts": {
      "queries": 7 * count,
      "candidates": 1234 * count,
      "queries_by_language": dict.fromkeys(languages, 7),
      "candidates_by_language": dict.fromkeys(languages, 1234),
    },
    "macro": {
      "monolingual": dict.fromkeys(METRICS, best),
      "cross_lingual": dict.fromkeys(METRICS, best / 2),
      "multilingual_pool": dict.fromkeys(METRICS, best / 4) | bias,
    },
    "directions": {
      f"{query}-{candidate}": cell(row, column)
      for row, query in enumerate(languages)
      for column, candidate in enumerate(languages)
    },
    "pool": pool,
    "pool_map_by_answer_language": {},
  }


def results_of(languages: tuple[str, ...]) -> dict[str, Any]:
  return {
    "schema": 1,
    "task": "xquad_r",
    "candidates": "sentence",
    "systems": {
      "trained": figures_of(languages),
      "trained, language means subtracted": figures_of(languages, best=0.7),
    },
    "model": {"training_languages": ["en", "zh"], "layers": 2},
    "settings": {"optimizer": {"learning_rate": 3e-5}, "alpha": 0.5},
    "seconds": {"evaluate": 12.5},
    "versions": {"jax": "0.10.2"},
    "notes": ["Made by hand."],
  }


@pytest.fixture
def saved() -> dict[str, Any]:
  return results_of(("el", "en", "zh"))


@pytest.fixture
def make_results():
  return results_of
