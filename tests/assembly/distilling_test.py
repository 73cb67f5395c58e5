"""Targets of a corpus, and a training that draws texts to them."""

import dataclasses
import json

import numpy as np
import pytest

from hybridret_jax import defaults, library
from hybridret_jax import run as runs
from hybridret_jax.assembly import distilling, settled
from hybridret_jax.reporting import training_log
from tests.assembly import model_folders

LANGUAGES = ("de", "en")
TAIL = {"de": "ABC abc word ABC", "en": "word ABC abc word"}


def write(folder, number=12):
  folder.mkdir()
  for language in LANGUAGES:
    rows = [
      {
        "id": f"{n}:{language}",
        "group": f"g{n}",
        "lang": language,
        "query": f"{n} word" if language == "en" else f"{n} ABC word",
        "passage": f"{n} abc {TAIL[language]}",
        "source": "made",
      }
      for n in range(number)
    ]
    # A translation without a question.
    rows[-1]["query"] = ""
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"{language}.jsonl").write_text(lines)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
  place = tmp_path_factory.mktemp("distilling")
  write(place / "pairs")
  config = defaults.get_config()
  config.cache = str(place / "cache")
  config.data.folder = str(place)
  config.data.sources = ("pairs",)
  config.data.languages = LANGUAGES
  config.data.query_prefix = config.data.passage_prefix = ""
  config.data.query_length = config.data.passage_length = 8
  config.packing.row_lengths = (16,)
  config.model.init = str(model_folders.make(place / "model"))
  config.model.dropout = config.model.attention_dropout = 0.0
  config.batches.batch_size = 8
  config.batches.strategy = "mixed"
  config.train.steps = 12
  config.train.log_every = 4
  config.train.evaluate_every = 0
  config.optimizer.learning_rate = 3e-3
  config.optimizer.schedule = "constant"
  config.validation.share = 0.0
  config.validation.task = ""
  config.distillation.share = 1.0
  return config


def test_targets_are_of_each_row_and_missing_queries_have_none(config):
  run = runs.Run(config, "unused")
  corpus = run.corpus
  params = run.model.start(seed=0)
  made = distilling.make(
    settled.of(config), corpus, run.encode_texts, params, cache=None
  )
  none = corpus.query_row < 0
  assert none.sum() == 2
  np.testing.assert_array_equal(made.query[none], 0)
  norms = np.linalg.norm(made.query[~none], axis=1)
  np.testing.assert_allclose(norms, 1, rtol=1e-5)
  for group in range(len(corpus.groups)):
    mine = made.passage[corpus.group_row == group]
    np.testing.assert_allclose(mine[0], mine[1], atol=1e-6)
  config = config.copy_and_resolve_references()
  config.distillation.targets = "own"
  own = distilling.make(
    settled.of(config), corpus, run.encode_texts, params, cache=None
  )
  # Cut as in training: eight tokens, not the encoder's own length.
  text = corpus.texts[corpus.passage_row[0]]
  lengths = {"query": 8, "passage": 8}
  cut = dataclasses.replace(run.encode_texts, max_lengths=lengths)
  (alone,) = cut(params, [text], "passage")
  np.testing.assert_allclose(own.passage[0], alone, atol=1e-5)


def test_training_draws_texts_to_their_targets(config, tmp_path):
  library.train(config, tmp_path / "run")
  found = [
    record["train/distillation"]
    for record in training_log.read(tmp_path / "run")
  ]
  assert len(found) == 3 and found[-1] < 0.7 * found[0]


def test_what_cannot_teach_is_refused(config, tmp_path):
  config = config.copy_and_resolve_references()
  config.model.init = "scratch"
  config.model.tokenizer = "train"
  with pytest.raises(ValueError, match="no vectors to be drawn to"):
    library.train(config, tmp_path / "run")
  config.distillation.targets = "english"
  with pytest.raises(ValueError, match="distillation.targets is 'english'"):
    library.train(config, tmp_path / "run")
