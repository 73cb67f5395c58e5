"""Where texts are cut, and how long they would be."""

import dataclasses

import pytest

from hybridret_jax.data import cuts, tokenizer

TEXTS = [
  f"{word} {i * i} the water of life, das Wasser: вода жизни 生命之水"
  for i, word in enumerate(["river", "Fluss", "река", "河", "nehir"] * 20)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  out = tmp_path_factory.mktemp("tokenizer")
  tokenizer.train_unigram(TEXTS, vocab_size=300, out=out)
  return out


def test_lengths_without_a_cut_are_those_of_uncut_texts(folder):
  loaded = tokenizer.load(folder)
  whole = loaded.encode(TEXTS, prefix="query: ", max_length=500)
  assert whole.cut == 0
  loaded.encode(TEXTS, prefix="query: ", max_length=8)
  found = cuts.whole_lengths(loaded, TEXTS, prefix="query: ")
  assert found.tolist() == whole.lengths.tolist()


@pytest.mark.parametrize("side", ["right", "left"])
def test_what_the_cut_leaves_of_a_text_has_the_same_tokens(folder, side):
  loaded = dataclasses.replace(tokenizer.load(folder), cut_side=side)
  # A space before a word is of its first token.
  for text in ("river water Fluss 123", "生命之水 вода"):
    whole = loaded.encode([text], prefix="", max_length=500)
    for length in range(8, 30):
      given = {"prefix": "", "max_length": length}
      [(start, end)] = cuts.kept(loaded, [text], **given)
      assert (start if side == "right" else end) == (
        0 if side == "right" else len(text)
      )
      tokens = loaded.encode([text], **given)
      if not tokens.cut:
        assert (start, end) == (0, len(text))
        continue
      of_part = loaded.encode([text[start:end]], prefix="", max_length=500)
      # The end of a text may be split otherwise than its middle.
      assert abs(len(of_part.ids) - length) <= 3
      if len(whole.ids) - length > 1:
        assert end - start < len(text)


def test_of_a_text_behind_its_prefix_nothing_may_be_left(folder):
  loaded = tokenizer.load(folder)
  [(start, end)] = cuts.kept(
    loaded, ["river"], prefix="query: " * 9, max_length=8
  )
  assert (start, end) == (0, 0)
