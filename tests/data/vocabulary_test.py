"""Cut tokenizers: the same tokens of every text, and little else."""

import dataclasses
import json

import numpy as np
import pytest
import tokenizers as backends
from tokenizers import (
  decoders,
  models,
  normalizers,
  pre_tokenizers,
  processors,
  trainers,
)

from hybridret_jax.data import tokenizer, vocabulary
from hybridret_jax.ground import faults

WORDS = [
  f"{a}{b}{c}" for a in "abcde" for b in "fghij" for c in ("", "k", "lm")
]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
PREFIXES = ("query: ", "passage: ")


def texts(number, seed):
  rng = np.random.default_rng(seed)
  return [" ".join(rng.choice(WORDS, 6)) for _ in range(number)]


KEPT = [" ".join(x.split()[:3]) for x in texts(40, 1)] + [
  "größer ☃ als",
  "日本語",
]


def unigram():
  made = backends.Tokenizer(models.Unigram())
  made.normalizer = normalizers.NFKC()
  made.pre_tokenizer = pre_tokenizers.Metaspace()
  made.decoder = decoders.Metaspace()
  trainer = trainers.UnigramTrainer(
    vocab_size=150, special_tokens=SPECIAL, unk_token="<unk>"
  )
  made.train_from_iterator([*texts(400, 0), "größer"], trainer)
  made.add_special_tokens(["<mask>"])
  return made


def byte_level():
  made = backends.Tokenizer(models.BPE())
  made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
  trainer = trainers.BpeTrainer(
    vocab_size=420,
    special_tokens=SPECIAL,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
  )
  made.train_from_iterator(texts(400, 0), trainer)
  return made


def characters():
  """A BPE over characters, which spells the unknown in bytes."""
  made = backends.Tokenizer(
    models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True)
  )
  made.normalizer = normalizers.Replace(" ", "▁")
  trainer = trainers.BpeTrainer(
    vocab_size=500,
    special_tokens=[*SPECIAL, *(f"<0x{i:02X}>" for i in range(256))],
  )
  made.train_from_iterator(texts(400, 0), trainer)
  return made


def word_piece():
  made = backends.Tokenizer(models.WordPiece(unk_token="<unk>"))
  made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
  trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=SPECIAL)
  made.train_from_iterator(texts(400, 0), trainer)
  return made


ALL = {f.__name__: f for f in (unigram, byte_level, characters, word_piece)}


@pytest.fixture(params=sorted(ALL))
def loaded(request, tmp_path):
  made = ALL[request.param]()
  made.post_processor = processors.TemplateProcessing(
    single="<s> $A </s>",
    pair="<s> $A </s> </s> $B </s>",
    special_tokens=[(name, made.token_to_id(name)) for name in ("<s>", "</s>")],
  )
  made.save(str(tmp_path / "tokenizer.json"))
  return tokenizer.load(tmp_path)


def cut(loaded, kept, folder):
  made = vocabulary.cut(loaded, *vocabulary.used(loaded, kept, PREFIXES))
  folder.mkdir()
  vocabulary.write(made, loaded, folder)
  return made, tokenizer.load(folder)


def test_every_text_has_the_same_tokens(loaded, tmp_path):
  made, after = cut(loaded, KEPT, tmp_path / "cut")
  assert after.vocab_size == len(made.kept) < loaded.vocab_size
  number = vocabulary.check(loaded, after, made.kept, KEPT, PREFIXES)
  assert number == len(KEPT)
  names = [loaded.backend.id_to_token(i) for i in made.kept.tolist()]
  assert names == [after.backend.id_to_token(i) for i in range(len(names))]
  assert after.pad_id == loaded.pad_id == 1


def test_other_texts_are_still_read(loaded, tmp_path):
  _, after = cut(loaded, KEPT, tmp_path / "cut")
  found = after.encode(texts(50, 9), prefix="", max_length=64)
  assert found.lengths.min() > 2
  assert found.ids.max() < after.vocab_size


def test_what_differs_is_named(loaded, tmp_path):
  made, _ = cut(loaded, KEPT, tmp_path / "cut")
  _, less = cut(loaded, KEPT[:3], tmp_path / "less")
  with pytest.raises(ValueError, match="otherwise than the whole one"):
    vocabulary.check(loaded, less, made.kept, KEPT, PREFIXES)


def test_special_tokens_keep_their_places(loaded, tmp_path):
  made, after = cut(loaded, KEPT[:1], tmp_path / "cut")
  for name in SPECIAL:
    old = loaded.backend.token_to_id(name)
    assert made.kept[after.backend.token_to_id(name)] == old
  pair = after.encode(["afk"], prefix="", max_length=9, contexts=["bg"])
  whole = loaded.encode(["afk"], prefix="", max_length=9, contexts=["bg"])
  assert after.backend.id_to_token(int(pair.ids[0])) == "<s>"
  assert (pair.ids == 2).sum() == (whole.ids == 2).sum() == 3


def test_the_lowest_score_stays(tmp_path):
  """What an unknown character costs follows from it."""
  made = unigram()
  made.save(str(tmp_path / "tokenizer.json"))
  loaded = tokenizer.load(tmp_path)
  found, _ = cut(loaded, ["afk"], tmp_path / "cut")
  scores = [x for _, x in json.loads(loaded.source)["model"]["vocab"]]
  assert min(x for _, x in found.state["model"]["vocab"]) == min(scores)


def test_another_kind_is_refused(loaded):
  state = json.loads(loaded.source)
  state["model"] = {"type": "WordLevel", "vocab": {}, "unk_token": "<unk>"}
  other = dataclasses.replace(loaded, source=json.dumps(state).encode())
  with pytest.raises(faults.Fault, match="WordLevel.*can be cut"):
    vocabulary.cut(other, set(), set())
