"""The benchmark of padding: what it counts, by hand."""

import json

import numpy as np
import pytest

from benchmarks import padding
from hybridret_jax.data import (
  composer,
  identity,
  pair_tokens,
  pipeline,
  sources,
  tokenizer,
)


@pytest.fixture
def parts(tmp_path):
  """(composer, tokens) of short queries, and passages of up to 24 tokens."""
  lines = [
    {
      "id": str(group),
      "group": str(group),
      "lang": "en",
      "query": f"q{group}",
      "passage": f"{group} " * (1 + group % 9),
    }
    for group in range(60)
  ]
  path = tmp_path / "en.jsonl"
  path.write_text("".join(json.dumps(line) + "\n" for line in lines))
  corpus = sources.read([path])
  tokenizer.train_unigram(corpus.texts, vocab_size=60, out=tmp_path / "tok")
  tokens = pair_tokens.encode(
    corpus,
    tokenizer.load(tmp_path / "tok"),
    query_prefix="",
    passage_prefix="",
    query_length=8,
    passage_length=24,
  )
  composed = composer.Composer(corpus, strategy="monolingual", batch_size=4)
  labels = identity.Labels(corpus, pair_tokens.identities(tokens))
  return composed, tokens, labels


def test_batches_are_counted_three_ways(parts):
  composed, tokens, labels = parts
  layout = pipeline.plan_layout(
    composed,
    tokens,
    seed=0,
    apart=False,
    row_lengths=(8, 24),
    row_counts=((4, 4),),
    row_multiple=1,
  )
  found = padding.measure_batches(
    composed, tokens, labels, layout, most={"query": 8, "passage": 24}, steps=20
  )
  real = dynamic = 0
  for step in range(padding.LATER, padding.LATER + 20):
    plan = composed.plan(0, step)
    for texts in (
      tokens.query_of_row[plan.query_row],
      tokens.passage_of_row[plan.passage_row],
    ):
      lengths = tokens.lengths[texts]
      real += lengths.sum()
      dynamic += 4 * lengths.max()
  slots = 20 * (4 * 8 + 4 * 24)
  assert found["ours"] == found["fixed"] == 1 - real / slots
  assert found["dynamic"] == 1 - real / dynamic
  assert found["shapes"] == [{"rows": (4, 4), "batches": 20}]


def test_encoding_is_counted_four_ways():
  lengths = np.array([4, 12] * padding.AT_ONCE)
  found = padding.measure_encoding([lengths], row_lengths=(16, 32), tokens=1024)
  assert found["ours"] == 0  # A short one and a long one fill a row of 16.
  assert found["dynamic"] == pytest.approx(1 - 8 / 12)
  assert found["dynamic_sorted"] == 0
  assert found["fixed"] == 1 - 8 / 32
  assert found["shapes"] == [{"rows": 64, "length": 16}]


def test_the_table_has_a_row_for_each():
  shares = {"ours": 0.05, "dynamic": 0.5, "fixed": 0.6, "shapes": []}
  batches = {"texts": "legal", "batch_size": 64, "row_multiple": 4} | shares
  encoded = {"texts": "XQuAD-R", "tokens_per_call": 1024} | shares
  text = padding.table([batches, encoded])
  assert "| legal" in text and "5.0%" in text and "| 1,024 tokens" in text
