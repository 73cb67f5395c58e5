"""Batches from tf.data: in order, whole, and the same from any step."""

import dataclasses
import json

import numpy as np
import pytest

from hybridret_jax.data import (
  composer,
  identity,
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
    passage_length=64,
  )
  return corpus, compose(corpus), tokens


def compose(corpus, **settings):
  return composer.Composer(
    corpus, strategy="hybrid", batch_size=8, negatives=2, **settings
  )


def layout(parts, apart=False, **settings):
  _, composed, tokens = parts
  settings = {
    "row_lengths": (16, 64),
    "row_multiple": 4,
    "shapes": 3,
    "sample": 50,
  } | settings
  return pipeline.plan_layout(composed, tokens, seed=0, apart=apart, **settings)


def read(parts, **kwargs):
  _, composed, tokens = parts
  chosen = kwargs.pop("layout", None) or layout(parts)
  return list(
    pipeline.batches(
      composed, tokens, labels_of(parts), chosen, seed=0, **kwargs
    )
  )


def labels_of(parts):
  corpus, _, tokens = parts
  return identity.Labels(corpus, pair_tokens.identities(tokens))


def assert_same(one, other):
  assert (one.step, one.kind, one.tokens) == (
    other.step,
    other.kind,
    other.tokens,
  )
  for name in (*pipeline.AROUND, "parallel"):
    np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
  for name, pack in one.rows.items():
    for tier, wanted in zip(pack, other.rows[name], strict=True):
      for a, b in zip(tier, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


def texts_of(pack, count):
  """The ids of each text of a pack, by number."""
  found = []
  for text in range(count):
    runs = [ids[index == text] for ids, _, _, index, _ in pack]
    assert sum(len(run) > 0 for run in runs) <= 1  # A text lies in one tier.
    found.append(np.concatenate(runs))
  for _, segments, _, index, _ in pack:
    assert np.all(index[segments == 0] == count)
  return found


def check_texts(parts, batch, texts, counts):
  """The packs hold the stored texts of these numbers, -1 for a missing one."""
  _, _, tokens = parts
  found = [
    ids
    for pack, count in zip(batch.rows.values(), counts, strict=True)
    for ids in texts_of(pack, count)
  ]
  assert len(found) == len(texts) == sum(counts)
  for text, ids in zip(texts, found, strict=True):
    run = tokens.ids[tokens.offsets[text] : tokens.offsets[text + 1]]
    np.testing.assert_array_equal(ids, run if text >= 0 else [])
  assert batch.tokens == sum(len(ids) for ids in found)
  assert batch.attended == sum(len(ids) ** 2 for ids in found)


def test_a_batch_is_the_same_from_any_start(parts):
  whole = read(parts, start_step=0, total_steps=12)
  assert [batch.step for batch in whole] == list(range(12))
  for batch in read(parts, start_step=7, total_steps=12):
    assert_same(batch, whole[batch.step])


@pytest.mark.parametrize("apart", [False, True])
def test_hosts_hold_slices_of_the_same_rows(parts, apart):
  chosen = layout(parts, apart)
  whole = read(parts, layout=chosen, start_step=0, total_steps=3)
  slices = [
    read(
      parts,
      layout=chosen,
      start_step=0,
      total_steps=3,
      process_index=i,
      process_count=4,
    )
    for i in range(4)
  ]
  for step, batch in enumerate(whole):
    rows = {
      name: tuple(
        tuple(
          np.concatenate([part[step].rows[name][tier][i] for part in slices])
          for i in range(5)
        )
        for tier in range(2)
      )
      for name in batch.rows
    }
    for part in slices:
      assert_same(dataclasses.replace(part[step], rows=rows), batch)


def test_rows_that_do_not_split_over_the_hosts_are_refused(parts):
  with pytest.raises(ValueError, match="do not split over 3 processes"):
    read(parts, start_step=0, total_steps=1, process_index=1, process_count=3)


@pytest.mark.parametrize("apart", [False, True])
def test_texts_stand_in_batch_order(parts, apart):
  """Queries, then positives, then each row's negatives, found by their ids."""
  _, composed, tokens = parts
  chosen = layout(parts, apart)
  batch = pipeline.build_batch(
    composed, tokens, labels_of(parts), chosen, seed=0, step=3
  )
  plan = composed.plan(0, 3)
  expected = [
    *tokens.query_of_row[plan.query_row],
    *tokens.passage_of_row[plan.passage_row],
    *tokens.passage_of_text[plan.negative_text].reshape(-1),
  ]
  check_texts(parts, batch, expected, (8, 24) if apart else (32,))
  assert not batch.parallel.any()


@pytest.mark.parametrize("apart", [False, True])
def test_parallel_queries_come_last_and_some_are_missing(parts, apart):
  corpus, _, tokens = parts
  composed = compose(corpus, parallel_share=0.5)
  parts = corpus, composed, tokens
  chosen = layout(parts, apart)
  for batch in read(parts, layout=chosen, start_step=0, total_steps=4):
    plan = composed.plan(0, batch.step)
    np.testing.assert_array_equal(batch.parallel, plan.parallel_row >= 0)
    queries = tokens.query_of_row[plan.query_row].tolist()
    passages = [
      *tokens.passage_of_row[plan.passage_row],
      *tokens.passage_of_text[plan.negative_text].reshape(-1),
    ]
    more = [
      tokens.query_of_row[row] if row >= 0 else -1 for row in plan.parallel_row
    ]
    if apart:
      check_texts(parts, batch, queries + more + passages, (16, 24))
    else:
      check_texts(parts, batch, queries + passages + more, (40,))


def test_rows_are_numbered_by_tier_whatever_their_number(parts):
  for batch in read(parts, start_step=0, total_steps=30):
    for tier, (*_, row_R) in enumerate(batch.rows["both"]):
      assert row_R.tolist() == [(tier << 20) + r for r in range(len(row_R))]


@pytest.mark.parametrize("apart", [False, True])
def test_shapes_are_a_handful(parts, apart):
  chosen = layout(parts, apart)
  batches = read(parts, start_step=0, total_steps=200, layout=chosen)
  programs = {
    tuple(tier[0].shape for pack in batch.rows.values() for tier in pack)
    for batch in batches
  }
  assert 1 < len(programs) <= len(chosen.shapes[0]) <= 5
  assert {len(shapes) for shapes in chosen.shapes} == {len(chosen.shapes[0])}
  assert all(rows % 4 == 0 for shapes in programs for rows, _ in shapes)
  assert {length for shapes in programs for _, length in shapes} == {16, 64}
  tokens, slots = (
    sum(getattr(batch, name) for batch in batches)
    for name in ("tokens", "slots")
  )
  assert 1 - tokens / slots < 0.25  # Batches of 8 in multiples of 4 rows.


def test_rows_of_one_length(parts):
  chosen = layout(parts, row_lengths=(64,))
  assert chosen.row_lengths == (64,)
  for batch in read(parts, layout=chosen, start_step=0, total_steps=5):
    ((ids, *_),) = batch.rows["both"]
    assert ids.shape[1] == 64


def test_the_shortest_text_bounds_the_texts_of_a_row(parts):
  chosen = layout(parts)
  shortest = min(
    np.bincount(row)[1:].min()
    for batch in read(parts, layout=chosen, start_step=0, total_steps=60)
    for _, segments, *_ in batch.rows["both"]
    for row in segments
    if row.any()
  )
  assert 2 < chosen.shortest <= shortest


def test_given_shapes_are_used_and_overflow_still_fits(parts):
  chosen = layout(parts, row_counts=((8, 20), (4, 4)))
  # 8 queries of up to 16 tokens, 24 passages of up to 64.
  assert chosen.shapes == (((4, 4), (8, 20), (8, 24)),)
  batch = read(parts, start_step=0, total_steps=1, layout=chosen)[0]
  assert batch.rows["both"][0][0].shape == (8, 16)
  narrow = layout(parts, row_counts=((4, 4),))
  batch = read(parts, start_step=0, total_steps=1, layout=narrow)[0]
  assert [tier[0].shape for tier in batch.rows["both"]] == [(8, 16), (24, 64)]


def test_settings_that_do_not_fit_are_refused(parts):
  for lengths in ((), (64, 16), (16, 16), (0, 64)):
    with pytest.raises(ValueError, match="give ascending lengths above 0"):
      layout(parts, row_lengths=lengths)
  with pytest.raises(ValueError, match="do not hold a text of 64 tokens"):
    layout(parts, row_lengths=(16, 63))
  for counts in (((4,),), ((0, 0),)):
    with pytest.raises(ValueError, match="each of the 2 lengths"):
      layout(parts, row_counts=counts)
