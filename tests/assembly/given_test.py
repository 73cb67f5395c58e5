"""Vectors of others: what is wrong with them is told by the text's id."""

import numpy as np
import pytest

from hybridret_jax.assembly import given
from hybridret_jax.ground import faults
from hybridret_jax.retrieval.tasks import task as tasks


def task_of(queries=3, candidates=5):
  return tasks.Task(
    name="small",
    languages=("en",),
    query_texts=("q",) * queries,
    query_ids=tuple(f"q{n}" for n in range(queries)),
    query_language=np.zeros(queries, np.int32),
    candidate_texts=tuple(f"c{n}" for n in range(candidates)),
    candidate_ids=tuple(f"c{n}" for n in range(candidates)),
    candidate_language=np.zeros(candidates, np.int32),
    candidate_context=None,
    relevant=np.arange(queries, dtype=np.int32)[:, None],
  )


def vectors(number, width=4, seed=0):
  z_ND = np.random.default_rng(seed).normal(size=(number, width))
  z_ND /= np.linalg.norm(z_ND, axis=1, keepdims=True)
  return z_ND.astype(np.float32)


def saved(folder, q_QD=None, c_ND=None, **ids):
  folder.mkdir(parents=True, exist_ok=True)
  np.save(folder / "queries.npy", vectors(3) if q_QD is None else q_QD)
  np.save(folder / "candidates.npy", vectors(5) if c_ND is None else c_ND)
  for name, lines in ids.items():
    (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
  return given.Given("theirs", folder)


def test_without_ids_rows_are_in_the_tasks_order(tmp_path):
  q_QD, c_ND = given.load(saved(tmp_path), task_of())
  np.testing.assert_array_equal(q_QD, vectors(3))
  np.testing.assert_array_equal(c_ND, vectors(5))


def test_ids_name_rows_and_may_be_more(tmp_path):
  one = saved(tmp_path, vectors(4), query_ids=["q2", "more", "q0", "q1"])
  q_QD, _ = given.load(one, task_of())
  np.testing.assert_array_equal(q_QD, vectors(4)[[2, 3, 0]])


def test_a_folder_of_the_task_is_taken_first(tmp_path):
  saved(tmp_path, vectors(3, seed=1))
  saved(tmp_path / "small", vectors(3, seed=2))
  q_QD, _ = given.load(given.Given("theirs", tmp_path), task_of())
  np.testing.assert_array_equal(q_QD, vectors(3, seed=2))


@pytest.mark.parametrize(
  ("ids", "said"),
  [
    (["q0", "q1"], r"query_ids.txt: has 2 ids"),
    (["q0", "q1", "q1"], r"query_ids.txt: has 'q1' twice"),
    (["q0", "q9", "q8"], r"query_ids.txt: has no vector of 'q1', 'q2'"),
  ],
)
def test_ids_that_do_not_fit_are_named(tmp_path, ids, said):
  with pytest.raises(faults.Fault, match=said):
    given.load(saved(tmp_path, query_ids=ids), task_of())


def test_files_that_are_none_are_named(tmp_path):
  one = saved(tmp_path)
  (tmp_path / "candidates.npy").write_bytes(b"no array")
  with pytest.raises(faults.Fault, match=r"candidates.npy: is no .npy file"):
    given.load(one, task_of())
  (tmp_path / "candidates.npy").unlink()
  with pytest.raises(faults.Fault, match=r"candidates.npy: is missing"):
    given.load(one, task_of())
  np.save(tmp_path / "candidates.npy", np.array([{}]), allow_pickle=True)
  with pytest.raises(faults.Fault, match=r"candidates.npy: is no .npy file"):
    given.load(one, task_of())


def put(row, value):
  z_ND = vectors(5)
  z_ND[row] = value
  return z_ND


@pytest.mark.parametrize(
  ("c_ND", "said"),
  [
    (vectors(4), r"shape \(4, 4\) is not one vector for each of 5 texts"),
    (vectors(5)[0], r"shape \(4,\) is not one vector"),
    (vectors(5, width=3), "queries are 4 wide and candidates 3"),
    (put(1, np.nan), "'c1' has a value that is no number"),
    (put(4, np.inf), "'c4' has a value that is no number"),
    (put(2, 0), "'c2' has a vector of length zero"),
    (2 * vectors(5), "'c0', 'c1', 'c2' and 2 more has a vector of length 2"),
    (vectors(5).astype(str), "the array holds <U"),
    (vectors(5).astype(complex), "the array holds complex"),
  ],
)
def test_vectors_that_do_not_fit_are_named(c_ND, said):
  with pytest.raises(faults.Fault, match=said):
    given.checked(task_of(), vectors(3), c_ND)


def test_asked_for_lengths_are_made_one():
  q_QD, c_ND = given.checked(
    task_of(), 3 * vectors(3), vectors(5).astype(np.float64), normalize=True
  )
  np.testing.assert_allclose(q_QD, vectors(3), atol=1e-6)
  assert c_ND.dtype == np.float32
  with pytest.raises(faults.Fault, match="'c2' has a vector of length zero"):
    given.checked(task_of(), vectors(3), put(2, 0), normalize=True)


def test_a_name_and_a_folder(tmp_path):
  one = given.parse(f"e5 small:{tmp_path}")
  assert one == given.Given("e5 small", tmp_path)


@pytest.mark.parametrize(
  ("spec", "said"),
  [
    ("folder", "is not NAME:FOLDER"),
    (":folder", "is not NAME:FOLDER"),
    ("trained:{0}", "no name for these vectors"),
    ("a,b:{0}", "no name for these vectors"),
    ("e5:{0}/nowhere", "is no folder"),
  ],
)
def test_what_is_neither_is_refused(tmp_path, spec, said):
  with pytest.raises(faults.Fault, match=said):
    given.parse(spec.format(tmp_path))
