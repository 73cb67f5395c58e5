"""Queries that stand among the candidates."""

import dataclasses

import numpy as np
import pytest

from hybridret_jax.retrieval.tasks import own, task


def make(relevant=((1,), (2,), (0,)), grades=None):
  return task.Task(
    name="made",
    languages=("en",),
    query_texts=("a", "b", "other"),
    query_ids=("1", "2", "3"),
    query_language=np.zeros(3, np.int32),
    candidate_texts=("a", "b", "c", "d"),
    candidate_ids=("1", "2", "3", "4"),
    candidate_language=np.zeros(4, np.int32),
    candidate_context=None,
    relevant=task.pad_relevant([list(row) for row in relevant]),
    grades=grades,
  )


def test_own_is_what_has_id_and_text():
  assert own.own(make()).tolist() == [0, 1, -1]


def test_by_default_it_is_told_and_nothing_else():
  settled = own.settle(make(), leave_out=False)
  assert settled.left_out is None
  assert settled.notes == (
    "2 of 3 queries stand among the candidates, with the same id and text: they"
    " are ranked like others, each first as a rule"
    " (evaluation.leave_out_query).",
  )


def test_left_out_it_is_not_relevant_either():
  grades = np.array([[3, 1], [2, 1], [1, 0]], np.int32)
  made = make(((0, 1), (2, 3), (0,)), grades)
  settled = own.settle(made, leave_out=True)
  assert settled.left_out.tolist() == [0, 1, -1]
  assert settled.relevant.tolist() == [[1, -1], [2, 3], [0, -1]]
  assert settled.grades.tolist() == [[1, 0], [2, 1], [1, 0]]
  assert settled.notes[0].endswith(
    "each is left out of its own rankings, and 1 judgements that say it is"
    " relevant are too."
  )


def test_a_task_without_any_stays():
  made = dataclasses.replace(make(), query_ids=("x", "y", "z"))
  for leave_out in (False, True):
    assert own.settle(made, leave_out=leave_out) is made


def test_what_is_left_out_is_checked():
  with pytest.raises(ValueError, match="query '1' has a relevant candidate"):
    dataclasses.replace(make(), left_out=np.array([1, -1, -1], np.int32))
  with pytest.raises(ValueError, match="left_out reaches to 4"):
    dataclasses.replace(make(), left_out=np.array([4, -1, -1], np.int32))
  with pytest.raises(ValueError, match="left_out is int64 from -1"):
    dataclasses.replace(make(), left_out=np.array([0, -1, -1]))
