"""Parallel queries: how many, in which languages; nothing else moves."""

import dataclasses
import json

import numpy as np
import pytest

from hybridret_jax.data import composer, sources

LANGUAGES = ("de", "en", "hi", "ru")


def write(folder, name, rows):
  """rows: (group, language, query)."""
  path = folder / f"{name}.jsonl"
  with path.open("w") as file:
    for group, lang, query in rows:
      record = {
        "id": f"{name}/{group}/{lang}",
        "group": f"{name}/{group}",
        "lang": lang,
        "query": query,
        "passage": f"p {group} {lang}",
        "negatives": ["n1", "n2"] if lang != "ru" else [],
      }
      file.write(json.dumps(record) + "\n")
  return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
  """Parallel groups (hi is silent in half), and English ones by themselves."""
  folder = tmp_path_factory.mktemp("sources")
  parallel = [
    (g, lang, "" if lang == "hi" and g % 2 else f"q {g} {lang}")
    for g in range(120)
    for lang in LANGUAGES
  ]
  alone = [(g, "en", f"q {g}") for g in range(120)]
  return sources.read(
    [write(folder, "parallel", parallel), write(folder, "alone", alone)],
    languages=LANGUAGES,
  )


def plans(corpus, share, *, steps=300, **settings):
  settings = {"strategy": "hybrid", "batch_size": 16} | settings
  composed = composer.Composer(corpus, parallel_share=share, **settings)
  return [composed.plan(3, step) for step in range(steps)]


VARIANTS = (
  {},
  {"strategy": "cross_lingual", "negatives": 1},
  {"strategy": "mixed", "views_per_group": 3},
  {"strategy": "cross_lingual", "pairs": "per_batch"},
)


@pytest.mark.parametrize("settings", VARIANTS)
def test_the_rest_of_a_batch_is_the_same_for_every_share(corpus, settings):
  without, some, all_ = (
    plans(corpus, share, steps=40, **settings) for share in (0, 0.3, 1)
  )
  for one, *others in zip(without, some, all_, strict=True):
    assert one.parallel_row.dtype == np.int32
    assert one.parallel_row.tolist() == [-1] * 16
    for other in others:
      for field in dataclasses.fields(one):
        if field.name != "parallel_row":
          a, b = getattr(one, field.name), getattr(other, field.name)
          assert np.array_equal(a, b), field.name


@pytest.mark.parametrize("settings", VARIANTS)
def test_it_is_the_same_question_in_another_language(corpus, settings):
  for plan in plans(corpus, 1.0, steps=60, **settings):
    row, there = plan.parallel_row, plan.parallel_row >= 0
    assert row.dtype == np.int32 and row.shape == (16,)
    assert np.all(corpus.query_row[row[there]] >= 0)
    assert np.array_equal(corpus.group_row[row[there]], plan.group[there])
    assert np.all(corpus.language_row[row[there]] != plan.query_language[there])
    # Every parallel group has three other queries, or two.
    source = corpus.source_row[plan.query_row]
    assert np.array_equal(there, source == corpus.sources.index("parallel"))


def test_shares_and_languages_are_as_asked(corpus):
  carried, languages = [], np.zeros((4, 4))
  for plan in plans(corpus, 0.3, steps=1500):
    able = corpus.source_row[plan.query_row] == 0
    there = plan.parallel_row >= 0
    carried += there[able].tolist()
    # Of groups in which hi asks too, every other language is as likely.
    group = np.array([int(corpus.groups[g].split("/")[1]) for g in plan.group])
    even = there & (group % 2 == 0)
    other = corpus.language_row[plan.parallel_row[even]]
    np.add.at(languages, (plan.query_language[even], other), 1)
  deviation = np.sqrt(0.3 * 0.7 / len(carried))
  assert abs(np.mean(carried) - 0.3) < 4 * deviation
  assert np.all(np.diag(languages) == 0)
  for own, counts in enumerate(languages):
    others = np.delete(counts, own)
    expected = others.sum() / 3
    assert others.sum() > 300
    assert np.all(np.abs(others - expected) < 4 * np.sqrt(expected * 2 / 3))


def test_a_row_without_negatives_may_still_ask_again(corpus):
  """ru has no hard negatives: it gives no pair's query, but a parallel one."""
  found = plans(corpus, 1.0, negatives=1, strategy="cross_lingual")
  russian = LANGUAGES.index("ru")
  assert not any(russian in plan.query_language for plan in found)
  assert any(
    russian in corpus.language_row[plan.parallel_row[plan.parallel_row >= 0]]
    for plan in found
  )


def test_a_share_without_translations_is_refused(tmp_path):
  rows = [(g, lang, f"q {g}") for g in range(30) for lang in ("de", "en")]
  silent = [(g, lang, q if lang == "de" else "") for g, lang, q in rows]
  corpus = sources.read([write(tmp_path, "silent", silent)])
  settings = {"strategy": "cross_lingual", "batch_size": 8}
  assert composer.feasibility(corpus, **settings) == []
  (problem,) = composer.feasibility(corpus, parallel_share=0.1, **settings)
  assert "no group has queries in two of the languages de, en" in problem
  assert "use parallel_share=0, or add a source" in problem
  (problem,) = composer.feasibility(corpus, parallel_share=1.5, **settings)
  assert problem == "parallel_share is 1.5; use 0 to 1"
