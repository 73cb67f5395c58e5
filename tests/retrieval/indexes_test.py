"""One file of all vectors; graphs whose recall is what was measured."""

import json

import numpy as np
import pytest

from hybridret_jax.ground import faults
from hybridret_jax.retrieval import indexes, search, store


@pytest.fixture
def stored(tmp_path):
  z_ND = np.random.default_rng(0).normal(size=(700, 16)).astype(np.float32)
  z_ND /= np.linalg.norm(z_ND, axis=1, keepdims=True)
  made = store.open_store(tmp_path, {"by": "test"}, 700, 300, side="passage")
  for number in range(len(made)):
    store.write(made, number, z_ND[300 * number :][:300], "hash")
  return tmp_path, store.read(made), z_ND


def test_one_file_of_all(stored):
  folder, vectors, z_ND = stored
  found = indexes.hand_over(vectors, "npy", folder)
  np.testing.assert_array_equal(np.load(folder / "vectors.npy"), z_ND)
  assert found["vectors"] == 700 and "recall@10" not in found
  assert json.loads((folder / "index_npy.json").read_text()) == found


@pytest.mark.parametrize("kind", ["faiss", "usearch"])
def test_a_graph_finds_what_exact_search_does(stored, kind):
  pytest.importorskip(kind, reason=f"{kind} comes with the extra 'index'")
  folder, vectors, z_ND = stored
  found = indexes.hand_over(vectors, kind, folder)
  assert found["recall@10"] >= 0.95 and found["queries"] == 500
  q_QD = z_ND[:20]
  _, exact_QK = search.top_k(q_QD, vectors, 10)
  if kind == "faiss":
    import faiss

    index = faiss.read_index(str(folder / "index.faiss"))
    found_QK = index.search(q_QD, 10)[1]
  else:
    from usearch.index import Index

    found_QK = (
      Index.restore(str(folder / "index.usearch")).search(q_QD, 10).keys
    )
  assert search.recall(np.asarray(found_QK), exact_QK) >= 0.95


def test_what_cannot_be_made_is_told_first():
  with pytest.raises(faults.Fault, match="'annoy' is unknown"):
    indexes.check(["npy", "annoy"])
