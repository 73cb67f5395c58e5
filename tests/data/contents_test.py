"""Rows by source and language, and pairs that there are."""

import numpy as np
import pytest

from hybridret_jax.data import contents, sources
from tests.data import looked_at


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
  return looked_at.corpus(tmp_path_factory.mktemp("contents"))


def test_each_source_says_what_it_has_in_each_language(corpus):
  is_held = np.array([x.startswith("a1") for x in corpus.ids])
  a, b = contents.by_source(
    sources.select(corpus, ~is_held), sources.select(corpus, is_held)
  )
  assert {k: v for k, v in a.items() if k != "languages"} == {
    "source": "a",
    "rows": 3,
    "queries": 2,
    "negatives": 2,
    "groups": 2,
    "blocks": 2,
    "translations": 0,
    "held_out": 1,
  }
  none = {"rows": 0, "queries": 0, "negatives": 0, "held_out": 0}
  assert a["languages"] == {
    "de": none | {"rows": 2, "queries": 1, "negatives": 2},
    "en": none | {"rows": 1, "queries": 1, "held_out": 1},
  }
  assert b["translations"] == 1 and b["held_out"] == 0
  assert b["languages"]["en"]["negatives"] == 1


def test_pairs_are_those_that_batches_may_draw(corpus):
  def found(weights=(), negatives=0):
    return contents.pairs(corpus, source_weights=weights, negatives=negatives)

  # a2 has no query and b3 is a translation; only a0 is in two languages.
  assert found() == {"de": 1, "en": 5, "de:en": 1, "en:de": 1}
  assert found((1.0, 0.0)) == {"de": 1, "en": 2, "de:en": 1, "en:de": 1}
  assert found(negatives=1) == {"de": 1, "en": 1, "de:en": 1}
