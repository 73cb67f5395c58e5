"""Rows and batches as texts."""

import dataclasses

import numpy as np
import pytest

from hybridret_jax.data import code_switching, composer, shown
from tests.data import looked_at


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
  return looked_at.corpus(tmp_path_factory.mktemp("shown"))


def cut(side, texts):
  """Six letters of a query, and all of a passage."""
  ends = (min(len(x), 6 if side == "query" else 99) for x in texts)
  return [shown.parts(x, (0, n)) for x, n in zip(texts, ends, strict=True)]


def test_a_text_is_seen_and_lost_in_parts():
  none = {"before": "", "after": "", "left_out": 0}
  assert shown.parts("abc", (0, 3)) == none | {"seen": "abc"}
  assert shown.parts("abc", (1, 2)) == {
    "before": "a",
    "seen": "b",
    "after": "c",
    "left_out": 0,
  }
  long = "a" * 400 + "b" * 3000 + "c" * 400
  found = shown.parts(long, (400, 3400))
  assert found["before"] == "a" * 300 and found["after"] == "c" * 300
  assert found["seen"] == f"{'b' * 1000} […] {'b' * 1000}"
  assert found["left_out"] == 1000 + 100 + 100


def test_every_language_has_examples_of_every_source(corpus):
  found = shown.examples(corpus, cut, seed=0, number=2)
  assert list(found) == ["de", "en"]
  assert [x["id"] for x in found["de"]] == ["a0de", "a2de", "b3de"]
  assert {x["source"] for x in found["en"]} == {"a", "b"}
  first, second, _ = found["de"]
  assert first["query"]["seen"] == "haus"
  assert first["passage"]["seen"] == "baum"
  assert [x["seen"] for x in first["negatives"]] == ["sun", "river"]
  assert first["all_negatives"] == 2 and second["query"] is None


def test_examples_follow_from_the_seed(corpus):
  def ids(seed):
    found = shown.examples(corpus, cut, seed=seed, number=1)
    return tuple(x["id"] for of in found.values() for x in of)

  assert ids(3) == ids(3)
  assert len({ids(seed) for seed in range(20)}) > 1


@pytest.fixture
def plan(corpus):
  rows = {name: row for row, name in enumerate(corpus.ids)}
  a0de, a0en, b1en = rows["a0de"], rows["a0en"], rows["b1en"]
  ints = lambda *x: np.array(x, np.int32)  # noqa: E731
  negatives = [corpus.texts.index(x) for x in ("sun", "house house")]
  return composer.Plan(
    kind="cross_lingual",
    query_row=ints(a0de, b1en),
    passage_row=ints(a0en, b1en),
    query_language=ints(0, 1),
    passage_language=ints(1, 1),
    group=ints(0, 4),
    negative_text=ints(*negatives).reshape(2, 1),
    parallel_row=ints(a0en, -1),
  )


def test_a_batch_says_what_it_is_made_of(corpus, plan):
  found = shown.batch(plan, corpus, cut, step=4, number=1)
  rows = found.pop("rows")
  assert found == {
    "step": 5,
    "kind": "cross_lingual",
    "pairs": 2,
    "directions": {"de:en": 1, "en": 1},
    "sources": {"a": 1, "b": 1},
    "switched": 0,
  }
  (pair,) = rows
  assert (pair["query_id"], pair["passage_id"]) == ("a0de", "a0en")
  assert (pair["query_language"], pair["passage_language"]) == ("de", "en")
  assert pair["query"]["seen"] == "haus"
  assert pair["passage"]["seen"] == "tree"
  assert pair["parallel"]["seen"] == "house"
  assert [x["seen"] for x in pair["negatives"]] == ["sun"]


def test_switched_texts_are_shown_as_they_became(corpus, plan):
  made = [
    code_switching.Switched("query", 1, "arbre", 2, 1),
    code_switching.Switched("query", 2, "maison", 1, 1),
    code_switching.Switched("passage", 0, "boom", 1, 1),
    code_switching.Switched("passage", 3, "casa casa", 2, 2),
    code_switching.Switched("query", 0, "haus", 1, 0),
  ]
  found = shown.batch(plan, corpus, cut, step=0, number=9, switched=made)
  first, second = found["rows"]
  assert found["switched"] == 4
  assert first["query"]["seen"] == "haus"
  assert first["parallel"]["seen"] == "maison"
  assert first["passage"]["seen"] == "boom"
  assert second["query"]["seen"] == "arbre" and second["parallel"] is None
  assert second["negatives"][0]["seen"] == "casa casa"
  bare = dataclasses.replace(plan, negative_text=np.zeros((2, 0), np.int32))
  found = shown.batch(bare, corpus, cut, step=0, number=9)
  assert found["rows"][0]["negatives"] == []
