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


def test_a_broken_cache_is_made_again_and_said(folder, tmp_path, caplog):
  loaded = tokenizer.load(folder)
  asked = {"prefix": "", "max_length": 12, "cache": tmp_path}
  first = loaded.encode(TEXTS, **asked)
  (kept,) = tmp_path.iterdir()
  whole = kept.read_bytes()
  for damaged in (b"", whole[:100], whole[:-100], b"PK" + whole[2:60]):
    kept.write_bytes(damaged)
    again = loaded.encode(TEXTS, **asked)
    np.testing.assert_array_equal(again.ids, first.ids)
    assert f"{kept}: damaged" in caplog.text
    caplog.clear()
    loaded.encode(TEXTS, **asked)
    assert not caplog.text  # It is whole again.


def test_a_cache_that_cannot_be_written_costs_nothing_else(
  folder, tmp_path, caplog
):
  loaded = tokenizer.load(folder)
  (tmp_path / "file").touch()
  asked = {"prefix": "", "max_length": 12}
  kept = loaded.encode(TEXTS, **asked, cache=tmp_path / "file" / "tokens")
  np.testing.assert_array_equal(kept.ids, loaded.encode(TEXTS, **asked).ids)
  assert "nothing is kept there" in caplog.text


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


def copied(folder, out, **changes):
  """A copy of a tokenizer whose tokenizer.json says something else."""
  out.mkdir()
  for file in folder.iterdir():
    (out / file.name).write_bytes(file.read_bytes())
  state = json.loads((folder / "tokenizer.json").read_text())
  (out / "tokenizer.json").write_text(json.dumps(state | changes))
  return out


def config(folder, **changes):
  path = folder / "tokenizer_config.json"
  path.write_text(json.dumps(json.loads(path.read_text()) | changes))
  return folder


CUT = {"max_length": 5, "strategy": "LongestFirst", "stride": 0}


def test_a_text_is_cut_where_the_files_say(folder, tmp_path):
  text = [TEXTS[7]]
  whole = texts_of(
    tokenizer.load(folder).encode(text, prefix="", max_length=99)
  )[0]

  def cut(place):
    loaded = tokenizer.load(place)
    tokens = loaded.encode(text, prefix="", max_length=8)
    assert tokens.cut == 1
    return loaded.hash, texts_of(tokens)[0]

  right, end_lost = cut(folder)
  assert end_lost == [*whole[:7], 2]
  left = copied(folder, tmp_path / "left")
  hash_left, start_lost = cut(config(left, truncation_side="left"))
  assert start_lost == [0, *whole[-7:]] and hash_left != right
  # tokenizer.json's own word counts where nothing else is said; neither its
  # length nor its padding does.
  own = copied(
    folder,
    tmp_path / "own",
    truncation={"direction": "Left", **CUT},
    padding={
      "strategy": {"Fixed": 40},
      "direction": "Left",
      "pad_to_multiple_of": None,
      "pad_id": 1,
      "pad_type_id": 0,
      "pad_token": "<pad>",
    },
  )
  assert cut(own)[1] == start_lost
  assert cut(config(own, truncation_side="right"))[1] == end_lost
  # Again, now that the first call has set what it needed.
  assert cut(own)[1] == end_lost


def test_lowering_is_that_of_the_normaliser(folder, tmp_path):
  plain = tokenizer.load(folder)
  lowered = tokenizer.load(folder, lower_case=True)
  assert lowered.hash != plain.hash and lowered.lower_case
  asked = {"prefix": "THE ", "max_length": 40}
  one = lowered.encode(["WATER of <mask>"], **asked)
  other = plain.encode(["the water of <mask>"], prefix="", max_length=40)
  np.testing.assert_array_equal(one.ids, other.ids)
  assert plain.encode(["WATER"], **asked).ids.tolist() != one.ids.tolist()


def test_pairs_have_types_where_the_encoder_has(folder, tmp_path):
  asked = {"prefix": "", "max_length": 12, "contexts": ["water", ""]}
  texts = ["river", "the"]
  none = tokenizer.load(folder).encode(texts, **asked)
  assert none.types is None
  typed = tokenizer.load(folder, types=2, second_type=1)
  tokens = typed.encode(texts, cache=tmp_path / "cache", **asked)
  np.testing.assert_array_equal(tokens.ids, none.ids)
  first = tokens.types[: tokens.offsets[1]].tolist()
  second = tokens.types[tokens.offsets[1] :].tolist()
  at = int(np.flatnonzero(tokens.ids == 2)[1]) + 1  # Behind </s></s>.
  assert first == [0] * at + [1] * (len(first) - at)
  assert second == [0] * (len(second) - 1) + [1]
  kept = typed.encode(texts, cache=tmp_path / "cache", **asked)
  np.testing.assert_array_equal(kept.types, tokens.types)
  assert typed.encode(texts, prefix="", max_length=9).types is None


def test_what_cannot_be_done_is_refused(folder, tmp_path):
  state = json.loads((folder / "tokenizer.json").read_text())["post_processor"]
  odd = json.loads(json.dumps(state).replace('"type_id": 0', '"type_id": 2'))
  place = copied(folder, tmp_path / "odd", post_processor=odd)
  with pytest.raises(ValueError, match="a lone text a type other than 0"):
    tokenizer.load(place)
  three = {**state, "pair": odd["pair"]}
  place = copied(folder, tmp_path / "three", post_processor=three)
  asked = {"prefix": "", "max_length": 9, "contexts": ["b"]}
  tokenizer.load(place, types=2).encode(["a"], **asked)  # Not fed to a model.
  config(place, model_input_names=["input_ids", "token_type_ids"])
  for types in (1, 2):
    loaded = tokenizer.load(place, types=types)
    with pytest.raises(ValueError, match="gives a segment type 2, but type_v"):
      loaded.encode(["a"], **asked)
  place = config(copied(folder, tmp_path / "left"), padding_side="left")
  tokenizer.load(place)
  with pytest.raises(ValueError, match="padding_side is 'left', which moves"):
    tokenizer.load(place, types=2, second_type=1)


def test_do_lower_case_of_the_config_does_not_count_and_is_said(
  folder, tmp_path, caplog
):
  place = config(copied(folder, tmp_path / "said"), do_lower_case=True)
  with caplog.at_level("WARNING", "hybridret_jax"):
    loaded = tokenizer.load(place)
  assert loaded.hash == tokenizer.load(folder).hash or not loaded.lower_case
  assert "says do_lower_case True, but tokenizer.json does not" in caplog.text


def test_the_largest_id_counts(folder, tmp_path):
  """A gap before an added token: fewer tokens than ids."""
  state = json.loads((folder / "tokenizer.json").read_text())
  pieces = [piece for piece, _ in state["model"]["vocab"]]
  place = copied(
    folder,
    tmp_path / "gap",
    model={
      "type": "WordLevel",
      "unk_token": "<unk>",
      "vocab": {
        piece: i if i < 10 else i + 500 for i, piece in enumerate(pieces)
      },
    },
  )
  loaded = tokenizer.load(place)
  assert loaded.vocab_size > len(pieces) + 499
  assert loaded.backend.get_vocab_size() < loaded.vocab_size


def test_its_files_for_others_give_the_same(folder, tmp_path):
  place = config(copied(folder, tmp_path / "a"), truncation_side="left")
  loaded = tokenizer.load(place)
  out = tmp_path / "out"
  out.mkdir()
  for name, text in loaded.files(9).items():
    (out / name).write_text(text)
  again = tokenizer.load(out)
  assert (again.pad_id, again.cut_side) == (loaded.pad_id, "left")
  theirs = transformers.AutoTokenizer.from_pretrained(out)
  for texts in (TEXTS, ["", "<mask> a"]):
    tokens = texts_of(again.encode(texts, prefix="", max_length=9))
    assert tokens == texts_of(loaded.encode(texts, prefix="", max_length=9))
    stripped = [text.strip() for text in texts]
    assert tokens == theirs(stripped, truncation=True)["input_ids"]
