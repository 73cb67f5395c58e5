"""What is held out is never trained on, and judged in the same settings."""

import json

import pytest

from hybridret_jax import defaults
from hybridret_jax.assembly import tasks, training_data

LANGUAGES = ("de", "el", "en")


def split(config):
  return training_data.split(config, training_data.read(config))


@pytest.fixture
def config(tmp_path):
  folder = tmp_path / "pairs"
  folder.mkdir()
  for language in LANGUAGES:
    lines = [
      {
        "id": f"{group}:{language}",
        "group": f"g{group}",
        "lang": language,
        "query": f"{language} question {group}",
        "passage": f"{language} answer {group}",
        "source": "made",
        "block": f"b{group // 2}",
      }
      for group in range(200)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / f"{language}.jsonl").write_text(text)
  config = defaults.get_config()
  config.cache = str(tmp_path / "cache")
  config.data.folder = str(tmp_path)
  config.data.sources = ("pairs",)
  config.data.languages = ("de", "en")  # el is never seen.
  config.validation.share = 0.2
  config.validation.max_blocks = 10
  return config


def test_blocks_stand_on_one_side(config):
  corpus, held = split(config)
  train = {corpus.blocks[b] for b in corpus.block_row}
  out = {held.blocks[b] for b in held.block_row}
  assert not train & out
  assert train | out == {f"b{i}" for i in range(100)}
  assert 8 <= len(out) <= 35
  assert corpus.languages == ("de", "en")


def test_the_same_blocks_are_held_out_for_any_languages(config):
  _, held = split(config)
  config.data.languages = ("de", "el", "en")
  _, more = split(config)
  assert {held.blocks[b] for b in held.block_row} == {
    more.blocks[b] for b in more.block_row
  }


def test_held_out_blocks_are_a_task_of_seen_languages(config):
  _, held = split(config)
  task = tasks.load(config, config.validation.task, held)
  assert task.languages == ("de", "en")
  assert 0 < len(task.query_texts) <= 20
  assert (task.relevant >= 0).sum(1).tolist() == [2] * len(task.query_texts)


def test_nothing_held_out_is_told(config):
  config.validation.share = 0.0
  _, held = split(config)
  with pytest.raises(ValueError, match=r"raise validation\.share"):
    tasks.load(config, config.validation.task, held)
