"""Batches of code-switched texts: whole, cut, the same on any hosts."""

import dataclasses

import numpy as np
import pytest

from hybridret_jax.data import (
  batch_texts,
  certificate,
  code_switching,
  composer,
  identity,
  lexicons,
  pair_tokens,
  pipeline,
  sources,
  tokenizer,
)
from tests.data import forms, pipeline_test

WORDS = [f"{a}{b}" for a in "abcdef" for b in "ghijkl"]
LENGTHS = {"query": 12, "passage": 20}
PREFIXES = {"query": "q: ", "passage": "p: "}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("switched")
  rng = np.random.default_rng(0)
  rows = [
    {
      "id": f"{n}",
      "lang": "en",
      "query": f"{n} {' '.join(rng.choice(WORDS, 4))}",
      "passage": f"{n} said {' '.join(rng.choice(WORDS, 2 + n % 9))}",
      "negatives": [f"{n} never {' '.join(rng.choice(WORDS, 3))}"],
    }
    for n in range(60)
  ]
  forms.jsonl(folder / "s.jsonl", rows)
  for tag in ("de", "fr"):
    lines = [f"{word}\t{tag}{word} {word[::-1]} {tag}" for word in WORDS]
    (folder / f"en-{tag}.txt").write_text("\n".join(lines) + "\n")
  corpus = sources.read([folder / "s.jsonl"])
  tokenizer.train_unigram(
    [*corpus.texts, *lines], vocab_size=120, out=folder / "tok"
  )
  return folder


def parts_of(folder, probability=0.5, apart=False, **composing):
  """(composer, tokens, labels, layout, switched) and the tokenizer."""
  corpus = sources.read([folder / "s.jsonl"])
  text_tokenizer = tokenizer.load(folder / "tok")
  tokens = pair_tokens.encode(
    corpus,
    text_tokenizer,
    query_prefix=PREFIXES["query"],
    passage_prefix=PREFIXES["passage"],
    query_length=LENGTHS["query"],
    passage_length=LENGTHS["passage"],
  )
  composed = composer.Composer(
    corpus, strategy="monolingual", batch_size=8, negatives=1, **composing
  )
  settings = code_switching.Settings(
    probability=probability, lexicons=("en-de.txt", "en-fr.txt")
  )
  found = lexicons.read(settings.lexicons, place=folder.joinpath)
  switched = batch_texts.SwitchedTokens(
    code_switching.Switching(corpus, settings, found),
    lambda side, texts: text_tokenizer.encode(
      texts, prefix=PREFIXES[side], max_length=LENGTHS[side]
    ),
    longest=LENGTHS,
    shortest=2,
  )
  layout = pipeline.plan_layout(
    composed,
    tokens,
    seed=0,
    apart=apart,
    row_lengths=(12, 20),
    row_multiple=4,
    shapes=3,
    sample=30,
    switched=switched,
  )
  labels = identity.Labels(corpus, pair_tokens.identities(tokens))
  return composed, tokens, labels, layout, switched


def read(parts, first=0, last=6, process=(0, 1), switches=True):
  *given, switched = parts
  return list(
    pipeline.batches(
      *given,
      seed=0,
      start_step=first,
      total_steps=last,
      process_index=process[0],
      process_count=process[1],
      switched=switched if switches else None,
    )
  )


@pytest.mark.parametrize("apart", [False, True])
def test_rows_hold_the_switched_texts_cut_as_others(folder, apart):
  composed, tokens, _, layout, switched = parts = parts_of(folder, apart=apart)
  corpus, cut = composed.corpus, 0
  for batch in read(parts):
    plan = composed.plan(0, batch.step)
    texts = {
      "query": [corpus.texts[x] for x in corpus.query_row[plan.query_row]],
      "passage": [
        corpus.texts[x]
        for x in (
          *corpus.passage_row[plan.passage_row],
          *plan.negative_text.reshape(-1),
        )
      ],
    }
    changed = switched.switching.texts(plan, 0, batch.step)
    assert code_switching.changed(changed)
    for one in changed:
      texts[one.side][one.place] = one.text
    packs = list(batch.rows.values())
    counts = (8, 16) if apart else (24,)
    found = [
      ids
      for pack, count in zip(packs, counts, strict=True)
      for ids in pipeline_test.texts_of(pack, count)
    ]
    wanted = [switched.encode(side, texts[side]) for side in texts]
    for made, count, first in zip(wanted, (8, 16), (0, 8), strict=True):
      cut += made.cut
      for n in range(count):
        run = made.ids[made.offsets[n] : made.offsets[n + 1]]
        np.testing.assert_array_equal(found[first + n], run)
    assert batch.tokens == sum(map(len, found))
    assert batch.certificate == certificate.of(plan, corpus, changed)
  assert cut  # Translations are longer than what they replace.
  assert layout.shortest <= min(map(len, found))


@pytest.mark.parametrize("count", [2, 4])
def test_hosts_hold_slices_of_the_same_rows(folder, count):
  parts = parts_of(folder)
  whole = read(parts)
  slices = [read(parts, process=(i, count)) for i in range(count)]
  for step, batch in enumerate(whole):
    rows = {
      name: tuple(
        tuple(
          np.concatenate([part[step].rows[name][tier][i] for part in slices])
          for i in range(pipeline.ARRAYS)
        )
        for tier in range(2)
      )
      for name in batch.rows
    }
    for part in slices:
      assert part[step].certificate == batch.certificate
      pipeline_test.assert_same(
        dataclasses.replace(part[step], rows=rows), batch
      )


@pytest.mark.parametrize("start", [1, 4])
def test_a_run_that_goes_on_repeats_no_batch(folder, start):
  whole = read(parts_of(folder))
  rest = read(parts_of(folder), first=start)
  for batch, wanted in zip(rest, whole[start:], strict=True):
    assert batch.certificate == wanted.certificate
    pipeline_test.assert_same(batch, wanted)


def test_with_a_probability_of_nothing_batches_are_as_without(folder):
  parts = parts_of(folder, probability=0.0)
  for one, other in zip(read(parts), read(parts, switches=False), strict=True):
    assert one.certificate == other.certificate
    pipeline_test.assert_same(one, other)


def test_what_the_loss_knows_of_texts_is_as_it_was(folder):
  parts = parts_of(folder, parallel_share=0.0)
  changed = parts_of(folder)
  for one, other in zip(
    read(changed), read(parts, switches=False), strict=True
  ):
    for name in pipeline.AROUND:
      np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_texts_that_became_the_same_stay_apart(tmp_path):
  """Two groups whose words have one translation, and a text that is it."""
  words = ["cat", "puss", "die"]
  rows = [
    {
      "id": f"{n}",
      "lang": "en",
      "query": f"ask {word}",
      "passage": f"tell {word}",
      "negatives": [f"tell no{word}"],
    }
    for n, word in enumerate(words)
  ]
  rows[2]["negatives"] = ["tell kater"]
  forms.jsonl(tmp_path / "s.jsonl", rows)
  (tmp_path / "en-de.txt").write_text("cat katze\npuss katze\nnocat kater\n")
  corpus = sources.read([tmp_path / "s.jsonl"])
  tokenizer.train_unigram(
    [*corpus.texts, "katze kater"], vocab_size=40, out=tmp_path / "tok"
  )
  text_tokenizer = tokenizer.load(tmp_path / "tok")
  tokens = pair_tokens.encode(
    corpus,
    text_tokenizer,
    query_prefix="",
    passage_prefix="",
    query_length=32,
    passage_length=32,
  )
  settings = code_switching.Settings(probability=1.0, lexicons=("en-de.txt",))
  found = lexicons.read(settings.lexicons, place=tmp_path.joinpath)
  switched = batch_texts.SwitchedTokens(
    code_switching.Switching(corpus, settings, found),
    lambda side, texts: text_tokenizer.encode(texts, prefix="", max_length=32),
    longest={"query": 32, "passage": 32},
    shortest=2,
  )
  composed = composer.Composer(
    corpus, strategy="monolingual", batch_size=3, negatives=1
  )
  plan = composed.plan(0, 0)
  made = batch_texts.of(
    plan, tokens, apart=False, parallel=False, switched=switched
  )
  plain = batch_texts.of(plan, tokens, apart=False, parallel=False)
  # What would be the same is as it was.
  assert len(code_switching.changed(made.switched)) == 5
  for number, (text, was) in enumerate(
    zip(made.packs[0], plain.packs[0], strict=True)
  ):
    ids = made.ids[made.offsets[text] : made.offsets[text + 1]]
    before = tokens.ids[tokens.offsets[was] : tokens.offsets[was + 1]]
    np.testing.assert_array_equal(ids, before, err_msg=str(number))
  # Where "puss" is not in the batch, "cat" is replaced.
  alone = dataclasses.replace(
    plan,
    **{
      name: value[[corpus.ids[row] == "0" for row in plan.query_row]]
      for name, value in vars(plan).items()
      if name != "kind"
    },
  )
  made = batch_texts.of(
    alone, tokens, apart=False, parallel=False, switched=switched
  )
  texts = [
    text_tokenizer.backend.decode(made.ids[start:end].tolist())
    for start, end in zip(made.offsets[:-1], made.offsets[1:], strict=True)
  ]
  assert texts == ["ask katze", "tell katze", "tell kater"]
