"""Who works when, and what is made of the times."""

import os
import sys

import numpy as np
import pytest

from benchmarks.workers import pipe, turns


def test_one_works_at_a_time_and_both_go_first():
  with (
    pipe.Worker(sys.executable, "tests.benchmarks.echo") as one,
    pipe.Worker(sys.executable, "tests.benchmarks.echo") as other,
  ):
    answers = turns.alternate(
      {"one": one, "other": other},
      "work",
      [{"one": {"seconds": 0.2}, "other": {"seconds": 0.1}}] * 3,
    )
  ended = {name: [x["begun"] for x in found] for name, found in answers.items()}
  first = [a < b for a, b in zip(ended["one"], ended["other"], strict=True)]
  assert first == [True, False, True]
  for found in answers.values():
    assert max(x["others_cores"] for x in found) < 0.2
    assert max(x["cores"] for x in found) <= 1.3
  busy = {
    name: sum(x["processor_seconds"] for x in found) / 3
    for name, found in answers.items()
  }
  assert busy == pytest.approx({"one": 0.2, "other": 0.1}, abs=0.04)


def test_spread_is_of_quartiles():
  assert turns.spread([4.0]) == {"low": 4.0, "median": 4.0, "high": 4.0}
  values = np.random.default_rng(0).random(11)
  low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
  assert turns.spread(values.tolist()) == pytest.approx(
    {"low": low, "median": median, "high": high}
  )


def test_a_ratio_is_taken_round_by_round():
  # 1, 4 and 2 times as fast; the medians of the times would give 4.
  found = turns.times_faster([2.0, 8.0, 20.0], [2.0, 2.0, 10.0])
  assert found == {"low": 1.5, "median": 2.0, "high": 3.0}


def test_summary():
  answers = [
    {
      "seconds": seconds,
      "processor_seconds": 2 * seconds,
      "cores": 2.0,
      "others_cores": others,
      "tokens": tokens,
      "slots": 100,
    }
    for seconds, tokens, others in (
      (1.0, 90, 0.0),
      (2.0, 70, 0.1),
      (4.0, 80, 0.0),
    )
  ]
  found = turns.summary(answers, items=8)
  assert found["seconds"]["median"] == 2.0
  assert found["items_per_second"]["median"] == 4.0
  assert found["tokens"] == 80
  assert found["padding_share"] == pytest.approx(0.2)
  assert found["processor_seconds"]["high"] == 6.0
  assert found["others_cores"] == 0.1


def test_processors_that_are_not_there():
  there = len(os.sched_getaffinity(0))
  with pytest.raises(ValueError, match=rf"threads is {there + 1}.*0 for all"):
    turns.use_processors(there + 1)
  assert len(os.sched_getaffinity(0)) == there


def test_a_cell_shows_the_quartiles():
  found = {"low": 1.0, "median": 1.25, "high": 2.0}
  assert turns.cell(found) == "1.25 (1.00–2.00)"
  assert turns.cell(found, "{:.1f}") == "1.2 (1.0–2.0)"
