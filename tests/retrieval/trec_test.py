"""TREC files as other tools read them."""

import importlib.util
import json
import os
import subprocess
import sys
import urllib.parse

import ir_measures
import numpy as np
import pytest

from hybridret_jax.retrieval import metrics, ranking, search, trec

MEASURES = {
  "map": (ir_measures.AP, "map"),
  "mrr@10": (ir_measures.RR @ 10, "mrr@10"),
  "ndcg@10": (ir_measures.nDCG @ 10, "ndcg@10"),
  "r@10": (ir_measures.Success @ 10, "hit_rate@10"),
  "recall@100": (ir_measures.R @ 100, "recall@100"),
}
# Without its just-in-time compiler ranx runs the same code at once.
RANX = """
import json, sys, ranx
qrels = ranx.Qrels.from_file(sys.argv[1], kind="trec")
run = ranx.Run.from_file(sys.argv[2], kind="gz")
names = json.loads(sys.argv[3])
figures = ranx.evaluate(qrels, run, names, make_comparable=True)
print(json.dumps({name: float(value) for name, value in figures.items()}))
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
  """Files of a small search with many ties, and our figures of it."""
  rng = np.random.default_rng(0)
  q_QD = rng.integers(-1, 2, (12, 4)).astype(np.float32)
  c_ND = rng.integers(-1, 2, (150, 4)).astype(np.float32)
  relevant_QR = np.array([rng.choice(150, 5, False) for _ in q_QD], np.int32)
  relevant_QR[3] = -1  # A query that nothing is relevant for.
  relevant_QR[5, 2:] = -1
  grade_QR = np.where(relevant_QR >= 0, rng.integers(1, 4, (12, 5)), 0)
  query_ids = [f"en-{number}" for number in range(12)]
  candidate_ids = [f"c {number % 7}%/{number}\u00a0" for number in range(150)]
  above_QRX = ranking.counts(
    q_QD, c_ND, relevant_QR, np.zeros(150, np.int32), num_languages=1
  )
  # Relevant for some queries is also what the corpus lacks.
  misses = [{f"x {i}": 1 + i for i in range(q % 3)} for q in range(12)]
  missed_QM = np.array([[*m.values(), 0, 0][:2] for m in misses])
  ranks_QR = ranking.pool_ranks(above_QRX, relevant_QR)
  values = metrics.all_values(
    np.hstack([ranks_QR, np.where(missed_QM, np.inf, 0)]),
    np.hstack([grade_QR, missed_QM]),
  )
  figures = {key: metrics.mean(value_Q) for key, value_Q in values.items()}
  scores_QK, indices_QK = search.top_k(q_QD, [c_ND], 150)
  folder = tmp_path_factory.mktemp("trec") / "new"
  qrels, run = folder / "qrels.trec", folder / "run.trec.gz"
  trec.write_qrels(
    qrels, query_ids, candidate_ids, relevant_QR, grade_QR, misses
  )
  trec.write_run(
    run, query_ids, candidate_ids, scores_QK, indices_QK, tag="of init"
  )
  return qrels, run, figures, (query_ids, candidate_ids, indices_QK)


def test_ir_measures_finds_our_figures(written):
  qrels, run, figures, _ = written
  found = ir_measures.calc_aggregate(
    [measure for measure, _ in MEASURES.values()],
    ir_measures.read_trec_qrels(str(qrels)),
    ir_measures.read_trec_run(str(run)),
  )
  for key, (measure, _) in MEASURES.items():
    assert found[measure] == pytest.approx(figures[key], abs=1e-6), key


@pytest.mark.skipif(
  importlib.util.find_spec("ranx") is None, reason="ranx is not installed"
)
def test_ranx_finds_our_figures(written):
  qrels, run, figures, _ = written
  names = {name: key for key, (_, name) in MEASURES.items()}
  done = subprocess.run(
    [sys.executable, "-c", RANX, qrels, run, json.dumps(list(names))],
    env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  found = json.loads(done.stdout)
  assert set(found) == set(names)
  for name, value in found.items():
    assert value == pytest.approx(figures[names[name]], abs=1e-6), name


def test_a_run_keeps_the_order_of_ties_in_float32(written):
  _, run, _, (query_ids, candidate_ids, indices_QK) = written
  order: dict[str, list[str]] = {}
  scores: dict[str, list[float]] = {}
  for line in ir_measures.read_trec_run(str(run)):
    order.setdefault(line.query_id, []).append(line.doc_id)
    scores.setdefault(line.query_id, []).append(line.score)
  assert list(order) == query_ids
  for query, indices in zip(query_ids, indices_QK, strict=True):
    names = [urllib.parse.unquote(name) for name in order[query]]
    assert names == [candidate_ids[index] for index in indices]
    assert (np.diff(np.array(scores[query], np.float32)) < 0).all()


def test_lines(tmp_path):
  path = tmp_path / "run.trec"
  scores_QK = np.array([[0.1, 0.1, 0.1], [0.0, 0.0, np.nan]], np.float32)
  indices_QK = np.array([[2, 0, 1], [0, 1, -1]])
  ids = ["a b", "c", "d%"]
  trec.write_run(path, ["q\t1", "q2"], ids, scores_QK, indices_QK, tag="my run")
  assert path.read_text().splitlines() == [
    "q%091 Q0 d%25 1 0.100000001 my%20run",
    "q%091 Q0 a%20b 2 0.099999994 my%20run",
    "q%091 Q0 c 3 0.0999999866 my%20run",
    "q2 Q0 a%20b 1 0 my%20run",
    "q2 Q0 c 2 -1.40129846e-45 my%20run",
  ]
  trec.write_qrels(path, ["q1", "q2"], ids, [[0, 2], [1, -1]])
  assert path.read_text() == "q1 Q0 a%20b 1\nq1 Q0 d%25 1\nq2 Q0 c 1\n"
  assert os.listdir(tmp_path) == ["run.trec"]


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"scores_QK": [[0.5, 0.6]]}, r"query 'q1' has 0.6.* at rank 2 after"),
    ({"scores_QK": [[np.nan, 0.5]]}, "query 'q1' has nan at rank 1"),
    ({"scores_QK": [[0.5]]}, r"have shape \(1, 1\); it must be .*\(1, 2\)"),
    ({"indices_QK": [[-1, 0]]}, "'q1' has .* at rank 2 .*padding at the end"),
    ({"indices_QK": [0, 1]}, r"shape \(2,\) for 1 queries"),
    ({"query_ids": ["q1", "q2"]}, r"shape \(1, 2\) for 2 queries"),
    ({"candidate_ids": ["a", ""]}, "an id or tag is empty"),
    ({"tag": ""}, "an id or tag is empty"),
  ],
)
def test_what_cannot_be_written_leaves_the_file_as_it_was(
  tmp_path, change, message
):
  path = tmp_path / "run.trec"
  path.write_text("before")
  given = {
    "query_ids": ["q1"],
    "candidate_ids": ["a", "b"],
    "scores_QK": [[0.6, 0.5]],
    "indices_QK": [[0, 1]],
    "tag": "t",
  }
  with pytest.raises(ValueError, match=message):
    trec.write_run(path, **(given | change))
  assert path.read_text() == "before"
  assert os.listdir(tmp_path) == ["run.trec"]
