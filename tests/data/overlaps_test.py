"""What of a task is trained on, by its tokens after the cut."""

import numpy as np
import pytest

from hybridret_jax.data import overlaps
from tests.data import looked_at


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
  folder = tmp_path_factory.mktemp("overlaps")
  corpus = looked_at.corpus(folder)
  text_tokenizer = looked_at.text_tokenizer(folder / "tokenizer")
  return corpus, text_tokenizer, looked_at.tokens(corpus, text_tokenizer)


def overlap(looked, queries, candidates, relevant):
  corpus, text_tokenizer, tokens = looked
  encoded = [
    text_tokenizer.encode(
      texts,
      prefix=looked_at.PREFIXES[side],
      max_length=looked_at.LONGEST[side],
    )
    for side, texts in (("query", queries), ("passage", candidates))
  ]
  found = overlaps.Trained(corpus, tokens).overlap(
    *encoded, np.array(relevant, np.int32)
  )
  return found, lambda rows: [corpus.ids[x] if x >= 0 else None for x in rows]


def test_a_text_is_found_on_its_own_side(looked):
  queries = ["haus", "baum", "sun", "new"]
  candidates = ["baum", "haus", "river", "house house"]
  found, ids = overlap(looked, queries, candidates, [[0], [1], [2], [3]])
  assert ids(found.query_Q) == ["a0de", None, "a1en", None]
  assert ids(found.candidate_N) == ["a0de", None, None, None]
  assert ids(found.negative_N) == [None, None, "a0de", "b1en"]


def test_what_differs_behind_the_cut_is_found(looked):
  found, ids = overlap(looked, ["new"], ["river " * 12 + "other"], [[0]])
  assert ids(found.candidate_N) == ["b0en"]


def test_a_query_and_its_answer_are_a_pair(looked):
  queries, candidates = ["haus", "house", "new"], ["two", "baum", "one"]
  relevant = [[0, 1], [2, -1], [1, -1]]
  found, _ = overlap(looked, queries, candidates, relevant)
  assert found.pair_Q.tolist() == [True, False, False]
  # No candidate is none, not the last.
  found, _ = overlap(looked, ["haus"], ["two", "baum"], [[0, -1]])
  assert not found.pair_Q.any()
