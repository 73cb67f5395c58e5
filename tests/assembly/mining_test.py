"""Mined hard negatives are those that a look at every pair would choose."""

import dataclasses

import numpy as np
import pytest

from hybridret_jax.assembly import mining as finding
from hybridret_jax.data import identity, mining, sources
from hybridret_jax.parallel import mesh as meshes
from tests.data import forms

LANGUAGES = ("de", "en", "tr")


def corpus_of(folder, *, groups=40):
  """Groups in one to three languages; some share a block, a text, or both."""
  rng = np.random.default_rng(0)
  rows = []
  for group in range(groups):
    some = rng.permutation(3)[: 1 + group % 3]
    for language in (LANGUAGES[x] for x in some):
      row = {
        "id": f"{group}{language}",
        "group": f"g{group}",
        "lang": language,
        "query": f"{rng.integers(10**9)} asks {group} {language}",
        "passage": f"{rng.integers(10**9)} tells {group} {language}",
      }
      if group % 10 < 2:
        row["block"] = f"b{group // 10}"
      if group % 10 == 3:
        row["passage"] = f"the same of {group % 20} {language}"
      if group % 10 == 4 and language == "en":
        row["query"] = ""
      rows.append(row)
  return sources.read([forms.jsonl(folder / "s.jsonl", rows)])


def vectors_of(pool, *, seed=1):
  """Small whole numbers, whose products are exact."""
  rng = np.random.default_rng(seed)

  def of(size, number):
    made = rng.integers(-2, 3, (size, 6)).astype(np.float32)
    return [made[x : x + number] for x in range(0, size, number)]

  sizes = [
    (int((pool.language_Q == x).sum()), int((pool.language_N == x).sum()))
    for x in range(3)
  ]
  return finding.Vectors(
    [of(queries, 7) for queries, _ in sizes],
    [of(candidates, 5) for _, candidates in sizes],
    f"seed {seed}",
  )


def brute_force(pool, settings, vectors):
  """(candidate, score) of each query's negatives, pair by pair."""
  corpus = pool.corpus
  q_QD = np.concatenate([x for part in vectors.queries for x in part])
  c_ND = np.concatenate([x for part in vectors.candidates for x in part])
  found = []
  for query, row in enumerate(pool.row_Q.tolist()):
    scores = c_ND @ q_QD[query]
    language = corpus.language_row[row]

    def answer(where, row=row, language=language):
      for wanted in (where, language):
        rows = [
          r
          for r in range(len(corpus))
          if corpus.language_row[r] == wanted
          and (
            r == row
            if wanted == language
            else corpus.group_row[r] == corpus.group_row[row]
          )
        ]
        if rows:
          key = (wanted, corpus.passage_row[rows[0]])
          pairs = zip(pool.language_N, pool.text_N, strict=True)
          return next(n for n, pair in enumerate(pairs) if pair == key)
      raise AssertionError

    ranked, chosen = 0, []
    for candidate in np.argsort(-scores, kind="stable").tolist():
      where = pool.language_N[candidate]
      is_same = where == language
      if settings.candidates != "pool" and is_same != (
        settings.candidates == "same"
      ):
        continue
      blocks = {
        int(corpus.block_row[r])
        for r in range(len(corpus))
        if corpus.passage_row[r] == pool.text_N[candidate]
      }
      if int(corpus.block_row[row]) in blocks:
        continue
      ranked += 1
      positive = scores[answer(where)]
      if (
        settings.first_rank <= ranked <= settings.last_rank
        and scores[candidate] <= min(positive, settings.share * positive)
        and scores[candidate] <= positive - settings.margin
        and len(chosen) < settings.number
      ):
        chosen.append((candidate, float(scores[candidate])))
    found.append(chosen)
  return found


def as_lists(chosen):
  return [
    [
      (candidate, score)
      for candidate, score in zip(row, scores, strict=True)
      if candidate >= 0
    ]
    for row, scores in zip(
      chosen.negative_QK.tolist(), chosen.score_QK.tolist(), strict=True
    )
  ]


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
  corpus = corpus_of(tmp_path_factory.mktemp("mining"))
  return mining.pool(corpus, identity.by_text(corpus))


SETTINGS = [
  mining.Settings(number=3),
  mining.Settings(candidates="other", number=5, last_rank=9, share=0.8),
  mining.Settings(
    candidates="pool", number=4, first_rank=3, last_rank=20, margin=2.0
  ),
  mining.Settings(candidates="pool", number=100, last_rank=100, share=1.0),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=range(len(SETTINGS)))
@pytest.mark.parametrize("devices", [1, 8])
def test_equals_brute_force(pool, settings, devices, tmp_path):
  vectors = vectors_of(pool)
  mesh = meshes.make() if devices == 8 else None
  chosen = finding.mine(pool, settings, vectors, tmp_path, mesh=mesh, part=8)
  wanted = brute_force(pool, settings, vectors)
  assert as_lists(chosen) == wanted
  assert sum(map(len, wanted)) > 20


def test_a_killed_call_goes_on_and_settings_do_not_mix(pool, tmp_path):
  vectors = vectors_of(pool)
  first = finding.mine(pool, SETTINGS[0], vectors, tmp_path, part=8)
  parts = sorted(tmp_path.rglob("*.npz"))
  assert len(parts) > 3
  parts[1].unlink()
  kept = {x: x.stat().st_mtime_ns for x in parts if x.is_file()}
  again = finding.mine(pool, SETTINGS[0], vectors, tmp_path, part=8)
  assert as_lists(again) == as_lists(first) and again.left == first.left
  assert {x: x.stat().st_mtime_ns for x in kept} == kept
  other = dataclasses.replace(SETTINGS[0], number=1)
  assert finding.mine(
    pool, other, vectors, tmp_path, part=8
  ).negative_QK.shape == (len(pool.row_Q), 1)


def test_planted_false_negatives_are_left_out(tmp_path):
  """All stand nearer to the query than what is a negative."""
  base = "The lighthouse of the northern harbour was finished in spring"
  rows = [
    {"id": "p", "group": "g", "passage": f"{base} of 1886.", "block": "b"},
    {"id": "edit", "group": "e", "passage": f"{base}  of 1886!"},
    {"id": "case", "group": "c", "passage": f"{base} of 1886.".upper()},
    {"id": "block", "group": "o", "passage": "Of its block.", "block": "b"},
    {"id": "score", "group": "s", "passage": "Scores nearly as high."},
    {"id": "n", "group": "n", "passage": "Something else altogether."},
    {"id": "m", "group": "m", "passage": "And another thing."},
    {"id": "t", "group": "t", "passage": "Carries the query.", "query": "q"},
  ]
  rows = [
    {"lang": "en", "query": "q" if row["id"] == "p" else ""} | row
    for row in rows
  ]
  rows.append(rows[0] | {"id": "pd", "lang": "de", "passage": "Der Turm."})
  corpus = sources.read([forms.jsonl(tmp_path / "s.jsonl", rows)])
  pool = mining.pool(corpus, identity.by_text(corpus))
  score = {
    **dict.fromkeys(("p", "edit", "case", "block", "t", "pd"), 0.9),
    "score": 0.89,
    "n": 0.8,
    "m": 0.7,
  }
  by_passage = {row["passage"].strip(): score[row["id"]] for row in rows}

  def unit(x):
    return [x, np.sqrt(1 - x * x)]

  candidates = [
    np.array(
      [
        unit(by_passage[corpus.texts[text]])
        for text in pool.text_N[pool.language_N == language]
      ],
      np.float32,
    )
    for language in range(2)
  ]
  queries = [
    np.tile(np.float32([[1, 0]]), (int((pool.language_Q == x).sum()), 1))
    for x in range(2)
  ]
  vectors = finding.Vectors(
    [[x] for x in queries], [[x] for x in candidates], "planted"
  )
  settings = mining.Settings(candidates="pool")
  chosen = finding.mine(pool, settings, vectors, tmp_path)
  texts = [
    [corpus.texts[pool.text_N[x]] for x in row if x >= 0]
    for row in chosen.negative_QK.tolist()
  ]
  wanted = ["Something else altogether.", "And another thing."]
  queries_of = [corpus.ids[row] for row in pool.row_Q]
  assert texts[queries_of.index("p")] == wanted
  assert chosen.left["a near-duplicate of the positive"] == 0  # By score.
  lenient = dataclasses.replace(settings, share=1.0)
  chosen = finding.mine(pool, lenient, vectors, tmp_path)
  texts = [
    corpus.texts[pool.text_N[x]]
    for x in chosen.negative_QK[queries_of.index("p")]
    if x >= 0
  ]
  assert texts == ["Scores nearly as high.", *wanted]
  assert chosen.left["a near-duplicate of the positive"] >= 2
