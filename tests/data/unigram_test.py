"""A trained tokenizer is laid out like XLM-R's, whatever the texts' order."""

import pytest

from hybridret_jax.data import unigram

TEXTS = [f"river {i} Fluss река" for i in range(30)]


def test_layout_and_repeatability():
  made = unigram.trained(TEXTS, vocab_size=60)
  assert [made.token_to_id(t) for t in ("<s>", "<pad>", "</s>", "<unk>")] == [
    *range(4)
  ]
  assert made.token_to_id("<mask>") == made.get_vocab_size() - 1
  assert made.encode("river", "река").type_ids[-1] == 0
  again = unigram.trained((f" {text}\n" for text in TEXTS), vocab_size=60)
  assert again.to_str() == made.to_str()


def test_errors_name_the_mend():
  with pytest.raises(ValueError, match="vocab_size 5: .*; use a larger"):
    unigram.trained(TEXTS, vocab_size=5)
  with pytest.raises(ValueError, match="no text to train"):
    unigram.trained([" "], vocab_size=60)
