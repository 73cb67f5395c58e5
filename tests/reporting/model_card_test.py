"""The card's metadata parses and its text says what a user needs."""

import huggingface_hub
import pytest

from hybridret_jax.reporting import model_card


@pytest.fixture
def make_card(saved):
  def make(**changed):
    arguments = {
      "name": "tiny-hybrid",
      "results": [saved],
      "training_languages": ["zh", "en"],
      "prefixes": {"query": "query: ", "passage": "passage: "},
      "max_lengths": {"query": 48, "passage": 128},
      "pooling": "mean",
      "dimension": 384,
      "settings": {"composer": {"strategy": "hybrid", "alpha": 0.5}},
      "base_model": "intfloat/multilingual-e5-small",
    }
    return model_card.card(**(arguments | changed))

  return make


def test_the_metadata_parses(make_card):
  data = huggingface_hub.ModelCard(make_card()).data
  assert data.language == ["en", "zh"]
  assert data.library_name == "sentence-transformers"
  assert data.pipeline_tag == "sentence-similarity"
  assert data.base_model == "intfloat/multilingual-e5-small"
  assert {x.dataset_name for x in data.eval_results} == {"xquad_r"}
  figures = {x.dataset_config: x.metric_value for x in data.eval_results}
  assert figures == {
    "monolingual": 0.8,
    "cross_lingual": 0.4,
    "multilingual_pool": 0.2,
  }


def test_the_text_says_how_to_use_it_and_what_it_cannot_do(make_card):
  text = huggingface_hub.ModelCard(make_card()).text
  for part in (
    "'query: ' before a query",
    "'passage: ' before a passage",
    "queries were cut at\n48 tokens and passages at 128",
    "unit vector of 384 numbers (mean pooling)",
    "composer.strategy",
    "without having been trained on: el;",
    "not directly comparable",
    "LaBSE, hybrid *",
  ):
    assert part in text


def test_a_card_without_evaluation_or_base_model(make_card):
  card = huggingface_hub.ModelCard(make_card(results=[], base_model=None))
  assert card.data.eval_results is None
  assert card.data.base_model is None
  assert "without an evaluation" in card.text
  assert "zero-shot" not in card.text
