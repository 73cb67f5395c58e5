"""Means over seeds leave nothing out silently and make nothing up."""

import pathlib
import statistics

import pytest

from hybridret_jax.study import outcomes, summary


def figures(value, *, directions=("de-en", "en-de"), shares=True):
  found = {
    "languages": ["de", "en"],
    "directions": {x: {"map": value, "queries": 7} for x in directions},
    "pool": {"de": {"map": value / 2}, "en": {"map": None}},
    "bias": {},
  }
  if shares:
    found["bias"]["top_shares"] = {
      "k": 5,
      "by_language": {"de": {"de": value, "en": 1 - value}},
      "pool": {"de": 0.5, "en": 0.5},
    }
  return found


def test_the_mean_of_matrices_is_of_cells_that_all_have():
  found = summary.mean_figures(
    [figures(0.25), figures(0.75, directions=("de-en",))]
  )
  assert found["directions"] == {"de-en": {"map": 0.5}}
  assert found["pool"] == {"de": {"map": 0.25}}
  assert found["bias"]["top_shares"] == {
    "k": 5,
    "by_language": {"de": {"de": 0.5, "en": 0.5}},
    "pool": {"de": 0.5, "en": 0.5},
  }
  assert summary.mean_figures([]) is None


def test_shares_that_one_lacks_are_left_out():
  found = summary.mean_figures([figures(0.25), figures(0.75, shares=False)])
  assert "bias" not in found


@pytest.mark.parametrize("values", [[0.25, 0.5, 0.9], [0.5], [0.5, 0.5], []])
def test_a_spread_has_what_its_seeds_allow(values):
  by_seed = {str(seed): x for seed, x in enumerate(values)}
  found = summary.spread(by_seed, level=0.95)
  assert found["by_seed"] == by_seed
  assert found["min"] == (min(values) if values else None)
  assert found["max"] == (max(values) if values else None)
  mean = statistics.mean(values) if values else None
  assert found["mean"] == pytest.approx(mean)
  assert found["sd"] == (statistics.stdev(values) if values[1:] else None)
  # Seeds that all agree have no interval.
  assert (found["low"] is not None) == (len(set(values)) > 1)


def test_a_library_has_each_of_its_versions_once():
  pairs = [("jax", "0.9"), ("jax", "0.10"), ("flax", "1"), ("jax", "0.9")]
  found = summary.versions(pairs)
  assert list(found.items()) == [("flax", ["1"]), ("jax", ["0.10", "0.9"])]


def test_notes_are_of_all_cells():
  def outcome(name, note):
    saved = {
      "task": "made",
      "candidates": "as given",
      "systems": {
        "trained": figures(0.5) | {"counts": {"queries": 1200, "candidates": 9}}
      },
      "model": {},
      "versions": {},
      "notes": [note],
    }
    return outcomes.Outcome(name, pathlib.Path("nowhere"), {"made": saved})

  cells = {
    ("grid", (name,), 0): outcome(name, note)
    for name, note in (("a", "x"), ("b", "y"))
  }
  study = outcomes.Study({}, cells, [], ["made"])
  found = summary.task(study, "made")
  assert found["notes"] == ["x", "y"]
  assert found["about"].startswith("1,200 questions and 9 candidates")
