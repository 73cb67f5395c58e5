"""A model cut to the texts of a corpus: smaller, and the same vectors."""

import json

import numpy as np
import pytest

import hybridret_jax
from hybridret_jax import library
from hybridret_jax.ground import faults
from hybridret_jax.verbs import trim
from tests.fixtures import small_run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  place = tmp_path_factory.mktemp("trim")
  small_run.start(place / "start")
  rows = [
    {
      "id": f"{n}{language}",
      "lang": language,
      "text": small_run.texts(n % 3, language, kind),
    }
    for n, kind in enumerate(["question", "answer"] * 4)
    for language in small_run.LANGUAGES
  ]
  small_run.write_rows(place / "corpus.jsonl", rows)
  return place


@pytest.fixture(scope="module")
def trimmed(place):
  return cut(place, "small")


def cut(place, name, *languages):
  texts = trim.Texts([place / "corpus.jsonl"], languages)
  return library.trim(place / "start", texts, place / name)


def texts(place):
  lines = (place / "corpus.jsonl").read_text().splitlines()
  return [json.loads(line)["text"] for line in lines]


def test_it_is_smaller_and_says_by_how_much(place, trimmed):
  tokens, parameters = trimmed["tokens"], trimmed["parameters"]
  assert trimmed["texts"] == 16
  assert tokens["after"] < tokens["before"]
  config = json.loads((place / "small" / "config.json").read_text())
  assert config["vocab_size"] == tokens["after"]
  whole = json.loads((place / "start" / "config.json").read_text())
  gone = whole["vocab_size"] - tokens["after"]  # Rows without a token, too.
  lost = parameters["before"] - parameters["after"]
  assert lost == gone * config["hidden_size"]
  card = (place / "small" / "README.md").read_text()
  assert "vocabulary was cut" in card


def test_the_vectors_are_the_same(place, trimmed):
  before = hybridret_jax.Retriever.load(place / "start")
  after = hybridret_jax.Retriever.load(place / "small")
  for encode in ("encode_queries", "encode_passages"):
    one, other = (getattr(x, encode)(texts(place)) for x in (before, after))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_one_language_alone_needs_less(place, trimmed):
  found = cut(place, "german", "de")
  assert found["texts"] == 8
  assert found["tokens"]["after"] <= trimmed["tokens"]["after"]


def test_a_folder_in_use_is_refused(place, trimmed):
  with pytest.raises(faults.Fault):
    cut(place, "small")


def test_a_language_that_is_not_there_is_refused(place):
  with pytest.raises(faults.Fault, match="no text"):
    cut(place, "none", "fr")
  assert not (place / "none").exists()
