"""Rows with a text of another group, by string and by what is seen of it."""

import dataclasses

import numpy as np
import pytest

from hybridret_jax.data import duplicates, identity, pair_tokens
from tests.data import looked_at


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
  folder = tmp_path_factory.mktemp("duplicates")
  corpus = looked_at.corpus(folder)
  text_tokenizer = looked_at.text_tokenizer(folder / "tokenizer")
  tokens = looked_at.tokens(corpus, text_tokenizer)
  return corpus, pair_tokens.identities(tokens)


def test_rows_are_counted_by_source_and_side(looked):
  found = {(x["source"], x["side"]): x for x in duplicates.by_source(*looked)}
  counts = {
    key: (x["rows"], x["shared"], x["only_to_the_encoder"])
    for key, x in found.items()
  }
  assert counts == {
    ("a", "query"): (3, 1, 0),
    ("b", "query"): (4, 1, 0),
    ("a", "passage"): (4, 0, 0),
    ("b", "passage"): (4, 2, 2),
  }


def test_translations_of_one_group_are_no_duplicates(tmp_path):
  looked_at.write(
    tmp_path / "a.jsonl",
    [looked_at.row("g", x, "sun", "tree") for x in ("de", "en")],
  )
  corpus = looked_at.sources.read([tmp_path / "a.jsonl"])
  found = duplicates.by_source(corpus, identity.by_text(corpus))
  assert [x["shared"] for x in found] == [0, 0]


def test_examples_name_two_rows_that_the_encoder_takes_for_one(looked):
  query, passage = duplicates.examples(*looked, number=3)
  assert query == {"side": "query", "ids": ["a1en", "b2en"]} | {
    "texts": ["sun", "sun"]
  }
  assert passage["ids"] == ["b0en", "b1en"]
  assert [x.split()[-1] for x in passage["texts"]] == ["tree", "house"]


def test_examples_are_spread_over_the_rows(tmp_path):
  looked_at.write(
    tmp_path / "a.jsonl",
    [
      looked_at.row(f"{k}{n}", "de", f"query {k} {n}", f"passage {n}")
      for k in "xy"
      for n in range(9)
    ],
  )
  corpus = looked_at.sources.read([tmp_path / "a.jsonl"])
  found = duplicates.examples(corpus, identity.by_text(corpus), number=3)
  assert [x["ids"] for x in found] == [
    ["x0de", "y0de"],
    ["x4de", "y4de"],
    ["x8de", "y8de"],
  ]


def test_examples_are_of_what_nobody_sees_in_the_strings(tmp_path):
  passages = ["same", "same", "one", "two"]
  looked_at.write(
    tmp_path / "a.jsonl",
    [looked_at.row(f"g{n}", "de", f"{n}", x) for n, x in enumerate(passages)],
  )
  corpus = looked_at.sources.read([tmp_path / "a.jsonl"])
  seen = dataclasses.replace(
    identity.by_text(corpus), passage_of_row=np.array([0, 0, 1, 1], np.int32)
  )
  (found,) = duplicates.examples(corpus, seen, number=1)
  assert found["ids"] == ["g2de", "g3de"] and found["texts"] == ["one", "two"]
