"""Matches are alike in kind and languages, and the nearest that there are."""

import itertools
import json

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from hybridret_jax.data import matching, sources

LANGUAGES = ("de", "en", "ru")


def group(name, lengths, *, kind="heading", block=None):
  """`lengths`: language to (query, passage)."""
  rows = {language: row for row, language in enumerate(lengths)}
  return matching.Group(name, kind, block or name, rows, dict(lengths))


lengths = st.tuples(st.integers(1, 50), st.integers(1, 500))
by_language = st.dictionaries(st.sampled_from(LANGUAGES), lengths, min_size=1)


@st.composite
def some(draw, prefix, most, kinds=("heading", "inverse_cloze"), blocks=None):
  drawn = draw(
    st.lists(st.tuples(by_language, st.sampled_from(kinds)), max_size=most)
  )
  names = [f"{prefix}{i}" for i in range(len(drawn))]
  blocks = blocks or len(drawn)
  return [
    group(name, found, kind=kind, block=f"{prefix}-block{i % max(blocks, 1)}")
    for i, (name, (found, kind)) in enumerate(zip(names, drawn, strict=True))
  ]


def best_total(wanted, pool):
  """The least sum of distances over all ways, by trying them; None if none."""
  totals = []
  for chosen in itertools.permutations(pool, len(wanted)):
    if len({x.block for x in chosen}) < len(chosen):
      continue
    total = sum(map(matching.distance, wanted, chosen))
    if np.isfinite(total):
      totals.append(total)
  return min(totals, default=None)


@hypothesis.given(some("w", 3), some("p", 6, blocks=4), st.integers(0, 9))
@hypothesis.settings(max_examples=150, deadline=None)
def test_matches_are_the_nearest_of_all_ways(wanted, pool, seed):
  best = best_total(wanted, pool)
  if best is None:
    with pytest.raises(ValueError, match="no match left"):
      matching.match(wanted, pool, seed=seed)
    return
  found = matching.match(wanted, pool, seed=seed)
  np.testing.assert_allclose(
    sum(map(matching.distance, wanted, found)), best, atol=1e-9
  )
  for one, other in zip(wanted, found, strict=True):
    assert list(other.rows) == list(other.lengths) == list(one.rows)
    assert other.kind == one.kind
    whole = next(x for x in pool if x.name == other.name)
    assert other == whole.cut(list(one.rows))
  assert len({x.block for x in found}) == len(found)


@hypothesis.given(st.randoms(use_true_random=False), st.integers(0, 3))
@hypothesis.settings(max_examples=20, deadline=None)
def test_the_order_of_the_arguments_does_not_matter(random, seed):
  # Many equal distances: only the seed may decide between them.
  wanted = [group(f"w{i}", {"de": (5, 50), "en": (5, 50)}) for i in range(4)]
  pool = [
    group(f"p{i}", {"de": (6, 50), "en": (5 + i % 2, 50)}) for i in range(12)
  ]
  found = matching.match(wanted, pool, seed=seed)
  as_it_was = {
    one.name: other.name for one, other in zip(wanted, found, strict=True)
  }
  random.shuffle(wanted)
  random.shuffle(pool)
  again = matching.match(wanted, pool, seed=seed)
  assert as_it_was == {
    one.name: other.name for one, other in zip(wanted, again, strict=True)
  }


def test_seeds_decide_between_equals():
  wanted = [group("w", {"de": (5, 50)})]
  pool = [group(f"p{i}", {"de": (5, 50)}) for i in range(20)]
  found = {matching.match(wanted, pool, seed=s)[0].name for s in range(10)}
  assert len(found) > 3


def test_a_rare_group_gets_the_one_that_fits():
  both = group("rich", {"de": (5, 50), "en": (5, 50)})
  wanted = [group("easy", {"de": (5, 50)}), group("rare", dict(both.lengths))]
  pool = [both, group("far", {"de": (40, 400)})]
  assert [x.name for x in matching.match(wanted, pool, seed=0)] == [
    "far",
    "rich",
  ]


def test_a_distance_is_by_hand():
  one = group("a", {"de": (10, 100), "en": (20, 100)})
  other = group("b", {"de": (20, 100), "en": (20, 400), "ru": (1, 1)})
  expected = (np.log(2) + np.log(4)) / 2
  np.testing.assert_allclose(matching.distance(one, other), expected)
  assert matching.distance(other, one) == np.inf  # It has no ru.
  cloze = group("c", dict(other.lengths), kind="inverse_cloze")
  assert matching.distance(one, cloze) == np.inf


def test_groups_without_a_match_are_named():
  wanted = [group(f"w{i}", {"de": (5, 50), "ru": (5, 50)}) for i in range(7)]
  pool = [
    group("one", {"de": (5, 50), "ru": (5, 50)}),
    group("two", {"de": (5, 50)}),
  ]
  with pytest.raises(ValueError, match="6 of 7 groups") as error:
    matching.match(wanted, pool, seed=0)
  assert "(heading, de ru)" in str(error.value)
  assert "and 1 more; add sources" in str(error.value)
  with pytest.raises(ValueError, match=r"1 of 1 groups .*'w0'"):
    matching.match(wanted[:1], [], seed=0)


def test_one_of_each_block_in_most_languages():
  short, long = {"de": (5, 50)}, {"de": (5, 50), "en": (5, 50)}
  of_block = [
    group("a", short, block="x"),
    group("b", long, block="x"),
    group("c", short, block="y"),
    group("d", long, block="x"),
  ]
  for seed in range(8):
    kept = [g.name for g in matching.one_per_block(of_block, seed=seed)]
    assert kept in (["b", "c"], ["c", "d"])
  chosen = {
    matching.one_per_block(of_block, seed=seed)[0].name for seed in range(8)
  }
  assert chosen == {"b", "c"}


def test_the_drawn_order_stays_the_same_over_versions():
  assert matching.drawn(list("abcdef"), seed=3) == [5, 3, 0, 4, 2, 1]


def write(folder, rows):
  """rows: (group, language, query, passage)."""
  folder.mkdir()
  by_file = {}
  for name, language, query, passage in rows:
    record = {
      "id": f"{folder.name}:{name}:{language}",
      "group": name,
      "lang": language,
      "query": query,
      "passage": passage,
      "block": f"block of {name[0]}",
    }
    by_file.setdefault(language, []).append(json.dumps(record))
  for language, lines in by_file.items():
    (folder / f"{language}.jsonl").write_text("\n".join(lines) + "\n")
  return folder


@pytest.fixture
def corpus(tmp_path):
  rows = [
    (name, language, f"{name}?", f"{name} in {language}")
    for name, languages in (("a1", "de en ru"), ("b1", "de en"), ("c1", "de"))
    for language in languages.split()
  ]
  odd = [
    ("d1", "de", "same text", "same text"),
    ("d1", "en", "other text", "other text"),
    ("e1", "de", "asked?", "said"),
    ("e1", "en", "", "said in en"),
  ]
  return sources.read(
    [
      write(tmp_path / "law", rows + odd),
      write(tmp_path / "web", [("f1", x, "q?", "answer") for x in LANGUAGES]),
      write(tmp_path / "out", [("g1", x, "q?", "answer") for x in LANGUAGES]),
    ]
  )


def test_groups_are_pairs_in_each_of_their_languages(corpus):
  found = matching.groups(
    corpus,
    np.ones(len(corpus), bool),
    kinds={"law": "heading", "web": "cloze"},
    languages=("de", "en"),
  )
  assert [(g.name, g.kind, sorted(g.rows)) for g in found] == [
    ("a1", "heading", ["de", "en"]),
    ("b1", "heading", ["de", "en"]),
    ("f1", "cloze", ["de", "en"]),
  ]
  assert found[0].block == "block of a"
  assert found[0].lengths == {"de": (3, 8), "en": (3, 8)}
  for one in found:
    for language, row in one.rows.items():
      assert corpus.groups[corpus.group_row[row]] == one.name
      assert corpus.languages[corpus.language_row[row]] == language


def test_fewer_languages_and_fewer_rows_may_be_asked_for(corpus):
  rows = np.array([corpus.ids.index(f"law:{x}:de") for x in ("c1", "d1", "e1")])
  found = matching.groups(
    corpus, rows, kinds={"law": "heading"}, languages=LANGUAGES, fewest=1
  )
  assert [(g.name, list(g.rows)) for g in found] == [
    ("c1", ["de"]),
    ("e1", ["de"]),
  ]


def test_sources_that_share_a_group_are_refused(tmp_path):
  paths = [
    write(tmp_path / name, [("a1", "de", "q?", f"by {name}")])
    for name in ("law", "web")
  ]
  with pytest.raises(ValueError, match=r"'a1' stands twice in 'de'.*law:a1:de"):
    matching.groups(
      sources.read(paths),
      np.arange(2),
      kinds={"law": "x", "web": "x"},
      languages=("de",),
      fewest=1,
    )
