"""Texts are what the encoder sees: no copy of one is its own negative."""

import json
import unicodedata

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from hybridret_jax.data import (
  composer,
  identity,
  pair_tokens,
  sources,
  splits,
  tokenizer,
)

LANGUAGES = ("de", "en", "fr")
WORDS = ("fähre", "naïve", "öl", "müde", "straße", "haus", "tree", "sol")
GROUPS, BATCH, STEPS = 60, 8, 100
LENGTH = {"query": 24, "passage": 24}
PREFIX = {"query": "q: ", "passage": "p: "}
COPIES = ("equal", "nfd", "cut")
ONCE = hypothesis.settings(
  max_examples=20,
  deadline=None,
  derandomize=True,
  database=None,
  phases=[hypothesis.Phase.generate],
)


@pytest.fixture(scope="module")
def text_tokenizer(tmp_path_factory):
  """One that composes letters, as XLM-R's does."""
  folder = tmp_path_factory.mktemp("tokenizer")
  numbers = [str(n) for n in range(1000)]
  tokenizer.train_unigram(
    [" ".join(WORDS), "q: p: one-two-de-en-fr not", *numbers],
    vocab_size=120,
    out=folder,
  )
  return tokenizer.load(folder)


def rows_of(rng, copies):
  """Parallel rows in two sources; `copies` texts are another row's, changed."""
  rows = []
  for source in ("one", "two"):
    for group in range(GROUPS):
      for language in rng.permutation(LANGUAGES)[: rng.integers(1, 4)]:
        name = f"{source}-{group}-{language}"
        rows.append(
          {
            "id": name,
            "group": f"{source}-{group}",
            "lang": str(language),
            "query": f"{name} {some(rng)}",
            "passage": f"{name} {some(rng)}",
            "source": source,
            "negatives": [
              f"{k} not {name} {some(rng)}" for k in range(rng.integers(2, 5))
            ],
          }
        )
  for _ in range(copies):
    to, of = rows[rng.integers(len(rows))], rows[rng.integers(len(rows))]
    field = str(rng.choice(["query", "passage", "negatives"]))
    text = changed(of["query" if field == "query" else "passage"], rng)
    if field == "negatives":
      text = [text, *to["negatives"][1:]]
    to[field] = text
  for row in rows:
    others = dict.fromkeys(row["negatives"])
    row["negatives"] = [n for n in others if n.strip() != row["passage"]]
  return rows


def some(rng):
  """Words; half of the texts are longer than what is seen of them."""
  return " ".join(rng.choice(WORDS, rng.choice([2, 30])))


def changed(text, rng):
  """A text that is the same to the encoder, as a long one is with one more."""
  kind = rng.choice(COPIES)
  if kind == "nfd":
    return unicodedata.normalize("NFD", text)
  return f"{text} sol" if kind == "cut" and len(text) > 100 else text


def read(folder, rows):
  for source in ("one", "two"):
    place = folder / source
    place.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
      lines = [
        json.dumps(row) + "\n"
        for row in rows
        if (row["source"], row["lang"]) == (source, language)
      ]
      (place / f"{language}.jsonl").write_text("".join(lines), "utf-8")
  return sources.read([folder / "one", folder / "two"], languages=LANGUAGES)


def encode(corpus, text_tokenizer):
  return pair_tokens.encode(
    corpus,
    text_tokenizer,
    query_prefix=PREFIX["query"],
    passage_prefix=PREFIX["passage"],
    query_length=LENGTH["query"],
    passage_length=LENGTH["passage"],
  )


def seen(text_tokenizer, side, texts):
  """What the encoder sees of each text, straight from the tokenizer."""
  tokens = text_tokenizer.encode(
    texts, prefix=PREFIX[side], max_length=LENGTH[side]
  )
  return [
    tuple(tokens.ids[a:b].tolist())
    for a, b in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)
  ]


@ONCE
@hypothesis.given(
  seed=st.integers(0, 2**32 - 1),
  copies=st.integers(0, 60),
  strategy=st.sampled_from(["hybrid", "mixed"]),
)
def test_in_no_batch_a_positives_text_is_a_negative(
  tmp_path_factory, text_tokenizer, seed, copies, strategy
):
  """2,000 batches; what is left out is what should be, and no more."""
  rng = np.random.default_rng(seed)
  corpus = read(tmp_path_factory.mktemp("corpus"), rows_of(rng, copies))
  tokens = encode(corpus, text_tokenizer)
  identities = pair_tokens.identities(tokens)
  corpus = identity.settle(corpus, identities)
  labels = identity.Labels(corpus, identities)
  passage_of_text = seen(text_tokenizer, "passage", list(corpus.texts))
  passages: dict[int, set] = {}  # of each group, in any language
  for row in range(len(corpus)):
    text = passage_of_text[corpus.passage_row[row]]
    passages.setdefault(int(corpus.group_row[row]), set()).add(text)
  composed = composer.Composer(
    corpus, strategy=strategy, batch_size=BATCH, negatives=1
  )
  for step in range(STEPS):
    plan = composed.plan(seed, step)
    positive_B = [
      passage_of_text[corpus.passage_row[r]] for r in plan.passage_row
    ]
    negative_BK = labels.negative_groups(plan.negative_text, plan.group)
    for i, group in enumerate(plan.group.tolist()):
      wrong = passages[group] | {positive_B[i]}
      for j in range(BATCH):
        if group != plan.group[j]:
          assert positive_B[j] not in wrong
        text = passage_of_text[plan.negative_text[j, 0]]
        assert (text in wrong) == (negative_BK[j, 0] == group)
      assert passage_of_text[plan.negative_text[i, 0]] not in wrong


@ONCE
@hypothesis.given(seed=st.integers(0, 2**32 - 1), copies=st.integers(0, 60))
def test_no_text_stands_on_both_sides_of_a_split(
  tmp_path_factory, text_tokenizer, seed, copies
):
  rng = np.random.default_rng(seed)
  whole = read(tmp_path_factory.mktemp("corpus"), rows_of(rng, copies))
  identities = pair_tokens.identities(encode(whole, text_tokenizer))
  whole = identity.settle(whole, identities)
  is_held = splits.held_out(whole, share=0.3, seed=1)
  held = sources.select(whole, np.flatnonzero(is_held))
  train = identity.without_held(
    sources.select(whole, np.flatnonzero(~is_held)), held, identities
  )
  assert len(train) and len(held)

  def texts(corpus, side, column):
    return set(
      seen(text_tokenizer, side, [corpus.texts[t] for t in column if t >= 0])
    )

  passages = texts(held, "passage", held.passage_row)
  assert not passages & texts(train, "passage", train.passage_row)
  assert not passages & texts(train, "passage", train.negative_values)
  assert not texts(held, "query", held.query_row) & texts(
    train, "query", train.query_row
  )


def row(name, group, *, lang="en", query=None, passage=None, negatives=()):
  made = {
    "id": name,
    "group": group,
    "lang": lang,
    "query": query or f"haus {name}",
    "passage": passage or f"tree {name}",
    "source": "one",
  }
  return made | ({"negatives": list(negatives)} if negatives else {})


def test_equal_strings_are_one_text_before_there_is_a_tokenizer(tmp_path):
  rows = [row(f"r{i}", f"g{i}", passage=f"sol {i // 3}") for i in range(9)]
  corpus = read(tmp_path, rows)
  assert len(set(corpus.block_row.tolist())) == 3
  (note,) = corpus.notes
  assert note.startswith(
    "9 blocks share a query or a passage with another and became 3; 9 rows"
    " stand in them, for instance 'r0' and 'r1' with the passage 'sol 0'"
  )


def test_a_joined_block_is_named_after_the_first_of_its_names(tmp_path):
  rows = [
    row("r0", "gz", passage="sol"),
    row("r1", "ga", passage="sol"),
    row("r2", "gm", query="haus r1"),
  ]
  corpus = read(tmp_path, rows)
  assert {corpus.blocks[b] for b in corpus.block_row} == {"ga"}


def test_a_corpus_without_copies_stays_as_it_is(tmp_path, text_tokenizer):
  rows = [row(f"r{i}", f"g{i}", negatives=[f"öl {i}"]) for i in range(9)]
  corpus = read(tmp_path, rows)
  settled = identity.settle(
    corpus, pair_tokens.identities(encode(corpus, text_tokenizer))
  )
  assert corpus.notes == settled.notes == ()
  assert corpus.skipped == settled.skipped == {}
  np.testing.assert_array_equal(settled.block_row, corpus.block_row)
  np.testing.assert_array_equal(settled.negative_values, corpus.negative_values)


def test_negatives_that_are_positives_of_their_group_are_counted(
  tmp_path, text_tokenizer
):
  composed, apart = (
    unicodedata.normalize(form, "müde öl") for form in ("NFC", "NFD")
  )
  rows = [
    # Its own translation, and one that is another's positive.
    row("e", "g", negatives=["fähre", "tree other", "sol"]),
    row("d", "g", lang="de", passage="fähre", negatives=[composed, apart]),
    row("o", "h", passage="tree other", negatives=["öl"]),
  ]
  corpus = read(tmp_path, rows)
  assert corpus.skipped == {
    "hard negatives that are a passage of their row's group": 1
  }
  settled = identity.settle(
    corpus, pair_tokens.identities(encode(corpus, text_tokenizer))
  )
  assert settled.skipped == corpus.skipped | {
    "hard negatives that their row names twice": 1
  }
  left = dict(zip(settled.ids, settled.negative_counts.tolist(), strict=True))
  assert left == {"e": 2, "d": 1, "o": 1}


def test_tokens_of_some_rows_are_theirs(tmp_path, text_tokenizer):
  rows = [
    row(f"r{i}", f"g{i}", negatives=[f"öl {i}"], passage="sol " * (i + 1))
    for i in range(9)
  ]
  corpus = read(tmp_path, rows)
  tokens = encode(corpus, text_tokenizer)
  kept = np.array([5, 2, 7])
  some = sources.select(corpus, kept)
  found, wanted = (
    pair_tokens.of_rows(tokens, some, kept),
    encode(some, text_tokenizer),
  )
  np.testing.assert_array_equal(found.ids, wanted.ids)
  np.testing.assert_array_equal(found.offsets, wanted.offsets)
  np.testing.assert_array_equal(found.query_of_row, wanted.query_of_row)
  np.testing.assert_array_equal(found.passage_of_row, wanted.passage_of_row)
  np.testing.assert_array_equal(found.passage_of_text, wanted.passage_of_text)
