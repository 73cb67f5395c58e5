"""What a page embeds is what was measured."""

import json

from hybridret_jax.reporting import comparison, page_data


def test_it_holds_every_systems_figures(entries, compared):
  data = page_data.collect(entries, compared)
  assert json.loads(json.dumps(data)) == data
  assert data["languages"] == ["ar", "el", "en", "th", "zh"]
  assert [x["label"] for x in data["systems"]] == [x["label"] for x in entries]
  for system, entry in zip(data["systems"], entries, strict=True):
    figures = comparison.figures_of(entry)
    assert system["unseen"] == ["ar", "el", "th"]
    for y, query in enumerate(data["languages"]):
      assert system["queries"][y] == [7] * 6
      row = system["directions"]["r@1"][y]
      assert row[5] == round(figures["pool"][query]["r@1"], 6)
      for x, answer in enumerate(data["languages"]):
        value = figures["directions"][f"{query}-{answer}"]["r@1"]
        assert row[x] == round(value, 6)
    cell = system["settings"]["map"]["monolingual"]
    best = figures["macro"]["monolingual"]["map"]
    assert cell == {
      "value": round(best, 6),
      "ends": [round(best - 0.02, 6), round(best + 0.03, 6)],
    }
    assert system["settings"]["r@1"]["monolingual"]["ends"] is None
    assert system["columns"]["rank_distance"]["el"] == 101.0
    assert len(system["matrices"]["shares"]) == 5 + 2


def test_correlations_of_a_language_are_means_over_its_pairs(entries):
  figures = comparison.figures_of(entries[0])
  by_pair = {"ar-en": 0.25, "en-ar": 0.25, "en-zh": 0.5, "en-el": None}
  figures["bias"]["rank_correlation"]["by_pair"] = by_pair
  [system] = page_data.collect(entries[:1], None)["systems"]
  columns = system["columns"]["rank_correlation"]
  assert columns["zh"] == 0.5 and columns["ar"] == 0.25
  # A pair that is there once stands for both orders.
  matrix = system["matrices"]["correlation"]
  assert matrix[4][2] == matrix[2][4] == 0.5
  assert matrix[0][1] is None


def test_tests_are_of_the_systems_that_they_name(entries, compared):
  tests = page_data.collect(entries[::-1], compared)["tests"]
  assert tests["baseline"] == 2 and sorted(tests["others"]) == ["0", "1"]
  assert tests["others"]["0"]["ar-zh"] == [0.02, True]
  assert tests["others"]["0"]["ar-ar"] == [0.6, False]


def test_it_starts_with_the_trained_system_against_the_baseline(
  entries, compared
):
  def start(*arguments):
    return page_data.collect(*arguments)["start"]

  assert start(entries, None) == {"one": 1, "other": 0, "metric": "map"}
  assert start(entries[:1], None) == {"one": 0, "other": 0, "metric": "map"}
  compared["others"].reverse()
  assert start(entries, compared) == {"one": 2, "other": 0, "metric": "map"}
  compared["metric"] = "r@1"
  compared["baseline"] = entries[2]["label"]
  compared["others"][0]["label"] = entries[0]["label"]
  # Not the first of the others but the one that was trained.
  assert start(entries, compared) == {"one": 1, "other": 2, "metric": "r@1"}


def test_a_text_of_the_examples_is_held_once(entries):
  examples = page_data.collect(entries, None)["examples"]
  assert [x["id"] for x in examples["queries"]] == ["q1", "q2"]
  assert len(examples["texts"]) == 3
  assert [x[0] for x in examples["lists"][1][0]] == [
    "candidate-ar",
    "candidate-el",
    "candidate-en",
  ]
  assert examples["lists"][1][0][1] == ["candidate-el", 0.8, False]
  for entry in entries[:2]:
    del entry["examples"]
  examples = page_data.collect(entries, None)["examples"]
  assert examples["lists"][0] == [None, None]
  del entries[2]["examples"]
  assert page_data.collect(entries, None)["examples"] is None


def test_parts_that_no_system_has_are_left_out(make_results):
  saved = make_results(("el", "en"))
  saved["systems"]["trained"]["pool_map_by_answer_language"] = {}
  entry = {"label": "only", "system": "trained", "results": saved}
  data = page_data.collect([entry], None)
  assert [x["key"] for x in data["columns"]] == [
    "map",
    "same_language_first",
    "rank_distance",
  ]
  assert data["matrices"] == [] and data["tests"] is None


def test_tags_with_hyphens_are_languages_like_others(make_entries):
  tags = ("ar", "pt-BR", "sr", "sr-Latn", "zh", "zh-Hant")
  entries = make_entries(tags)
  figures = comparison.figures_of(entries[0])
  pairs = {f"{x}-{y}": float("sr-Latn" in (x, y)) for x in tags for y in tags}
  figures["bias"]["rank_correlation"]["by_pair"] = pairs
  data = page_data.collect(entries, None)
  assert data["languages"] == list(tags)
  (system, *_) = data["systems"]
  means = dict.fromkeys(tags, 0.2) | {"sr-Latn": 1.0}
  assert system["columns"]["rank_correlation"] == means
  correlations = system["matrices"]["correlation"]
  assert correlations[2] == [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]
  shown = system["directions"]["map"]
  for y, query in enumerate(tags):
    for x, answer in enumerate(tags):
      value = figures["directions"][f"{query}-{answer}"]["map"]
      assert shown[y][x] == round(value, 6)
