"""Makes models of real shapes with random weights, and pairs of made-up texts.

  PYTHONPATH=. python -m benchmarks.accelerator.made_inputs OUT \
      --models=e5_small,xlmr_base --pairs=8192

Nothing is fetched: OUT/models/NAME is a Hugging Face folder, OUT/pairs has
rows to train on, OUT/task queries and candidates to encode. Queries have 28
tokens in the middle and passages 238, before they are cut: short questions and
whole paragraphs.
"""

import argparse
import functools
import json
import pathlib
from typing import Any

import numpy as np
import transformers

from hybridret_jax.data import unigram

LANGUAGES = ("de", "en", "es", "ru")
WORDS = {"query": 14, "passage": 124}  # In the middle.
_SPREAD = 0.45  # Of the logarithm of a text's length.
_LONGEST = 512
_WORDS = 3000
_PIECES = 6000  # Of the tokenizer; two a word, nearly.
_E5 = {
  "vocab_size": 250_037,
  "hidden_size": 384,
  "num_hidden_layers": 12,
  "num_attention_heads": 12,
  "intermediate_size": 1536,
  "type_vocab_size": 2,
  "pad_token_id": 1,
}
_XLMR = {
  "vocab_size": 250_002,
  "hidden_size": 768,
  "num_hidden_layers": 12,
  "num_attention_heads": 12,
  "intermediate_size": 3072,
  "max_position_embeddings": 514,
  "type_vocab_size": 1,
  "layer_norm_eps": 1e-5,
}
_TOY = {
  "vocab_size": _PIECES + 16,
  "hidden_size": 64,
  "num_hidden_layers": 2,
  "num_attention_heads": 2,
  "intermediate_size": 128,
}
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
  "e5_small": ("bert", _E5),
  "xlmr_base": ("xlm-roberta", _XLMR),
  "toy": ("bert", _E5 | _TOY),
}


def main() -> None:
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("out", type=pathlib.Path)
  parser.add_argument("--models", default="e5_small,xlmr_base")
  parser.add_argument("--pairs", type=int, default=8192)
  args = parser.parse_args()
  rng = np.random.default_rng(0)
  words = made_words(rng)
  sides = {
    side: made_texts(rng, words, args.pairs, middle)
    for side, middle in WORDS.items()
  }
  write_pairs(args.out / "pairs", sides)
  write_task(args.out / "task", sides)
  for name in args.models.split(","):
    write_model(args.out / "models" / name, name, tuple(words))


def made_words(rng: np.random.Generator) -> list[str]:
  """Distinct words of two or three syllables."""
  syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
  words: dict[str, None] = {}
  while len(words) < _WORDS:
    words["".join(rng.choice(syllables, rng.integers(2, 4)))] = None
  return list(words)


def made_texts(
  rng: np.random.Generator, words: list[str], number: int, middle: int
) -> list[str]:
  """Texts whose lengths are spread around a number of words."""
  lengths = np.exp(rng.normal(np.log(middle), _SPREAD, number))
  lengths = np.clip(lengths.astype(int), 2, _LONGEST)
  return [" ".join(rng.choice(words, length)) for length in lengths]


def write_pairs(folder: pathlib.Path, sides: dict[str, list[str]]) -> None:
  """Writes a file of rows a language; all are of groups of their own."""
  folder.mkdir(parents=True, exist_ok=True)
  rows = list(zip(sides["query"], sides["passage"], strict=True))
  for number, language in enumerate(LANGUAGES):
    _lines(
      folder / f"{language}.jsonl",
      [
        {
          "id": f"{i}:{language}",
          "group": f"{i}",
          "lang": language,
          "query": query,
          "passage": passage,
          "source": "made",
        }
        for i, (query, passage) in enumerate(rows)
        if i % len(LANGUAGES) == number
      ],
    )


def write_task(folder: pathlib.Path, sides: dict[str, list[str]]) -> None:
  """Writes queries, candidates and judgements; a query's is its pair's."""
  folder.mkdir(parents=True, exist_ok=True)
  for name, side in (("queries", "query"), ("candidates", "passage")):
    _lines(
      folder / f"{name}.jsonl",
      [
        {
          "id": f"{i}",
          "lang": LANGUAGES[i % len(LANGUAGES)],
          "text": text,
        }
        for i, text in enumerate(sides[side])
      ],
    )
  judged = (f"{i}\t{i}\t1\n" for i in range(len(sides["query"])))
  (folder / "qrels.tsv").write_text("".join(judged))


def write_model(
  folder: pathlib.Path, name: str, words: tuple[str, ...]
) -> None:
  """Writes a model of a shape of `SHAPES` with random weights."""
  kind, settings = SHAPES[name]
  config = transformers.AutoConfig.for_model(kind, **settings)
  transformers.set_seed(0)
  transformers.AutoModel.from_config(config).save_pretrained(folder)
  _tokenizer(words).save_pretrained(folder)


@functools.cache
def _tokenizer(words):
  backend = unigram.trained(words, vocab_size=_PIECES)
  return transformers.PreTrainedTokenizerFast(
    tokenizer_object=backend,
    model_max_length=_LONGEST,
    bos_token="<s>",
    cls_token="<s>",
    eos_token="</s>",
    sep_token="</s>",
    unk_token="<unk>",
    pad_token="<pad>",
    mask_token="<mask>",
  )


def _lines(path, rows):
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
  main()
