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
      "prefixes": {"query": "query: ", "passage": "passage: "},
      "max_lengths": {"query": 512, "passage": 256},
      "pooling": "mean",
      "dimension": 384,
      "training": model_card.Training(
        languages=["zh", "en"],
        lengths={"query": 48, "passage": 128},
        sources={"tfds:pairs": "0123456789abcdef0123", "old": ""},
        settings={"composer": {"strategy": "hybrid", "alpha": 0.5}},
        start="e5-folder",
      ),
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
    "'passage: ' before a\npassage",
    "A query is cut at 512 tokens and a passage at\n256, prefix",
    "In training a query was cut at 48 tokens and a passage at 128.",
    "It started from 'e5-folder'.",
    "- `tfds:pairs` (SHA-256 of its rows 0123456789abcdef…)",
    "- `old`\n",
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


def test_a_model_that_came_as_it_is_claims_no_training(make_card):
  card = huggingface_hub.ModelCard(
    make_card(results=[], training=None, languages=["de"], base_model=None)
  )
  assert card.data.language == ["de"]
  assert "without training" in card.text
  assert "## Training" not in card.text and "trained on" not in card.text


def test_data_sets_of_the_hub_are_in_the_metadata(make_card):
  card = huggingface_hub.ModelCard(make_card(datasets=["owner/pairs"]))
  assert card.data.datasets == ["owner/pairs"]
