"""A tokenizer of ours is used if it is whole, and made as is asked for."""

from hybridret_jax.data import tokenizer, tokenizer_made

TEXTS = [f"{word} of the water {i}" for i, word in enumerate("abcdefgh" * 9)]


def test_a_trained_tokenizer_is_known_whole(tmp_path):
  out = tmp_path / "tokenizer"
  tokenizer.train_unigram(TEXTS, vocab_size=300, out=out)
  assert tokenizer_made.is_trained(out)
  assert tokenizer_made.is_trained(out, TEXTS, vocab_size=300)
  assert not tokenizer_made.is_trained(out, TEXTS, vocab_size=301)
  assert not tokenizer_made.is_trained(out, TEXTS[1:], vocab_size=300)
  whole = {path.name: path.read_bytes() for path in out.iterdir()}
  assert len(whole) == 3
  for name, data in whole.items():
    (out / name).unlink()
    assert not tokenizer_made.is_trained(out, TEXTS, vocab_size=300)
    (out / name).write_bytes(data)
  (out / "tokenizer.json").write_bytes(whole["tokenizer.json"] + b" ")
  assert not tokenizer_made.is_trained(out)
  tokenizer.train_unigram(TEXTS, vocab_size=300, out=out)
  assert {path.name: path.read_bytes() for path in out.iterdir()} == whole
