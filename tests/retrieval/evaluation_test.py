"""Figures of a whole task against a plain numpy evaluation of full sorts."""

import dataclasses
import json

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st
from jax.sharding import Mesh

from hybridret_jax.retrieval import evaluation, store
from hybridret_jax.retrieval.tasks import task


def make_task(seed=0, *, languages=("ar", "de", "en"), queries=30, N=70, R=5):
  rng = np.random.default_rng(seed)
  X = len(languages)
  relevant = [
    rng.choice(N, rng.integers(0, R + 1), replace=False).tolist()
    for _ in range(queries)
  ]
  relevant[0] = [0]
  return task.Task(
    name="made",
    languages=languages,
    query_texts=tuple(f"question {i}" for i in range(queries)),
    query_ids=tuple(f"q{i}" for i in range(queries)),
    query_language=rng.integers(0, X, queries).astype(np.int32),
    candidate_texts=tuple(f"answer {i}" for i in range(N)),
    candidate_ids=tuple(f"c{i}" for i in range(N)),
    candidate_language=np.sort(rng.integers(0, X, N)).astype(np.int32),
    candidate_context=None,
    relevant=task.pad_relevant(relevant),
  )


def integer_vectors(made, seed=0, D=6):
  rng = np.random.default_rng(seed)
  shape_Q, shape_N = (made.num_queries, D), (made.num_candidates, D)
  return (
    rng.integers(-2, 3, shape_Q).astype(np.float32),
    rng.integers(-2, 3, shape_N).astype(np.float32),
  )


def real_vectors(made, seed=0, D=24):
  rng = np.random.default_rng(seed)
  sides = []
  for number in (made.num_queries, made.num_candidates):
    vectors = rng.normal(size=(number, D)).astype(np.float32)
    sides.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
  return sides


def reference(made, q_QD, c_ND):
  """The documented figures, one query after another, from sorted lists."""
  scores_QN = q_QD @ c_ND.T
  rows = {}  # (row name, metric) -> values of its queries

  def add(name, metric, value):
    rows.setdefault((name, metric), []).append(value)

  codes = made.languages
  for q in range(made.num_queries):
    order = np.argsort(-scores_QN[q], kind="stable")
    relevant = made.relevant[q][made.relevant[q] >= 0]
    asked = codes[made.query_language[q]]
    for answer, code in enumerate(codes):
      mine = [n for n in relevant if made.candidate_language[n] == answer]
      if not mine:
        continue
      listed = [n for n in order if made.candidate_language[n] == answer]
      for metric, value in values(listed, mine).items():
        add(f"{asked}-{code}", metric, value)
      others = set(relevant) - set(mine)
      left = [n for n in order if n not in others]
      add(f"{asked}>{code}", "map", values(left, mine)["map"])
    if len(relevant):
      for metric, value in values(order, relevant).items():
        add(asked, metric, value)
      ranks = [list(order).index(n) + 1 for n in relevant]
      if len(ranks) > 1:
        add(asked, "rank_distance", max(ranks) - min(ranks))
      if order[0] in relevant:
        first = codes[made.candidate_language[order[0]]]
        add(asked, "same_language_first", float(first == asked))
  return {key: np.mean(row) for key, row in rows.items()}


def values(order, relevant):
  hits = np.isin(order, relevant)
  precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
  number = len(relevant)
  discount = 1 / np.log2(np.arange(2, len(hits) + 2))
  first = np.flatnonzero(hits)[0] + 1
  return {
    "map": (precision * hits).sum() / number,
    "map@20": (precision * hits)[:20].sum() / min(number, 20),
    "r@1": float(hits[0]),
    "r@10": float(hits[:10].any()),
    "mrr@10": 1 / first if first <= 10 else 0.0,
    "ndcg@10": (hits * discount)[:10].sum() / discount[: min(number, 10)].sum(),
    "recall@100": hits[:100].sum() / number,
  }


def assert_equals_reference(figures, want, atol=1e-6):
  got = {}
  for name, row in (figures["directions"] | figures["pool"]).items():
    for metric, value in row.items():
      if metric != "queries" and value is not None:
        got[name, metric] = value
  for name, value in figures["pool_map_by_answer_language"].items():
    got[name.replace("-", ">"), "map"] = value
  assert got.keys() == want.keys()
  for key, value in want.items():
    np.testing.assert_allclose(got[key], value, atol=atol, err_msg=str(key))


def mesh_of(devices):
  grid = np.array(jax.devices()[:devices]).reshape(devices, 1)
  return Mesh(grid, ("data", "fsdp"))


@pytest.mark.parametrize("devices", [1, 8])
@pytest.mark.parametrize(("query_block", "chunk"), [(3, 11), (256, 1024)])
@pytest.mark.parametrize("vectors", [integer_vectors, real_vectors])
def test_figures_equal_full_sorts(vectors, query_block, chunk, devices):
  made = make_task()
  q_QD, c_ND = vectors(made)
  figures = evaluation.evaluate(
    made,
    q_QD,
    c_ND,
    mesh=mesh_of(devices),
    query_block=query_block,
    chunk=chunk,
  )
  assert_equals_reference(figures, reference(made, q_QD, c_ND))


@hypothesis.settings(max_examples=10, deadline=None)
@hypothesis.given(seed=st.integers(0, 2**32 - 1))
def test_any_task_has_figures_in_range(seed):
  made = make_task(seed)
  q_QD, c_ND = integer_vectors(made, seed)
  figures = evaluation.evaluate(made, q_QD, c_ND)
  assert_equals_reference(figures, reference(made, q_QD, c_ND))
  for key, value in evaluation.flat(figures).items():
    if not key.endswith("rank_distance"):
      assert 0 <= value <= 1, key
  json.dumps(figures, allow_nan=False)


def test_macro_is_the_mean_over_directions():
  made = make_task()
  figures = evaluation.evaluate(made, *real_vectors(made))
  rows = figures["directions"]
  same = [rows[k]["map"] for k in rows if k[:2] == k[3:]]
  other = [rows[k]["map"] for k in rows if k[:2] != k[3:]]
  pool = [row["rank_distance"] for row in figures["pool"].values()]
  macro = figures["macro"]
  assert len(same) == 3 and len(other) == 6
  assert macro["monolingual"]["map"] == pytest.approx(np.mean(same))
  assert macro["cross_lingual"]["map"] == pytest.approx(np.mean(other))
  assert macro["multilingual_pool"]["rank_distance"] == pytest.approx(
    np.mean(pool)
  )
  flat = evaluation.flat(figures)
  assert flat["eval/made/monolingual/map"] == macro["monolingual"]["map"]
  assert flat["eval/made/ar-de/map@20"] == rows["ar-de"]["map@20"]
  assert flat["eval/made/en-pool/map"] == figures["pool"]["en"]["map"]
  assert not any(key.endswith("/queries") for key in flat)


def test_one_language_has_no_cross_lingual_figure():
  made = make_task(languages=("hi",))
  figures = evaluation.evaluate(made, *real_vectors(made))
  assert list(figures["directions"]) == ["hi-hi"]
  assert figures["macro"]["cross_lingual"]["map"] is None
  assert "eval/made/cross_lingual/map" not in evaluation.flat(figures)
  for key, value in figures["macro"]["monolingual"].items():
    assert figures["pool"]["hi"][key] == value


def test_rows_without_a_query_are_not_listed():
  made = make_task()
  asked = np.zeros(made.num_queries, np.int32)
  made = dataclasses.replace(made, query_language=asked)
  figures = evaluation.evaluate(made, *real_vectors(made))
  assert list(figures["directions"]) == ["ar-ar", "ar-de", "ar-en"]
  assert list(figures["pool"]) == ["ar"]
  assert figures["counts"]["queries_by_language"]["de"] == 0
  assert figures["macro"]["monolingual"] == {
    key: figures["directions"]["ar-ar"][key]
    for key in figures["macro"]["monolingual"]
  }


def test_queries_without_relevant_are_counted_and_left_out():
  made = make_task()
  figures = evaluation.evaluate(made, *real_vectors(made))
  without = int((made.relevant < 0).all(axis=1).sum())
  assert without > 0
  assert figures["counts"]["queries_without_relevant"] == without
  scored = sum(row["queries"] for row in figures["pool"].values())
  assert scored == made.num_queries - without
  assert sum(figures["counts"]["candidates_by_language"].values()) == 70


def test_dozens_of_relevant_candidates():
  made = make_task(N=70, R=45)
  q_QD, c_ND = integer_vectors(made)
  figures = evaluation.evaluate(made, q_QD, c_ND, chunk=13)
  assert_equals_reference(figures, reference(made, q_QD, c_ND))


@pytest.mark.parametrize("side", ["query", "candidate"])
def test_vectors_must_fit_the_task(side):
  made = make_task()
  q_QD, c_ND = real_vectors(made)
  cut = (q_QD[1:], c_ND) if side == "query" else (q_QD, c_ND[1:])
  with pytest.raises(ValueError, match=f"{side} texts and got"):
    evaluation.evaluate(made, *cut)


def test_a_vector_that_is_not_finite_is_named():
  made = make_task()
  q_QD, c_ND = real_vectors(made)
  c_ND[7, 3] = np.nan
  with pytest.raises(ValueError, match="candidate embedding 7"):
    evaluation.evaluate(made, q_QD, c_ND)


def test_shards_on_disk_give_the_same_figures(tmp_path):
  made = make_task(3)
  q_QD, c_ND = integer_vectors(made)
  folder = store.open_store(tmp_path, {}, len(c_ND), 16, side="passage")
  for number in store.missing(folder):
    rows = slice(16 * number, 16 * number + folder.rows(number))
    store.write(folder, number, c_ND[rows], "texts")
  whole = evaluation.judge(made, q_QD, c_ND, depth=9)
  streamed = evaluation.judge(made, q_QD, store.read(folder), depth=9)
  np.testing.assert_array_equal(streamed.top_QK, whole.top_QK)
  for figures in (whole.figures, streamed.figures):
    figures["bias"].pop("rank_correlation", None)
    figures["bias"].pop("one_copy", None)
  assert streamed.figures == whole.figures


def test_directions_are_pairs_whatever_the_tags():
  """`sr-sr-Latn` is one direction, and every figure is as with other names."""
  tags = ("pt-BR", "sr", "sr-Latn", "zh-Hans", "zh-Hant")
  plain = make_task(languages=("aa", "bb", "cc", "dd", "ee"), N=100)
  vectors = real_vectors(plain)
  named = dataclasses.replace(plain, languages=tags)
  seen = {"aa", "cc"}, {"pt-BR", "sr-Latn"}
  other, figures = (
    evaluation.judge(task, *vectors, seen=of, depth=9).figures
    for task, of in zip((plain, named), seen, strict=True)
  )
  name = dict(zip(plain.languages, tags, strict=True))
  pairs = {
    f"{query}-{answer}": f"{name[query]}-{name[answer]}"
    for query in name
    for answer in name
  }
  assert figures["directions"] == {
    pairs[key]: row for key, row in other["directions"].items()
  }
  assert figures["pool"] == {name[k]: row for k, row in other["pool"].items()}
  for key in ("macro", "macro_seen", "macro_unseen"):
    assert figures[key] == other[key]
  assert figures["macro_seen"]["monolingual"]["map"] is not None
  answers = "pool_map_by_answer_language"
  assert figures[answers] == {
    pairs[key]: value for key, value in other[answers].items()
  }


@pytest.mark.parametrize("grades", [False, True])
def test_what_the_corpus_lacks_is_never_found(grades):
  made = make_task(4)
  if grades:
    grade = np.where(made.relevant >= 0, 1 + made.relevant % 3, 0)
    made = dataclasses.replace(made, grades=grade.astype(np.int32))
  misses = tuple({f"x{i}": 1 + i for i in range(q % 3)} for q in range(30))
  part = dataclasses.replace(made, misses=misses)
  vectors = real_vectors(made)
  whole, found = (evaluation.judge(t, *vectors) for t in (made, part))
  there_Q = (made.relevant >= 0).sum(axis=1)
  lacking_Q = np.array([len(found) for found in misses])
  share_Q = there_Q / np.maximum(there_Q + lacking_Q, 1)
  for metric in ("map", "recall@100"):
    want_Q = np.where(there_Q, whole.pool_Q[metric] * share_Q, 0.0)
    want_Q[there_Q + lacking_Q == 0] = np.nan
    np.testing.assert_allclose(found.pool_Q[metric], want_Q)
  for metric in ("rank_distance", "same_language_first"):
    np.testing.assert_array_equal(found.pool_Q[metric], whole.pool_Q[metric])
  for q in range(made.num_queries):
    own = made.query_language[q]
    for answer in range(3):
      before = whole.directions_QX["mrr@10"][q, answer]
      after = found.directions_QX["mrr@10"][q, answer]
      if answer == own and lacking_Q[q] and np.isnan(before):
        assert after == 0
      else:
        np.testing.assert_equal(after, before)
  ideal = found.pool_Q["ndcg@10"] <= whole.pool_Q["ndcg@10"] + 1e-12
  assert (ideal | (there_Q == 0)).all()
