"""Batches: what they hold, in which shares, and that t alone decides them."""

import collections
import json

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from hybridret_jax.data import composer, sources

LANGUAGES = ("de", "en", "hi", "ru")


def write(folder, name, rows):
  """rows: (group, language, query, passage, block or None, negatives)."""
  folder.mkdir(parents=True, exist_ok=True)
  path = folder / f"{name}.jsonl"
  with path.open("w") as file:
    for group, lang, query, passage, block, negatives in rows:
      record = {
        "id": f"{name}/{group}/{lang}",
        "group": f"{name}/{group}",
        "lang": lang,
        # No two sources share a text.
        "query": f"{name}: {query}" if query else "",
        "passage": f"{name}: {passage}",
      }
      record |= {"block": block} if block else {}
      record |= {"negatives": negatives} if negatives else {}
      file.write(json.dumps(record) + "\n")
  return path


def item(group, lang, block=None, negatives=()):
  return group, lang, f"q {group} {lang}", f"p {group} {lang}", block, negatives


def parallel_rows():
  for g in range(300):
    for x, lang in enumerate(LANGUAGES):
      if (g + x) % 5 or lang == "en":  # some translations are missing
        yield item(g, lang, negatives=[f"n{g}{lang}{i}" for i in range(g % 4)])


def native_rows():
  for g in range(240):  # three questions on each passage
    yield item(g, "en", f"native-{g // 3}", [f"m{g}{i}" for i in range(3)])


def bitext_rows():
  for g in range(150):
    for lang in ("de", "en"):
      yield g, lang, f"{g} {lang}", f"{g} {lang}", None, ()


def silent_rows():
  """Only German asks; the others have a passage."""
  for g in range(120):
    for lang in LANGUAGES:
      query = f"q {g}" if lang == "de" else ""
      yield g, lang, query, f"p {g} {lang}", f"silent-{g // 2}", ()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
  folder = tmp_path_factory.mktemp("sources")
  return sources.read(
    [
      write(folder, "parallel", parallel_rows()),
      write(folder, "native", native_rows()),
      write(folder, "bitext", bitext_rows()),
      write(folder, "silent", silent_rows()),
    ],
    languages=LANGUAGES,
  )


def small(folder, rows, **settings):
  corpus = sources.read([write(folder, "small", rows)])
  return composer.Composer(corpus, **settings), corpus


def check(plan, corpus, batch_size, *, views=1, negatives=0):
  """What holds for every batch."""
  query, passage = plan.query_row, plan.passage_row
  for array in (query, passage, plan.query_language, plan.passage_language):
    assert array.shape == (batch_size,) and array.dtype == np.int32
  assert plan.negative_text.shape == (batch_size, negatives)
  assert (corpus.query_row[query] >= 0).all()
  assert (corpus.language_row[query] == plan.query_language).all()
  assert (corpus.language_row[passage] == plan.passage_language).all()
  assert (corpus.group_row[query] == plan.group).all()
  assert (corpus.group_row[passage] == plan.group).all()
  assert (corpus.source_row[query] == corpus.source_row[passage]).all()
  is_cross = plan.query_language != plan.passage_language
  if plan.kind == "cross_lingual":
    assert is_cross.all()
  else:
    assert (query == passage).all()
    assert sources.is_monolingual(corpus)[query].all()
  if plan.kind == "monolingual":
    assert len(set(plan.query_language.tolist())) == 1
  groups = collections.Counter(plan.group.tolist())
  assert max(groups.values()) <= (1 if plan.kind == "monolingual" else views)
  blocks = {(corpus.block_row[q], corpus.group_row[q]) for q in query.tolist()}
  assert len({block for block, _ in blocks}) == len(blocks) == len(groups)


def asked_shares(corpus, settings):
  """Expected rows of a batch of one, by (kind, direction, source), by hand."""
  weights = settings.get("source_weights") or [1] * len(corpus.sources)
  exponent = settings.get("size_exponent", 1)
  views = collections.defaultdict(dict)
  for r in range(len(corpus)):
    key = corpus.source_row[r], corpus.group_row[r]
    views[key][int(corpus.language_row[r])] = r
  sizes = {kind: collections.Counter() for kind in ("mono", "cross")}
  for (source, _), rows in views.items():
    for x, query in rows.items():
      if corpus.query_row[query] < 0:
        continue
      for y, passage in rows.items():
        bitext = corpus.query_row[query] == corpus.passage_row[passage]
        if x != y or not bitext:
          sizes["mono" if x == y else "cross"][x, y, int(source)] += 1
  shares = {}
  for kind, cells in sizes.items():
    cells = {c: n for c, n in cells.items() if weights[c[2]]}
    totals = collections.Counter()
    for (x, y, _), n in cells.items():
      totals[x, y] += n
    for x, y, s in cells:
      odds = {
        c[2]: weights[c[2]] * m**exponent
        for c, m in cells.items()
        if c[:2] == (x, y)
      }
      share = 1 / len(totals)
      if settings.get("language_weighting") == "size":
        share = totals[x, y] / sum(totals.values())
      shares[kind, x, y, s] = share * odds[s] / sum(odds.values())
  return shares


def within_four_deviations(counts_TC, expected_C):
  counts = np.asarray(counts_TC, float)
  deviation = counts.std(0, ddof=1) / np.sqrt(len(counts))
  off = np.abs(counts.mean(0) - expected_C) / np.maximum(deviation, 1e-12)
  assert off.max() < 4, (off.argmax(), counts.mean(0), expected_C)


SETTINGS = {
  "defaults": ({"strategy": "hybrid"}, 10_500),
  "one pair a batch, by size": (
    {
      "strategy": "hybrid",
      "alpha": 0.25,
      "pairs": "per_batch",
      "language_weighting": "size",
      "size_exponent": 0.0,
      "source_weights": (1, 2, 0.5, 1),
    },
    2000,
  ),
  "without a source": (
    {"strategy": "cross_lingual", "source_weights": (1, 1, 1, 0)},
    1000,
  ),
  "mixed": ({"strategy": "mixed", "size_exponent": 0.5}, 1000),
  "monolingual": ({"strategy": "monolingual"}, 1000),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_shares_are_as_asked(corpus, name):
  settings, steps = SETTINGS[name]
  size = 12
  composed = composer.Composer(corpus, batch_size=size, **settings)
  plans = [composed.plan(5, step) for step in range(steps)]
  for plan in plans:
    check(plan, corpus, size)
  is_mono = np.array([plan.kind != "cross_lingual" for plan in plans])
  alpha = settings.get("alpha", 0.5)
  if settings["strategy"] == "hybrid":
    within_four_deviations(is_mono[:, None], [alpha])
  else:
    assert is_mono.all() == (settings["strategy"] != "cross_lingual")
  shares = asked_shares(corpus, settings)
  for kind, mask in (("mono", is_mono), ("cross", ~is_mono)):
    wanted = {cell[1:]: p for cell, p in shares.items() if cell[0] == kind}
    chosen = [plan for plan, is_it in zip(plans, mask, strict=True) if is_it]
    if not chosen:
      continue
    # Every cell, then languages (pairs) and sources on their own.
    for cut in (slice(0, 3), slice(0, 2), slice(2, 3)):
      columns = sorted({cell[cut] for cell in wanted})
      counts = np.zeros((len(chosen), len(columns)))
      for t, plan in enumerate(chosen):
        source = corpus.source_row[plan.query_row]
        for cell in zip(
          plan.query_language.tolist(),
          plan.passage_language.tolist(),
          source.tolist(),
          strict=True,
        ):
          counts[t, columns.index(cell[cut])] += 1
      expected = [
        size * sum(p for cell, p in wanted.items() if cell[cut] == column)
        for column in columns
      ]
      within_four_deviations(counts, expected)


def test_groups_of_a_source_are_drawn_evenly(tmp_path):
  rows = [item(g, "en") for g in range(40)]
  composed, _ = small(tmp_path, rows, strategy="monolingual", batch_size=8)
  counts = np.stack(
    [np.bincount(composed.plan(0, t).group, minlength=40) for t in range(3000)]
  )
  within_four_deviations(counts, np.full(40, 8 / 40))


STRATEGIES = st.fixed_dictionaries(
  {
    "strategy": st.sampled_from(composer.STRATEGIES),
    "batch_size": st.integers(1, 40),
    "alpha": st.sampled_from([0.0, 0.3, 1.0]),
    "pairs": st.sampled_from(composer.PAIRS),
    "language_weighting": st.sampled_from(composer.WEIGHTINGS),
    "size_exponent": st.sampled_from([0.0, 0.5, 1.0]),
    "views_per_group": st.integers(1, 5),
  }
)


def equal(one, other):
  return one.kind == other.kind and all(
    np.array_equal(getattr(one, field), getattr(other, field))
    for field in ("query_row", "passage_row", "negative_text", "group")
  )


@hypothesis.given(STRATEGIES, st.integers(0, 2**63), st.integers(0, 60))
@hypothesis.settings(max_examples=60, deadline=None)
def test_a_batch_depends_on_seed_and_step_alone(corpus, settings, seed, step):
  composed = composer.Composer(corpus, **settings)
  run = [composed.plan(seed, t) for t in range(step + 1)]
  alone = composer.Composer(corpus, **settings).plan(seed, step)
  assert equal(run[-1], alone)
  views = settings["views_per_group"]
  if settings["pairs"] == "per_batch" and alone.kind == "cross_lingual":
    views = 1
  check(alone, corpus, settings["batch_size"], views=views)


def test_seeds_and_steps_differ(corpus):
  composed = composer.Composer(corpus, strategy="hybrid", batch_size=16)
  plans = [composed.plan(s, t) for s in range(5) for t in (0, 1, 2, 10**15)]
  assert not any(equal(a, b) for i, a in enumerate(plans) for b in plans[:i])


def test_one_pair_a_batch(corpus):
  composed = composer.Composer(
    corpus, strategy="cross_lingual", batch_size=16, pairs="per_batch"
  )
  for t in range(200):
    plan = composed.plan(3, t)
    pairs = zip(plan.query_language, plan.passage_language, strict=True)
    assert len(set(pairs)) == 1


def exhausting(strategy):
  """Rows whose blocks just fill a batch of 24, in blocks of two groups."""
  for g in range(48):
    languages = ("en",) if strategy == "monolingual" else ("en", "ru")
    for lang in languages:
      yield item(g, lang, f"block-{g // 2}")


@pytest.mark.parametrize("strategy", composer.STRATEGIES)
@pytest.mark.parametrize("pairs", composer.PAIRS)
def test_the_last_block_is_found(tmp_path, strategy, pairs):
  composed, corpus = small(
    tmp_path,
    exhausting(strategy),
    strategy=strategy,
    pairs=pairs,
    batch_size=24,
  )
  for t in range(50):
    plan = composed.plan(0, t)
    check(plan, corpus, 24)
    assert len(set(corpus.block_row[plan.query_row].tolist())) == 24


def test_what_is_left_may_be_of_another_direction_and_source(tmp_path):
  # en-ru can fill 3 rows, de-en the other 20.
  few = [item(g, lang) for g in range(3) for lang in ("en", "ru")]
  more = [item(g, lang) for g in range(20) for lang in ("de", "en")]
  corpus = sources.read(
    [write(tmp_path, "few", few), write(tmp_path, "more", more)]
  )
  composed = composer.Composer(corpus, strategy="cross_lingual", batch_size=23)
  for t in range(50):
    check(composed.plan(1, t), corpus, 23)


@pytest.mark.parametrize("views", [2, 3, 4])
@pytest.mark.parametrize("strategy", ["cross_lingual", "mixed"])
def test_views_of_a_group(corpus, strategy, views):
  composed = composer.Composer(
    corpus, strategy=strategy, batch_size=24, views_per_group=views
  )
  is_able = corpus.query_row >= 0
  if strategy == "mixed":
    is_able = sources.is_monolingual(corpus)
  able = np.bincount(corpus.group_row, is_able, len(corpus.groups))
  for t in range(200):
    plan = composed.plan(9, t)
    check(plan, corpus, 24, views=views)
    held = collections.defaultdict(list)
    for group, x, y in zip(
      plan.group, plan.query_language, plan.passage_language, strict=True
    ):
      held[group].append((x, y))
    last = plan.group[-1]
    for group, pairs in held.items():
      assert len({x for x, _ in pairs}) == len(pairs)
      assert len({y for _, y in pairs}) == len(pairs)
      if group != last:
        assert len(pairs) == min(views, able[group])


def test_views_leave_one_language_and_one_pair_alone(corpus):
  for settings in (
    {"strategy": "monolingual"},
    {"strategy": "cross_lingual", "pairs": "per_batch"},
  ):
    one, many = (
      composer.Composer(corpus, batch_size=8, views_per_group=v, **settings)
      for v in (1, 3)
    )
    assert all(equal(one.plan(0, t), many.plan(0, t)) for t in range(20))


def test_views_fill_a_batch_from_few_blocks(tmp_path):
  rows = [item(g, lang) for g in range(6) for lang in LANGUAGES]
  settings = {"strategy": "cross_lingual", "views_per_group": 4}
  composed, corpus = small(tmp_path, rows, batch_size=24, **settings)
  for t in range(20):
    check(composed.plan(0, t), corpus, 24, views=4)
  (problem,) = composer.feasibility(corpus, batch_size=25, **settings)
  assert "fill 24 rows" in problem and "batch_size 24 or less" in problem


def test_hard_negatives(corpus):
  composed = composer.Composer(
    corpus,
    strategy="hybrid",
    batch_size=8,
    negatives=2,
    source_weights=(1, 1, 0, 0),
  )
  drawn = collections.Counter()
  for t in range(1500):
    plan = composed.plan(2, t)
    check(plan, corpus, 8, negatives=2)
    for row, texts in zip(plan.query_row, plan.negative_text, strict=True):
      start, end = corpus.negative_offsets[row : row + 2]
      own = corpus.negative_values[start:end].tolist()
      assert set(texts.tolist()) <= set(own) and texts[0] != texts[1]
      if len(own) == 3:
        drawn.update(own.index(text) for text in texts)
  total = sum(drawn.values())
  for place in range(3):
    share = drawn[place] / total
    assert abs(share - 1 / 3) < 4 * np.sqrt(2 / 9 / total)
  assert composed.left_out == {"rows with fewer than 2 negatives": 1290}


def test_sources_without_negatives_are_named(corpus):
  problems = composer.feasibility(
    corpus, strategy="hybrid", batch_size=8, negatives=2
  )
  assert len(problems) == 2
  assert "source bitext has no row with 2 hard negatives" in problems[0]
  assert all("negatives=0" in problem for problem in problems)


def test_what_cannot_be_filled_is_named(tmp_path):
  rows = [item(g, lang) for g in range(30) for lang in ("en", "ru")]
  rows += [item(g, "de") for g in range(10)]
  rows += [item(g + 100, "th") for g in range(30)]
  path = write(tmp_path, "s", rows)
  corpus = sources.read([path], languages=("en", "ru", "de", "th", "vi"))
  some = sources.read([path], languages=("en", "ru", "de"))

  def problems(corpus, **settings):
    return composer.feasibility(corpus, batch_size=20, **settings)

  (missing,) = problems(corpus, strategy="monolingual")
  assert missing.startswith("language vi has no row")
  assert "leave it out of languages" in missing
  (german,) = problems(some, strategy="monolingual")
  assert german.startswith("language de has 10 distinct blocks")
  assert "leave it out of languages" in german
  assert "batch_size 10 or less" in german
  assert problems(some, strategy="mixed") == []
  assert problems(some, strategy="cross_lingual") == []
  found = problems(some, strategy="hybrid", pairs="per_batch")
  assert found[0] == german
  named = {problem.split()[1] for problem in found[1:]}
  assert named == {"en-de", "de-en", "ru-de", "de-ru"}
  assert all("draw pairs per row" in problem for problem in found[1:])
  thai = sources.read([path], languages=("en", "ru", "th"))
  (found,) = problems(thai, strategy="cross_lingual")
  assert found.startswith("language th has no cross-lingual pair")
  (found,) = composer.feasibility(some, strategy="mixed", batch_size=31)
  assert "fill 30 rows of distinct blocks, a mixed batch needs 31" in found
  (found,) = composer.feasibility(some, strategy="cross_lingual", batch_size=64)
  assert "a cross-lingual batch needs 64" in found
  # An unused kind needs nothing.
  assert problems(some, strategy="hybrid", alpha=0) == []
  with pytest.raises(
    ValueError, match="(?s)composed:\nlanguage de.*pair en-de"
  ):
    composer.Composer(some, strategy="hybrid", pairs="per_batch", batch_size=20)


def test_a_block_or_a_source_without_weight_fills_nothing(tmp_path):
  twice = write(tmp_path, "a", exhausting("mixed"))
  other = write(tmp_path, "b", [item(g, "en") for g in range(9)])
  corpus = sources.read([twice, other])
  settings = {"batch_size": 25, "source_weights": (1, 0)}
  (found,) = composer.feasibility(corpus, strategy="mixed", **settings)
  assert "fill 24 rows" in found
  found = composer.feasibility(corpus, strategy="monolingual", **settings)
  assert "language en has 24 distinct blocks" in found[0]
  settings["source_weights"] = (1, 1)
  assert composer.feasibility(corpus, strategy="mixed", **settings) == []


def test_bad_settings_are_named(corpus):
  problems = composer.feasibility(
    corpus,
    strategy="both",
    batch_size=0,
    alpha=1.5,
    pairs="each",
    language_weighting="even",
    size_exponent=-1,
    source_weights=(1, 2),
    views_per_group=0,
    negatives=-1,
  )
  words = ("strategy", "pairs", "language_weighting", "batch_size", "alpha")
  words += ("size_exponent", "views_per_group", "negatives", "source_weights")
  assert [problem.split()[0] for problem in problems] == list(words)
  assert "alpha is 1.5; use 0 to 1" in problems
  for weights, what in (((0,) * 4, "are all 0"), ((-1, 1, 1, 1), "0 or more")):
    (problem,) = composer.feasibility(
      corpus, strategy="mixed", batch_size=4, source_weights=weights
    )
    assert what in problem
  nothing = sources.select(corpus, np.zeros(0, np.int64))
  assert len(composer.feasibility(nothing, strategy="mixed", batch_size=1)) == 4


def test_pairs_without_data_are_counted(tmp_path):
  rows = [item(0, "en"), item(0, "de"), item(1, "en"), item(1, "ru")]
  settings = {"strategy": "cross_lingual", "batch_size": 1}
  for pairs in composer.PAIRS:
    composed, corpus = small(tmp_path, rows, pairs=pairs, **settings)
    assert composed.left_out == {"ordered language pairs without data": 2}
    check(composed.plan(0, 0), corpus, 1)
