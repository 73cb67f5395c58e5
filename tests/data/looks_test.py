"""What is counted of a corpus is what is in it."""

import numpy as np
import pytest

from hybridret_jax.data import looks, sources
from tests.fixtures import small_run


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
  """Three groups: one in both languages, a query of one only, negatives."""
  folder = tmp_path_factory.mktemp("data")
  for name, rows in {
    "a": [("g1", "de", "q1", []), ("g1", "en", "q1e", ["n", "m"])],
    "b": [("g2", "de", "", []), ("g3", "en", "q3", ["n"])],
  }.items():
    (folder / name).mkdir()
    for language in ("de", "en"):
      small_run.write_rows(
        folder / name / f"{language}.jsonl",
        [
          {
            "id": f"{group}{lang}",
            "group": group,
            "lang": lang,
            "query": query,
            "passage": f"p {group} {lang}",
            "negatives": negatives,
          }
          for group, lang, query, negatives in rows
          if lang == language
        ],
      )
  return sources.read([folder / "a", folder / "b"], languages=["de", "en"])


def test_rows_by_source_and_language(corpus):
  def one(source, language, **counts):
    return {"source": source, "language": language, **counts}

  assert looks.counts(corpus) == [
    one("a", "de", rows=1, groups=1, queries=1, negatives=0),
    one("a", "en", rows=1, groups=1, queries=1, negatives=2),
    one("b", "de", rows=1, groups=1, queries=0, negatives=0),
    one("b", "en", rows=1, groups=1, queries=1, negatives=1),
  ]


def test_pairs_that_there_are(corpus):
  # de has a query of its own once, en twice; g1 alone has both.
  assert looks.available(corpus) == [[1, 1], [1, 2]]


def test_what_a_cut_costs():
  found = looks.lengths(np.array([10, 20, 30, 140]), 32)
  assert found["texts"] == 4 and found["cut"] == 0.25
  assert found["lost"] == pytest.approx(108 / 200)
  assert found["quantiles"][1] == 25 and found["quantiles"][3] == 140
  assert sum(found["bins"]) == 4 and len(found["bins"]) == looks.BINS
  at = [10 // found["step"], 20 // found["step"], 30 // found["step"]]
  assert all(found["bins"][place] for place in at)
  assert looks.lengths(np.array([], int), 32) == {"texts": 0, "most": 32}


def test_a_sample_is_the_same_each_time_and_has_no_text_twice():
  texts = [5, -1, 5, 9, 7, 7, 1]
  assert looks.sampled(texts, 10, 0).tolist() == [1, 5, 7, 9]
  some = looks.sampled(range(1000), 50, 3)
  assert len(set(some.tolist())) == 50 and (np.diff(some) > 0).all()
  assert (some == looks.sampled(range(1000), 50, 3)).all()
  assert (some != looks.sampled(range(1000), 50, 4)).any()


def test_examples_are_rows_of_each_language(corpus):
  found = looks.examples(corpus, number=1, seed=0)
  assert [row["language"] for row in found] == ["de", "en"]
  for row in found:
    assert row["passage"] == f"p {row['group']} {row['language']}"
    assert row["id"] == f"{row['group']}{row['language']}"
