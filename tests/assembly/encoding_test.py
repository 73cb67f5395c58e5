"""Texts to vectors: in order, whatever the calls and the devices."""

import jax
import numpy as np
import pytest

from hybridret_jax.assembly import encoding
from hybridret_jax.data import tokenizer
from hybridret_jax.models import dual_encoder
from tests.training import tiny

TEXTS = [f"word {i} " * (1 + i % 7) for i in range(40)] + ["word 3 " * 4]


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
  """A function of the settings to the vectors of TEXTS."""
  folder = tmp_path_factory.mktemp("tokenizer")
  tokenizer.train_unigram(TEXTS, vocab_size=60, out=folder)
  module = tiny.module()
  params = dual_encoder.nn.unbox(tiny.init(module, jax.random.key(0)))

  def run(devices, tokens_per_call, row_lengths, contexts=None, texts=TEXTS):
    encode = encoding.TextEncoder(
      module=module,
      tokenizer=tokenizer.load(folder),
      mesh=tiny.mesh_of(data=devices),
      prefixes={"query": "word ", "passage": ""},
      max_lengths={"query": 12, "passage": 40},
      row_lengths=row_lengths,
      tokens_per_call=tokens_per_call,
    )
    return encode(params, texts, "passage", contexts=contexts)

  return run


def test_order_calls_rows_and_devices_change_nothing(encoded):
  one = encoded(1, 10_000, (40,))
  assert one.shape == (41, 32)
  np.testing.assert_allclose(np.linalg.norm(one, axis=-1), 1, rtol=1e-5)
  np.testing.assert_array_equal(one[3], one[40])  # Equal texts, once encoded.
  assert np.abs(one[0] - one[1]).max() > 1e-3
  for devices, tokens, rows in [(1, 100, (16, 40)), (8, 400, (40, 64))]:
    other = encoded(devices, tokens, rows)
    np.testing.assert_allclose(other, one, rtol=0, atol=1e-5)


def test_a_context_changes_the_vector(encoded):
  alone = encoded(1, 1000, (40,))
  paired = encoded(1, 1000, (40,), contexts=["word 7"] * len(TEXTS))
  assert np.abs(alone - paired).max() > 1e-3


def test_a_text_alone_has_the_vector_that_it_has_among_others(encoded):
  among = encoded(1, 10_000, (16, 40))
  for text in (0, 6):
    alone = encoded(1, 10_000, (16, 40), texts=[TEXTS[text]])
    np.testing.assert_allclose(alone, among[text : text + 1], rtol=0, atol=1e-5)


def test_no_texts_are_refused(encoded):
  with pytest.raises(ValueError, match="no texts to encode"):
    encoded(1, 1000, (40,), texts=[])
