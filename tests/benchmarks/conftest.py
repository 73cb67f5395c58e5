"""A tiny pretrained model, pairs and a task for the benchmarks' tests."""

import json
import pathlib

import numpy as np
import pytest
import safetensors.numpy

from hybridret_jax.data import tokenizer

FIXTURE = pathlib.Path(__file__).parents[1] / "fixtures" / "tiny_bert"
LANGUAGES = ("de", "en")
SIDES = ("query", "passage")
CONFIG = """
from hybridret_jax import defaults

def get_config():
  config = defaults.get_config()
  config.cache = "{folder}/cache"
  config.data.folder = "{folder}"
  config.data.sources = ("pairs",)
  config.data.languages = ("de", "en")
  config.data.query_prefix = "q: "
  config.data.passage_prefix = "p: "
  config.data.query_length = 12
  config.data.passage_length = 24
  config.packing.row_lengths = (12, 24)
  config.batches.batch_size = 8
  config.model.init = "{folder}/model"
  config.loss.temperature = 0.05
  config.optimizer.learning_rate = 1e-2
  config.validation.share = 0.0
  config.evaluation.tasks = ("jsonl:task",)
  config.evaluation.row_lengths = (12, 24)
  return config
"""


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory) -> pathlib.Path:
  """A config file whose model and data lie beside it."""
  folder = tmp_path_factory.mktemp("speed")
  rows = {
    lang: [_row(lang, group) for group in range(60)] for lang in LANGUAGES
  }
  texts = [row[side] for of in rows.values() for row in of for side in SIDES]
  _write_model(folder / "model", texts)
  (folder / "pairs").mkdir()
  for lang, of in rows.items():
    _write_lines(folder / "pairs" / f"{lang}.jsonl", of)
  _write_task(folder / "task", rows)
  path = folder / "config.py"
  path.write_text(CONFIG.format(folder=folder))
  return path


def _row(lang, group):
  """Few letters, so that a piece is one; texts of many lengths."""
  letters = {"de": "abcd", "en": "wxyz"}[lang]
  name = "".join(letters[group // 4**i % 4] for i in range(3))
  return {
    "id": f"{group}:{lang}",
    "group": f"g{group}",
    "lang": lang,
    "query": name + letters[0] * (group % 3),
    "passage": name[::-1] * (1 + group % 5) + letters[3],
    "source": "made",
  }


def _write_model(folder, texts):
  folder.mkdir()
  tokenizer.train_unigram(texts, vocab_size=80, out=folder)
  tensors = safetensors.numpy.load_file(FIXTURE / "model.safetensors")
  for name, tensor in tensors.items():
    # The fixture's wide biases and scales make all texts' vectors alike.
    if name.endswith("bias"):
      tensors[name] = np.zeros_like(tensor)
    elif name.endswith("LayerNorm.weight"):
      tensors[name] = np.ones_like(tensor)
  safetensors.numpy.save_file(
    tensors, folder / "model.safetensors", metadata={"format": "pt"}
  )
  config = json.loads((FIXTURE / "config.json").read_text())
  # That of the tokenizer: torch keeps the padding token's vector as it is.
  config["pad_token_id"] = 1
  (folder / "config.json").write_text(json.dumps(config))


def _write_task(folder, rows):
  folder.mkdir()
  for name, side in (("queries", "query"), ("candidates", "passage")):
    _write_lines(
      folder / f"{name}.jsonl",
      [
        {"id": row["id"], "lang": row["lang"], "text": row[side]}
        for of in rows.values()
        for row in of
      ],
    )
  judged = [
    f"{row['id']}\t{row['id']}\t1\n" for of in rows.values() for row in of
  ]
  (folder / "qrels.tsv").write_text("".join(judged))


def _write_lines(path, records):
  path.write_text("".join(json.dumps(record) + "\n" for record in records))
