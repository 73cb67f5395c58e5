"""A task refuses columns that do not fit one another."""

import numpy as np
import pytest

from hybridret_jax.retrieval.tasks import task


def make(**changes):
  columns = {
    "name": "made",
    "languages": ("de", "en"),
    "query_texts": ("a?", "b?"),
    "query_ids": ("q0", "q1"),
    "query_language": np.array([0, 1], np.int32),
    "candidate_texts": ("a", "b", "c"),
    "candidate_ids": ("c0", "c1", "c2"),
    "candidate_language": np.array([0, 0, 1], np.int32),
    "candidate_context": None,
    "relevant": np.array([[0, 2], [1, -1]], np.int32),
  }
  return task.Task(**(columns | changes))


def test_a_sound_task():
  made = make(query_cluster=("x", "y"), candidate_context=("p", "p", "r"))
  assert (made.num_queries, made.num_candidates) == (2, 3)


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"query_texts": ()}, "no query texts"),
    ({"candidate_ids": ("c0", "c1")}, "candidate_ids has 2 entries for 3"),
    ({"query_ids": ("q0", "q0")}, "'q0' stands twice"),
    ({"languages": ("de", "de")}, "repeat a code"),
    ({"query_language": np.array([0, 2], np.int32)}, "from 0 to 2"),
    ({"query_language": np.array([0, 1])}, "is int64; make it int32"),
    (
      {"candidate_language": np.array([0, 1, 0], np.int32)},
      "not sorted by language",
    ),
    ({"candidate_context": ("p",)}, "candidate_context has 1"),
    ({"query_cluster": ("x",)}, "query_cluster has 1"),
    ({"relevant": np.array([[0], [3]], np.int32)}, "from 0 to 3"),
    ({"relevant": np.array([[0], [-2]], np.int32)}, "from -2 to 0"),
    ({"relevant": np.array([[0]], np.int32)}, r"must be \[2, R\]"),
    ({"relevant": np.array([[0], [1]])}, "is int64"),
    ({"relevant": np.full((2, 1), -1, np.int32)}, "no query has a relevant"),
    ({"relevant": np.array([[0, 1], [2, 2]], np.int32)}, "'q1' names"),
  ],
)
def test_what_does_not_fit_is_named(changes, message):
  with pytest.raises(ValueError, match=message):
    make(**changes)


def test_pad_relevant_sorts_and_fills_up():
  padded = task.pad_relevant([[4, 1], [], [2]])
  np.testing.assert_array_equal(padded, [[1, 4], [-1, -1], [2, -1]])
  assert padded.dtype == np.int32
