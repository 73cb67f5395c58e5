"""Tokens, their cache, and a trained tokenizer."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import transformers

from hybridret_jax.data import tokenizer

TEXTS = [
  f"{word} {i * i} the water of life, das Wasser: вода жизни 生命之水"
  for i, word in enumerate(["river", "Fluss", "река", "河", "nehir"] * 20)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  out = tmp_path_factory.mktemp("tokenizer")
  tokenizer.train_unigram(TEXTS, vocab_size=300, out=out)
  return out


def texts_of(tokens):
  return [
    tokens.ids[tokens.offsets[i] : tokens.offsets[i + 1]].tolist()
    for i in range(len(tokens))
  ]


def test_layout_is_xlm_rs(folder):
  loaded = tokenizer.load(folder)
  ids = {
    token: loaded.backend.token_to_id(token)
    for token in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
  }
  last = loaded.vocab_size - 1
  assert list(ids.values()) == [0, 1, 2, 3, last]
  assert loaded.pad_id == 1
  assert 50 < loaded.vocab_size <= 300
  (ids,) = texts_of(loaded.encode(["river"], prefix="", max_length=9))
  assert ids[0] == 0 and ids[-1] == 2


def test_transformers_reads_the_same_ids(folder):
  theirs = transformers.AutoTokenizer.from_pretrained(folder)
  assert isinstance(theirs, transformers.PreTrainedTokenizerFast)
  assert theirs.pad_token_id == 1 and theirs.mask_token == "<mask>"
  ours = tokenizer.load(folder)
  texts = [*TEXTS, "", "  two  spaces ", "unknown ☃ ﬁligree"]
  expected = theirs([f"query: {text.strip()}" for text in texts])["input_ids"]
  tokens = ours.encode(texts, prefix="query: ", max_length=500)
  assert texts_of(tokens) == expected
  assert len(theirs) == ours.vocab_size
  assert tokens.cut == 0


def test_long_texts_are_cut_and_counted(folder):
  loaded = tokenizer.load(folder)
  texts = ["river", TEXTS[0], TEXTS[1], ""]
  whole = loaded.encode(texts, prefix="", max_length=100)
  limit = int(whole.lengths[1]) - 1
  tokens = loaded.encode(texts, prefix="", max_length=limit)
  assert tokens.lengths.max() == limit
  assert tokens.cut == (whole.lengths > limit).sum() > 0
  assert texts_of(tokens)[1] == [*texts_of(whole)[1][: limit - 1], 2]
  exact = loaded.encode(texts[:2], prefix="", max_length=limit + 1)
  assert exact.cut == 0
  # A shorter limit does not stay with the tokenizer.
  again = loaded.encode(texts, prefix="", max_length=100)
  np.testing.assert_array_equal(again.ids, whole.ids)


def test_prefix_and_strip(folder):
  loaded = tokenizer.load(folder)
  a = loaded.encode([" river\n"], prefix="the ", max_length=50)
  b = loaded.encode(["the river"], prefix="", max_length=50)
  np.testing.assert_array_equal(a.ids, b.ids)


def test_many_chunks_equal_one(folder):
  loaded = tokenizer.load(folder)
  many = TEXTS * 60
  tokens = loaded.encode(many, prefix="", max_length=64)
  assert texts_of(tokens) == 60 * texts_of(
    loaded.encode(TEXTS, prefix="", max_length=64)
  )
  assert tokens.ids.dtype == np.int32 and tokens.offsets.dtype == np.int64


def test_nothing_to_encode(folder):
  tokens = tokenizer.load(folder).encode([], prefix="", max_length=8)
  assert len(tokens) == 0 and tokens.ids.shape == (0,) and tokens.cut == 0


def test_cache_answers_without_tokenising(folder, tmp_path):
  loaded = tokenizer.load(folder)
  asked = {"prefix": "query: ", "max_length": 12, "cache": tmp_path / "cache"}
  first = loaded.encode(TEXTS, **asked)
  (kept,) = (tmp_path / "cache").iterdir()
  # A tokenizer that can only say <unk> now would give other ids.
  lame = tokenizer.load(folder)
  state = json.loads(lame.backend.to_str())
  state["pre_tokenizer"] = state["post_processor"] = None
  state["normalizer"] = {"type": "Replace", "pattern": {"Regex": ".+"}}
  state["normalizer"]["content"] = "☃"
  blind = type(lame.backend).from_str(json.dumps(state))
  lame = tokenizer.Tokenizer(lame.pad_id, lame.vocab_size, lame.hash, blind)
  second = lame.encode(TEXTS, **asked)
  np.testing.assert_array_equal(first.ids, second.ids)
  np.testing.assert_array_equal(first.offsets, second.offsets)
  assert first.cut == second.cut > 0
  kept.unlink()
  third = lame.encode(TEXTS, **asked)
  assert not np.array_equal(first.ids, third.ids)
  # And what the cache holds is what is handed back.
  np.savez(kept, ids=[7], offsets=[0, 1], cut=3)
  assert texts_of(loaded.encode(TEXTS, **asked)) == [[7]]


def test_cache_tells_different_calls_apart(folder, tmp_path):
  loaded = tokenizer.load(folder)
  other = tokenizer.Tokenizer(
    loaded.pad_id, loaded.vocab_size, "other", loaded.backend
  )
  calls = [
    (loaded, ["ab", "c"], "q ", 9),
    (loaded, ["a", "bc"], "q ", 9),
    (loaded, ["ab", "c"], "p ", 9),
    (loaded, ["ab", "c"], "q ", 8),
    (loaded, ["c", "ab"], "q ", 9),
    (other, ["ab", "c"], "q ", 9),
  ]
  for count, (which, texts, prefix, length) in enumerate(calls, start=1):
    which.encode(texts, prefix=prefix, max_length=length, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == count
    assert all(path.suffix == ".npz" for path in tmp_path.iterdir())


def test_a_broken_cache_is_named(folder, tmp_path):
  loaded = tokenizer.load(folder)
  asked = {"prefix": "", "max_length": 12, "cache": tmp_path}
  loaded.encode(TEXTS, **asked)
  (kept,) = tmp_path.iterdir()
  kept.write_bytes(kept.read_bytes()[:100])
  with pytest.raises(ValueError, match=f"{kept} cannot be read .*; delete it"):
    loaded.encode(TEXTS, **asked)


def test_training_gives_the_same_files_in_another_process(folder, tmp_path):
  # Another process hashes in another order.
  (tmp_path / "texts.json").write_text(json.dumps(TEXTS))
  script = (
    "import json, sys; from hybridret_jax.data import tokenizer;"
    "texts = json.load(open(sys.argv[1]));"
    "tokenizer.train_unigram(texts, vocab_size=300, out=sys.argv[2])"
  )
  root = pathlib.Path(tokenizer.__file__).parents[2]
  for name in ("a", "b"):
    subprocess.run(
      [sys.executable, "-c", script, tmp_path / "texts.json", tmp_path / name],
      check=True,
      cwd=root,
      capture_output=True,
    )
  for file in ("tokenizer.json", "tokenizer_config.json"):
    contents = {
      (path / file).read_bytes()
      for path in (folder, tmp_path / "a", tmp_path / "b")
    }
    assert len(contents) == 1


def test_errors_name_the_mend(folder, tmp_path):
  with pytest.raises(FileNotFoundError, match="save_pretrained"):
    tokenizer.load(tmp_path)
  (tmp_path / "tokenizer.json").write_text("{}")
  with pytest.raises(ValueError, match="is not a tokenizer .*; save it again"):
    tokenizer.load(tmp_path)
  state = json.loads((folder / "tokenizer.json").read_text())
  text = json.dumps(state).replace("<pad>", "<none>")
  (tmp_path / "tokenizer.json").write_text(text)
  with pytest.raises(ValueError, match="names no padding token; set pad_token"):
    tokenizer.load(tmp_path)
  (tmp_path / "special_tokens_map.json").write_text(
    json.dumps({"pad_token": {"content": "<none>"}})
  )
  assert tokenizer.load(tmp_path).pad_id == 1
  with pytest.raises(ValueError, match="max_length is 2 and 2 special tokens"):
    tokenizer.load(folder).encode(["a"], prefix="", max_length=2)
  with pytest.raises(ValueError, match="vocab_size 12: .*; use a larger"):
    tokenizer.train_unigram(TEXTS, vocab_size=12, out=tmp_path)
  with pytest.raises(ValueError, match="no text to train"):
    tokenizer.train_unigram([" "], vocab_size=50, out=tmp_path)
