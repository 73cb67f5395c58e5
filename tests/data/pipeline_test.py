"""Batches from tf.data: in order, whole, and the same from any step."""

import json

import numpy as np
import pytest

from hybridret_jax.data import (
  composer,
  pair_tokens,
  pipeline,
  sources,
  tokenizer,
)

LANGUAGES = ("de", "en", "fr")


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
  """(composer, tokens) of a small corpus with two hard negatives a row."""
  folder = tmp_path_factory.mktemp("pairs")
  for language in LANGUAGES:
    lines = []
    for group in range(60):
      word = f"{language}{group}"
      lines.append(
        {
          "id": f"{group}:{language}",
          "group": f"g{group}",
          "lang": language,
          "query": f"what is {word}?",
          "passage": f"{word} is a thing " + f"said {group} " * (group % 20),
          "source": "made",
          "negatives": [f"not {word}", f"never {word}"],
        }
      )
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / f"{language}.jsonl").write_text(text)
  corpus = sources.read([folder], languages=LANGUAGES)
  tokenizer.train_unigram(corpus.texts, vocab_size=150, out=folder / "tok")
  tokens = pair_tokens.encode(
    corpus,
    tokenizer.load(folder / "tok"),
    query_prefix="q: ",
    passage_prefix="p: ",
    query_length=16,
    passage_length=32,
  )
  composed = composer.Composer(
    corpus, strategy="hybrid", batch_size=8, negatives=2
  )
  return corpus, composed, tokens


def layout(parts, apart=False):
  _, composed, tokens = parts
  return pipeline.plan_layout(
    composed,
    tokens,
    seed=0,
    apart=apart,
    row_length=32,
    row_multiple=4,
    shapes=2,
    sample=50,
  )


def read(parts, **kwargs):
  _, composed, tokens = parts
  chosen = kwargs.pop("layout", layout(parts))
  return list(pipeline.batches(composed, tokens, chosen, seed=0, **kwargs))


def assert_same(one, other):
  assert (one.step, one.kind, one.tokens) == (
    other.step,
    other.kind,
    other.tokens,
  )
  np.testing.assert_array_equal(one.group, other.group)
  for name, pack in one.rows.items():
    for a, b in zip(pack, other.rows[name], strict=True):
      np.testing.assert_array_equal(a, b)


def test_a_batch_is_the_same_from_any_start(parts):
  whole = read(parts, start_step=0, total_steps=12)
  assert [batch.step for batch in whole] == list(range(12))
  for batch in read(parts, start_step=7, total_steps=12):
    assert_same(batch, whole[batch.step])


def test_hosts_hold_slices_of_the_same_rows(parts):
  whole = read(parts, start_step=0, total_steps=3)
  slices = [
    read(parts, start_step=0, total_steps=3, process_index=i, process_count=4)
    for i in range(4)
  ]
  for step, batch in enumerate(whole):
    joined = [
      np.concatenate([part[step].rows["both"][i] for part in slices])
      for i in range(4)
    ]
    for a, b in zip(joined, batch.rows["both"], strict=True):
      np.testing.assert_array_equal(a, b)
    for part in slices:
      np.testing.assert_array_equal(part[step].group, batch.group)


@pytest.mark.parametrize("apart", [False, True])
def test_texts_stand_in_batch_order(parts, apart):
  """Queries, then positives, then each row's negatives, found by their ids."""
  corpus, composed, tokens = parts
  batch = pipeline.build_batch(
    composed, tokens, layout(parts, apart), seed=0, step=3
  )
  plan = composed.plan(0, 3)
  expected = [
    *tokens.query_of_row[plan.query_row],
    *tokens.passage_of_row[plan.passage_row],
    *tokens.passage_of_text[plan.negative_text].reshape(-1),
  ]
  found = []
  for pack, count in zip(
    batch.rows.values(), (8, 24) if apart else (32,), strict=True
  ):
    ids, _, _, index = pack
    found += [ids[index == text] for text in range(count)]
  assert len(found) == len(expected) == 32
  for text, ids in zip(expected, found, strict=True):
    run = tokens.ids[tokens.offsets[text] : tokens.offsets[text + 1]]
    np.testing.assert_array_equal(ids, run)


def test_shapes_are_a_handful(parts):
  chosen = layout(parts)
  shapes = {
    batch.rows["both"][0].shape
    for batch in read(parts, start_step=0, total_steps=200, layout=chosen)
  }
  assert len(shapes) <= len(chosen.row_counts[0]) <= 4
  assert all(rows % 4 == 0 for rows, _ in shapes)


def test_given_row_counts_are_used_and_overflow_still_fits(parts):
  _, composed, tokens = parts
  chosen = pipeline.plan_layout(
    composed,
    tokens,
    seed=0,
    apart=False,
    row_length=32,
    row_counts=(4,),
    row_multiple=4,
  )
  assert chosen.row_counts == ((4, 32),)
  batch = read(parts, start_step=0, total_steps=1, layout=chosen)[0]
  assert batch.rows["both"][0].shape == (32, 32)
