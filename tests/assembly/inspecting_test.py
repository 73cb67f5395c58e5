"""What is drawn is counted in the run's own batches; what is loud is said."""

import collections

import numpy as np
import pytest

from hybridret_jax import run as runs
from hybridret_jax.assembly import inspecting, training_data
from hybridret_jax.data import mixture
from tests.fixtures import small_run


def rows(folder, texts=small_run.texts, count=40):
  folder.mkdir()
  for language in small_run.LANGUAGES:
    small_run.write_rows(
      folder / f"{language}.jsonl",
      [
        {
          "id": f"{folder.name}{n}{language}",
          "group": f"{folder.name}{n}",
          "lang": language,
          "query": texts(n, language, "question"),
          "passage": texts(n, language, "answer"),
        }
        for n in range(count)
      ],
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  place = tmp_path_factory.mktemp("place")
  small_run.start(place / "start")
  rows(place / "pairs")
  (place / "task").mkdir()
  small_run.write_task(place / "task")
  return place


@pytest.fixture
def config(place):
  return small_run.config_of(place)


def look(config, place):
  run = runs.Run(config, place / "none")
  return inspecting.inspect(
    run.config, run.corpus, run.text_tokenizer, run.inputs
  )


def composed(config, place):
  """Every batch of the run, and what it is composed of."""
  run = runs.Run(config, place / "none")
  data = training_data.make(run.config, run.corpus, run.text_tokenizer)
  steps = range(config.train.steps)
  plans = [data.composer.plan(config.seed, step) for step in steps]
  return plans, data.corpus


def test_shares_are_counted_in_the_batches_of_training(config, place):
  config.train.steps = 30
  config.batches.alpha, config.batches.alpha_end = 0.0, 1.0
  config.batches.alpha_steps = 30
  found = look(config, place)
  plans, corpus = composed(config, place)
  draws = found["draws"]
  assert draws["batches"] == 30
  assert draws["shares"] == mixture.realised(plans, corpus)
  groups = len(np.unique(corpus.group_row))
  assert draws["pairs_of_a_group"]["pairs"] == pytest.approx(30 * 8 / groups)
  assert [x["kind"] for x in found["batches"]] == [x.kind for x in plans[:10]]
  for batch, plan in zip(found["batches"], plans, strict=False):
    ids = [x["query_id"] for x in batch["rows"]]
    assert ids == [corpus.ids[row] for row in plan.query_row[:8]]


def test_of_a_long_run_batches_from_all_of_it_are_counted(
  config, place, monkeypatch
):
  monkeypatch.setattr(inspecting, "_COUNTED", 40)
  config.train.steps = 1000
  config.batches.alpha, config.batches.alpha_end = 0.0, 1.0
  config.batches.alpha_steps = 1000
  found = look(config, place)["draws"]
  assert found["batches"] == 40
  kinds = found["shares"]["kind"]
  assert 0.3 < kinds["monolingual"] < 0.7
  assert found["asked"]["kind"]["monolingual"] == pytest.approx(0.4995)
  # Of large batches fewer.
  monkeypatch.setattr(inspecting, "_COUNTED_PAIRS", 8 * 25)
  assert look(config, place)["draws"]["batches"] == 25
  monkeypatch.setattr(inspecting, "_COUNTED_PAIRS", 0)
  assert look(config, place)["draws"]["batches"] == 20


def test_a_cut_is_loud_above_a_tenth(config, place):
  config.evaluation.tasks = ()
  assert look(config, place)["loud"] == []
  config.data.passage_length = 23
  found = look(config, place)
  of = {x["side"]: x for x in found["lengths"]}
  assert of["passage"]["cut_share"] > 0.5 and not of["query"]["cut_texts"]
  line, *_ = found["loud"]
  percent = f"{of['passage']['cut_share']:.0%}"
  assert line.startswith(f"pairs: {percent} of the passages lose their end")
  assert "at 23 tokens" in line and "data.passage_length" in line
  example = found["examples"]["de"][0]["passage"]
  assert example["after"] and example["seen"]


def test_what_is_loud_names_sides_problems_and_tasks():
  lengths = {"source": "a", "cut_at": 8, "quantiles": {"1": 1200}}
  found = {
    "problems": ["too few", "too many"],
    "settings": {"cut_side": "left"},
    "lengths": [
      lengths | {"side": "query", "cut_share": 0.1, "lost_share": 0.1},
      lengths | {"side": "query", "cut_share": 0.05, "lost_share": 0.11},
      lengths | {"side": "negative", "cut_share": 0.5, "lost_share": 0.0},
    ],
    "overlaps": [
      {"task": "t", "queries": 0, "candidates": 0, "pairs": 0},
      {"task": "u", "queries": 1200, "candidates": 0, "pairs": 3},
    ],
  }
  assert inspecting.loud(found) == [
    "Batches cannot be composed, for 2 reasons that are listed below: too few.",
    "a: 50% of the hard negatives lose their beginning at 8 tokens, with it 0%"
    " of their tokens; the longest has 1,200. Raise data.passage_length if that"
    " matters.",
    "a: 5% of the queries lose their beginning at 8 tokens, with it 11% of"
    " their tokens; the longest has 1,200. Raise data.query_length if that"
    " matters.",
    "u: trained on are 1,200 queries, 3 queries with an answer of it.",
  ]


def test_tasks_are_compared_with_what_is_trained_on(config, place, tmp_path):
  """A task of rows 0 to 9, which are in the sources, and 40 to 49."""
  numbers = [*range(10), *range(40, 50)]
  (tmp_path / "leak").mkdir()
  texts = {
    side: [
      {"id": f"{side}{n}", "lang": "de", "text": small_run.texts(n, "de", kind)}
      for n in numbers
    ]
    for side, kind in (("queries", "question"), ("candidates", "answer"))
  }
  for side, lines in texts.items():
    small_run.write_rows(tmp_path / "leak" / f"{side}.jsonl", lines)
  judged = [f"queries{n}\tcandidates{n}\t1\n" for n in numbers]
  (tmp_path / "leak" / "qrels.tsv").write_text("".join(judged))
  config.validation.share = 0.0
  config.evaluation.tasks = ("jsonl:task", f"jsonl:{tmp_path / 'leak'}")
  found = {x["task"]: x for x in look(config, place)["overlaps"]}
  for name, asked_of in (("task", range(40, 50)), ("leak", numbers)):
    languages = small_run.LANGUAGES if name == "task" else ("de",)
    # Words are drawn, and some texts of other numbers are the same.
    for side, kind in (("queries", "question"), ("candidates", "answer")):
      trained = {
        small_run.texts(n, x, kind)
        for n in range(40)
        for x in small_run.LANGUAGES
      }
      asked = [small_run.texts(n, x, kind) for n in asked_of for x in languages]
      assert found[name][f"all_{side}"] == 20
      assert found[name][side] == sum(text in trained for text in asked)
  leak = found["leak"]
  assert leak["pairs"] >= 10
  first = leak["examples"][0]
  assert (first["id"], first["row"]) == ("queries0", "pairs0de")


def test_held_out_blocks_share_nothing_with_training(config, place):
  config.validation.task = "held_out"
  found = {x["task"]: x for x in look(config, place)["overlaps"]}
  held = found["held_out"]
  assert held["all_queries"] > 0
  assert held["queries"] == held["candidates"] == held["pairs"] == 0


def test_batches_that_cannot_be_composed_are_told(config, place):
  config.batches.batch_size = 64
  found = look(config, place)
  assert found["draws"] is None and found["batches"] == []
  assert any("a monolingual batch needs 64" in x for x in found["problems"])
  assert found["loud"][0].startswith("Batches cannot be composed, for")
  assert found["pairs"] and found["lengths"] and found["examples"]["en"]


def test_switched_texts_are_shown_as_training_has_them(config, place, tmp_path):
  lexicon = tmp_path / "de-en.txt"
  lines = [f"{word} {word[::-1]}\n" for word in small_run.WORDS]
  lexicon.write_text("".join(lines))
  config.code_switching.probability = 1.0
  config.code_switching.lexicons = (str(lexicon),)
  config.train.steps = 10
  found = look(config, place)
  plans, corpus = composed(config, place)
  changed = collections.Counter()
  for batch, plan in zip(found["batches"], plans, strict=True):
    for b, row in enumerate(batch["rows"]):
      text = corpus.texts[corpus.query_row[plan.query_row[b]]]
      german = row["query_language"] == "de"
      assert (row["query"]["seen"] != text) == german
      changed[german] += 1
  assert changed[True] and changed[False]
  assert any("words of de are replaced" in x for x in found["notes"])
