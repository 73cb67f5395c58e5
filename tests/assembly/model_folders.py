"""Tiny model folders with a tokenizer that fits their tables."""

import json
import pathlib
import shutil

from hybridret_jax import defaults
from hybridret_jax.data import tokenizer, tokenizer_made

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"
WORDS = [f"word {i} abc ABC" for i in range(12)]


def make(folder, kind="xlm_roberta"):
  """A folder of a tiny fixture's weights and a trained tokenizer of its own."""
  # Training a tokenizer replaces the folder whole.
  tokenizer.train_unigram(WORDS, vocab_size=60, out=folder)
  (folder / tokenizer_made.FILE).unlink()
  for name in ("config.json", "model.safetensors"):
    shutil.copyfile(FIXTURES / f"tiny_{kind}" / name, folder / name)
  return folder


def change(path, **values):
  """Sets keys of a JSON file; None takes one out."""
  before = json.loads(path.read_text()) if path.is_file() else {}
  after = {k: v for k, v in (before | values).items() if v is not None}
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(json.dumps(after))


def with_types(folder):
  """Makes the tokenizer's pairs those of BERT, with types 0 and 1."""
  path = folder / "tokenizer.json"
  state = json.loads(path.read_text())
  for item in state["post_processor"]["pair"][4:]:
    next(iter(item.values()))["type_id"] = 1
  del state["post_processor"]["pair"][3]  # RoBERTa's second separator.
  for item in state["post_processor"]["pair"][3:]:
    next(iter(item.values()))["type_id"] = 1
  path.write_text(json.dumps(state))
  change(
    folder / "tokenizer_config.json",
    model_input_names=["input_ids", "token_type_ids", "attention_mask"],
  )
  return folder


def with_bpe(folder, *, before=(), after=(), spaces="bytes"):
  """Gives it a byte-pair tokenizer like Qwen's (bytes) or Gemma's (▁).

  `before` and `after` a text come special tokens; the last one pads.
  """
  import tokenizers
  from tokenizers import (
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
  )

  backend = tokenizers.Tokenizer(models.BPE())
  if spaces == "bytes":
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
  else:
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
  special = [*before, *after]
  trainer = trainers.BpeTrainer(
    vocab_size=80, special_tokens=special, show_progress=False
  )
  backend.train_from_iterator(WORDS, trainer)
  backend.post_processor = processors.TemplateProcessing(
    single=" ".join([*before, "$A", *after]),
    pair=" ".join([*before, "$A", *after, "$B", *after]),
    special_tokens=[(name, backend.token_to_id(name)) for name in special],
  )
  backend.save(str(folder / "tokenizer.json"))
  config = {"pad_token": special[-1], "tokenizer_class": "TokenizersBackend"}
  (folder / "tokenizer_config.json").write_text(json.dumps(config))
  return folder


def modules(folder, *layers, pooling="cls_token"):
  """Makes it a sentence-transformers folder, by default of first tokens.

  `layers` are (config.json, tensors) of its dense layers.
  """
  import safetensors.numpy

  kinds = ["Transformer", "Pooling", *["Dense"] * len(layers), "Normalize"]
  listed = [
    {
      "idx": i,
      "name": str(i),
      "path": f"{i}_{kind}" if i else "",
      "type": f"sentence_transformers.models.{kind}",
    }
    for i, kind in enumerate(kinds)
  ]
  (folder / "modules.json").write_text(json.dumps(listed))
  change(
    folder / "1_Pooling/config.json",
    word_embedding_dimension=24,
    **{
      f"pooling_mode_{mode}": mode == pooling
      for mode in ("cls_token", "mean_tokens", "lasttoken")
    },
  )
  (folder / f"{len(kinds) - 1}_Normalize").mkdir()
  for number, (config, tensors) in enumerate(layers, start=2):
    place = folder / f"{number}_Dense"
    change(place / "config.json", **config)
    safetensors.numpy.save_file(tensors, place / "model.safetensors")
  return folder


def config(folder, cache):
  """The default config of a model, with nothing said about it."""
  made = defaults.get_config()
  made.model.init = str(folder)
  made.cache = str(cache)
  made.evaluation.row_lengths = (16,)
  made.evaluation.tokens_per_call = 256
  return made
