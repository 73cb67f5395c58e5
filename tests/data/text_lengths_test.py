"""Lengths before the cut, and what it takes of texts and tokens."""

import numpy as np
import pytest

from hybridret_jax.data import text_lengths
from tests.data import looked_at


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
  folder = tmp_path_factory.mktemp("lengths")
  corpus = looked_at.corpus(folder)
  text_tokenizer = looked_at.text_tokenizer(folder / "tokenizer")
  tokens = looked_at.tokens(corpus, text_tokenizer)
  uncut = text_lengths.uncut(
    corpus,
    tokens,
    text_tokenizer,
    prefixes=looked_at.PREFIXES,
    longest=looked_at.LONGEST,
  )
  found = text_lengths.by_source(
    corpus, tokens, uncut, longest=looked_at.LONGEST
  )
  return text_tokenizer, {(x["source"], x["side"]): x for x in found}


def lengths(text_tokenizer, side, texts):
  return text_tokenizer.encode(
    texts, prefix=looked_at.PREFIXES[side], max_length=1000
  ).lengths


def test_of_each_source_and_side_lengths_are_those_without_a_cut(looked):
  text_tokenizer, found = looked
  assert list(found) == [
    ("a", "query"),
    ("a", "passage"),
    ("a", "negative"),
    ("b", "query"),
    ("b", "passage"),
    ("b", "negative"),
  ]
  long = "river " * 12
  passages = [f"{long}tree", f"{long}house", "river sun", "baum sun"]
  wanted = lengths(text_tokenizer, "passage", passages)
  of = found["b", "passage"]
  assert of["texts"] == 4 and of["cut_at"] == 16
  assert of["tokens"] == wanted.sum()
  assert of["quantiles"]["0"] == wanted.min()
  assert of["quantiles"]["1"] == wanted.max() > 16
  assert of["quantiles"]["0.5"] == np.sort(wanted)[1]
  queries = lengths(text_tokenizer, "query", ["haus", "house", "sun"])
  assert found["a", "query"]["tokens"] == queries.sum()
  negatives = lengths(text_tokenizer, "passage", ["sun", "river"])
  assert found["a", "negative"]["tokens"] == negatives.sum()


def test_what_is_cut_is_counted_in_texts_and_tokens(looked):
  text_tokenizer, found = looked
  long = "river " * 12
  wanted = lengths(text_tokenizer, "passage", [f"{long}tree", f"{long}house"])
  of = found["b", "passage"]
  assert of["cut_texts"] == 2 and of["cut_share"] == 0.5
  assert of["lost_tokens"] == (wanted - 16).sum()
  assert of["lost_share"] == of["lost_tokens"] / of["tokens"]
  for key in (("a", "passage"), ("a", "negative")):
    assert found[key]["cut_texts"] == found[key]["lost_tokens"] == 0


def test_bars_end_where_the_cut_is(looked):
  _, found = looked
  of = found["b", "passage"]
  ends, counts = zip(*of["histogram"], strict=True)
  assert ends == (4, 8, 12, 16, 32, 64, 128, None)
  assert sum(counts) == of["texts"]
  assert sum(counts[4:]) == of["cut_texts"]


def test_a_text_as_long_as_the_cut_is_not_cut():
  found = text_lengths._figures(np.array([16, 17]), np.array([16, 16]), 16)
  counts = [count for _, count in found["histogram"]]
  assert counts == [0, 0, 0, 1, 1, 0, 0, 0]
  assert found["cut_texts"] == found["lost_tokens"] == 1
