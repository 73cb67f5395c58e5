"""Mixtures realise what they are asked for, and what is asked is checked."""

import json

import numpy as np
import pytest

from hybridret_jax.data import composer, mixture, sources
from tests.data import forms

SIZES = {"one": {"de": 300, "en": 300, "tr": 60}, "two": {"de": 40, "en": 200}}
STEPS = 10_000


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
  folder = tmp_path_factory.mktemp("mixture")
  for name, sizes in SIZES.items():
    rows = [
      {
        "id": f"{name}{language}{n}",
        "group": f"{name}{n}",
        "lang": language,
        "query": f"{name} asks {n} {language}",
        "passage": f"{name} tells {n} {language}",
      }
      for language, size in sizes.items()
      for n in range(size)
    ]
    forms.jsonl(folder / f"{name}.jsonl", rows)
  return sources.read([folder / f"{name}.jsonl" for name in SIZES])


@pytest.mark.parametrize(
  "settings",
  [
    {"strategy": "monolingual", "source_weights": (1.0, 3.0)},
    {"strategy": "mixed", "size_exponent": 0.5},
    {
      "strategy": "hybrid",
      "alpha": 0.8,
      "alpha_end": 0.2,
      "alpha_steps": STEPS // 2,
      "direction_weights": ("de=3", "tr=0.5", "de:en=4", "tr:de=0"),
    },
    {
      "strategy": "cross_lingual",
      "language_weighting": "size",
      "language_exponent": 0.3,
      "source_weights": (1.0, 3.0),
    },
  ],
  ids=["sources", "exponent", "alpha", "languages"],
)
def test_shares_are_within_a_hundredth(corpus, settings):
  made = composer.Composer(corpus, batch_size=4, **settings)
  plans = (made.plan(0, step) for step in range(STEPS))
  found = mixture.realised(plans, corpus)
  asked = made.asked(0, STEPS - 1)
  assert list(asked) == ["kind", "language", "direction", "source"]
  assert max(mixture.furthest(asked, found).values()) < 0.01
  for what, shares in asked.items():
    assert sum(shares.values()) == pytest.approx(1)
    for name in {*shares, *found[what]}:
      off = abs(shares.get(name, 0) - found[what].get(name, 0))
      assert off < 0.01, (what, name)
  told = mixture.told(asked, found)
  assert any(line.startswith("source one: 0.") for line in told)


def test_a_count_is_what_the_plans_hold(corpus):
  made = composer.Composer(corpus, strategy="hybrid", batch_size=4)
  plans = [made.plan(0, step) for step in range(30)]
  tally = mixture.Tally(corpus)
  tally.add_plans(plans)
  names = [
    (corpus.languages[q], corpus.languages[p])
    for plan in plans
    for q, p in zip(plan.query_language, plan.passage_language, strict=True)
  ]
  found = tally.shares()
  assert tally.steps == 30
  assert found["language"]["tr"] == pytest.approx(
    sum((pair[0] == "tr") + (pair[1] == "tr") for pair in names) / 240
  )
  assert found["direction"]["de:en"] == names.count(("de", "en")) / 120
  assert found["direction"]["en"] == names.count(("en", "en")) / 120
  sums = [sum(of.values()) for of in tally.counts().values()]
  assert sums == [30, 120, 120]


def test_a_count_goes_on_where_another_stopped(corpus):
  made = composer.Composer(corpus, strategy="hybrid", batch_size=4)
  plans = [made.plan(0, step) for step in range(30)]
  whole, first, then = (mixture.Tally(corpus) for _ in range(3))
  whole.add_plans(plans)
  first.add_plans(plans[:11])
  then.add_plans(plans[:5])  # Forgotten.
  then.go_on(json.loads(json.dumps(first.counts())))
  then.add_plans(plans[11:])
  assert then.counts() == whole.counts() and then.steps == 30


@pytest.mark.parametrize("first", [0, 3, 10, 12])
@pytest.mark.parametrize("end", [None, 0.1])
@pytest.mark.parametrize("steps", [0, 4, 11])
def test_the_mean_of_alpha_is_that_of_its_steps(first, end, steps):
  line = {"start": 0.9, "end": end, "steps": steps}
  for last in (first, 10, 13, 40):
    if last >= first:
      each = [mixture.alpha(x, **line) for x in range(first, last + 1)]
      mean = mixture.mean_alpha(first, last, **line)
      assert mean == pytest.approx(sum(each) / len(each), abs=1e-12)


def test_a_factor_multiplies_what_a_language_weighs(corpus):
  made = composer.Composer(
    corpus,
    strategy="monolingual",
    batch_size=8,
    direction_weights=("de=3", "tr=0"),
  )
  assert made.asked(0, 0)["direction"] == {"de": 0.75, "en": 0.25, "tr": 0.0}


def test_what_is_not_set_changes_no_draw(corpus):
  plain = composer.Composer(corpus, strategy="hybrid", batch_size=8)
  same = composer.Composer(
    corpus,
    strategy="hybrid",
    batch_size=8,
    alpha_end=0.5,
    alpha_steps=7,
    language_exponent=3.0,
    direction_weights=("de=1", "de:en=1"),
  )
  for step in range(50):
    one, other = plain.plan(3, step), same.plan(3, step)
    for field in vars(one):
      np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_alpha_moves_in_a_line():
  def at(step, **settings):
    return mixture.alpha(step, **settings)

  line = {"start": 1.0, "end": 0.0, "steps": 10}
  assert [at(x, **line) for x in (0, 5, 10, 99)] == [1.0, 0.5, 0.0, 0.0]
  assert at(7, start=0.3, end=None, steps=10) == 0.3
  assert at(0, start=0.25, end=0.75, steps=0) == 0.75


@pytest.mark.parametrize(
  ("weights", "what"),
  [
    (("de",), "'de' is no weight; write"),
    (("de=x",), "is no weight"),
    (("de=-1",), "is no weight"),
    (("de=inf",), "is no weight"),
    (("de:en:tr=1",), "is no weight"),
    (("fr=1",), "'fr=1' names a language that is not trained on"),
    (("de=1", "DE=2"), "'DE' stands twice"),
    (("de=0", "en=0", "tr=0"), "leave nothing to draw"),
  ],
)
def test_weights_that_are_none(corpus, weights, what):
  with pytest.raises(composer.Infeasible, match=what):
    composer.Composer(
      corpus, strategy="monolingual", batch_size=8, direction_weights=weights
    )


def test_a_schedule_needs_data_of_both_kinds(corpus):
  number = np.array([int(corpus.groups[g][3:]) for g in corpus.group_row])
  wanted = np.select([number < 60, number < 180], [2, 0], 1)  # No pairs.
  some = sources.select(corpus, corpus.language_row == wanted)
  settings = {"strategy": "hybrid", "batch_size": 8, "alpha": 1.0}
  composer.Composer(some, **settings)
  with pytest.raises(composer.Infeasible, match="cross"):
    composer.Composer(some, **settings, alpha_end=0.5, alpha_steps=9)
  with pytest.raises(composer.Infeasible, match="alpha_end"):
    composer.Composer(corpus, **settings, alpha_end=1.5)
