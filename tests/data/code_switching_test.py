"""Words become translations at their rate, by seed, step, side and place."""

import numpy as np
import pytest

from hybridret_jax.data import (
  certificate,
  code_switching,
  composer,
  lexicons,
  sources,
)
from tests.data import forms

WORDS = [f"w{n}" for n in range(30)]
LEXICONS = {
  "en-de.txt": [f"{word} de-{word}" for word in WORDS],
  "en-fr.txt": [f"{word} fr-{word}" for word in WORDS[:20]],
}


def row(number, language, rng):
  words = rng.choice([*WORDS, "Unknown"], 12)
  return {
    "id": f"{number}{language}",
    "group": f"g{number}",
    "lang": language,
    "query": f"(W{number % 30},  {' '.join(words[:5])}?",
    "passage": f"{' '.join(words)} n{number}{language}.",
    "negatives": [f"never {' '.join(words[::-1])} n{number}{language}"],
  }


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  place = tmp_path_factory.mktemp("switching")
  rng = np.random.default_rng(0)
  rows = [row(n, x, rng) for n in range(80) for x in ("en", "fr")]
  forms.jsonl(place / "s.jsonl", rows)
  for name, lines in LEXICONS.items():
    (place / name).write_text("\n".join(lines) + "\n")
  return place


def made(place, **settings):
  """(corpus, composer, switching); French has no lexicon."""
  corpus = sources.read([place / "s.jsonl"])
  chosen = {"probability": 0.5, "lexicons": tuple(LEXICONS)} | settings
  chosen = code_switching.Settings(**chosen)
  found = lexicons.read(chosen.lexicons, place=place.joinpath)
  composed = composer.Composer(
    corpus,
    strategy="mixed",
    batch_size=8,
    negatives=1,
    parallel_share=0.5,
  )
  return corpus, composed, code_switching.Switching(corpus, chosen, found)


def test_of_a_small_lexicon_the_output_is_exact(tmp_path):
  rows = [
    {
      "id": f"{n}",
      "lang": "en",
      "query": f"The House,  (cat)\thouses {n}?",
      "passage": f"«Café» cat-house CAT…\nn{n}",
      "negatives": [f"no cat {n}"],
    }
    for n in range(8)
  ]
  forms.jsonl(tmp_path / "s.jsonl", rows)
  (tmp_path / "en-de.txt").write_text(
    "house haus\ncat\tdie Katze\ncafe\u0301 kaffeehaus\n"
  )
  corpus = sources.read([tmp_path / "s.jsonl"])
  found = lexicons.read(["en-de.txt"], place=tmp_path.joinpath)
  settings = code_switching.Settings(probability=1.0, lexicons=("en-de.txt",))
  switching = code_switching.Switching(corpus, settings, found)
  composed = composer.Composer(
    corpus, strategy="monolingual", batch_size=8, negatives=1
  )
  plan = composed.plan(0, 0)
  numbers = [corpus.ids[row] for row in plan.query_row]
  wanted = [
    *(
      ("query", b, f"The haus,  (die Katze)\thouses {n}?", 2)
      for b, n in enumerate(numbers)
    ),
    *(
      ("passage", b, f"«kaffeehaus» cat-house die Katze…\nn{n}", 2)
      for b, n in enumerate(numbers)
    ),
    *(
      ("passage", 8 + b, f"no die Katze {n}", 1) for b, n in enumerate(numbers)
    ),
  ]
  got = switching.texts(plan, 0, 0)
  assert sorted((x.side, x.place, x.text, x.words) for x in got) == sorted(
    wanted
  )
  assert all(x.replaced == x.words for x in got)


def test_a_pairs_sides_are_of_two_languages_and_its_negative_of_one(place):
  _, composed, switching = made(place, probability=1.0)
  seen = set()
  for step in range(20):
    texts = switching.texts(composed.plan(0, step), 0, step)
    found = {
      (x.side, x.place): "de-" in x.text
      for x in texts
      if "de-" in x.text or "fr-" in x.text
    }
    for x in texts:
      assert not ("de-" in x.text and "fr-" in x.text)
    for b in range(8):
      query, passage = found.get(("query", b)), found.get(("passage", b))
      negative = found.get(("passage", 8 + b), passage)
      seen.add((query, passage))
      assert None in (query, passage) or query != passage
      assert None in (passage, negative) or passage == negative
  assert {(True, False), (False, True)} <= seen


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("mode", code_switching.MODES)
def test_words_are_replaced_at_their_rate(place, mode, probability):
  _, composed, switching = made(place, mode=mode, probability=probability)
  words = replaced = 0
  for step in range(250):
    for one in switching.texts(composed.plan(0, step), 0, step):
      words += one.words
      replaced += one.replaced
  assert words > 20_000
  assert abs(replaced / words - probability) < 0.01


def test_each_word_may_have_a_language_of_its_own(place):
  _, composed, switching = made(place, mode="multilingual", probability=1.0)
  found = [
    word
    for step in range(60)
    for one in switching.texts(composed.plan(0, step), 0, step)
    for word in one.text.replace("(", " ").split()
  ]
  common = [x for x in found if x[3:].strip("?,.").lower() in WORDS[:20]]
  french = sum(x.startswith("fr-") for x in common)
  assert len(common) > 3000
  assert abs(french / len(common) - 0.5) < 0.03
  # What only one lexicon has goes into its language.
  rare = [x for x in found if x[3:].strip("?,.").lower() in WORDS[20:]]
  assert rare and all(x.startswith("de-") for x in rare)


def test_of_several_translations_one_is_drawn(tmp_path):
  rows = [
    {"id": f"{n}", "lang": "en", "query": f"house {n}", "passage": f"p {n}"}
    for n in range(40)
  ]
  forms.jsonl(tmp_path / "s.jsonl", rows)
  (tmp_path / "en-de.txt").write_text("house haus\nhouse heim\n")
  corpus = sources.read([tmp_path / "s.jsonl"])
  found = lexicons.read(["en-de.txt"], place=tmp_path.joinpath)
  settings = code_switching.Settings(
    probability=1.0, lexicons=("en-de.txt",), sides=("query",)
  )
  switching = code_switching.Switching(corpus, settings, found)
  composed = composer.Composer(corpus, strategy="monolingual", batch_size=8)
  texts = [
    one
    for step in range(100)
    for one in switching.texts(composed.plan(0, step), 0, step)
  ]
  assert len(texts) == 800 and {x.side for x in texts} == {"query"}
  assert abs(sum("haus" in x.text for x in texts) / 800 - 0.5) < 0.05


def test_a_text_follows_from_seed_step_side_and_place(place):
  _, composed, switching = made(place)
  _, _, again = made(place)
  plans = [composed.plan(5, step) for step in range(6)]
  found = [switching.texts(plan, 5, t) for t, plan in enumerate(plans)]
  for t in (4, 1, 5, 0):  # In any order, by an object of another process.
    assert again.texts(plans[t], 5, t) == found[t]
  assert switching.texts(plans[1], 5, 2) != found[1]
  assert switching.texts(plans[1], 6, 1) != found[1]
  # The other pairs of a batch change nothing.
  half = {
    name: value[:4] if isinstance(value, np.ndarray) else value
    for name, value in vars(plans[1]).items()
  }
  alone = switching.texts(type(plans[1])(**half), 5, 1)
  kept = [x for x in found[1] if x.place < 4]
  assert [x for x in alone if x.place < 4] == kept


@pytest.mark.parametrize("side", code_switching.SIDES)
def test_one_side_alone(place, side):
  _, composed, switching = made(place, sides=(side,))
  found = [
    one
    for step in range(20)
    for one in switching.texts(composed.plan(0, step), 0, step)
  ]
  assert {one.side for one in found} == {side}
  # With one side there is no other language to keep away from.
  texts = " ".join(one.text for one in code_switching.changed(found))
  assert "de-" in texts and "fr-" in texts


def test_parallel_queries_and_french_stay_or_follow(place):
  corpus, composed, switching = made(place, probability=1.0)
  for step in range(30):
    plan = composed.plan(0, step)
    french = corpus.languages.index("fr")
    found = {(x.side, x.place) for x in switching.texts(plan, 0, step)}
    for b in range(8):
      assert (("query", b) in found) == (plan.query_language[b] != french)
      parallel = plan.parallel_row[b]
      if parallel >= 0 and corpus.language_row[parallel] == french:
        assert ("query", 8 + b) not in found


def test_the_digest_follows_from_every_text(place):
  corpus, composed, switching = made(place)
  plan = composed.plan(0, 1)
  found = switching.texts(plan, 0, 1)
  changed = code_switching.changed(found)
  assert changed
  whole = certificate.of(plan, corpus, found)
  assert whole != certificate.of(plan, corpus)
  assert whole == certificate.of(plan, corpus, changed)
  for n in range(len(changed)):
    assert certificate.of(plan, corpus, changed[:n] + changed[n + 1 :]) != whole


@pytest.mark.parametrize(
  ("settings", "what"),
  [
    ({"probability": 1.5}, "probability is 1.5; give a share"),
    ({"probability": 0.5}, "lexicons is empty; name some"),
    ({"mode": "both"}, "mode is 'both'; choose from bilingual, multilingual"),
    ({"sides": ()}, "give query, passage or both"),
    ({"sides": ("query", "negative")}, "give query, passage or both"),
  ],
)
def test_settings_that_are_none(settings, what):
  with pytest.raises(ValueError, match=what):
    code_switching.Settings(**settings)
