"""Queries that stand among the candidates, as they do in ArguAna and Quora."""

import dataclasses

import numpy as np

from hybridret_jax.retrieval.tasks import task as task_lib


def settle(task: task_lib.Task, *, leave_out: bool) -> task_lib.Task:
  """The task with what it does about queries among its candidates, in a note.

  A candidate is a query's own where id and text are the same. Left out, it is
  in no ranking of that query and is not relevant for it.

  Args:
    task: what was read.
    leave_out: whether they are.
  """
  own_Q = own(task)
  number = int(np.sum(own_Q >= 0))
  if not number:
    return task
  start = (
    f"{number:,} of {task.num_queries:,} queries stand among the candidates,"
    " with the same id and text:"
  )
  if not leave_out:
    note = (
      f"{start} they are ranked like others, each first as a rule"
      " (evaluation.leave_out_query)."
    )
    return dataclasses.replace(task, notes=(*task.notes, note))
  hit_QR = (task.relevant == own_Q[:, None]) & (task.relevant >= 0)
  note = f"{start} each is left out of its own rankings."
  if hit_QR.any():
    note = (
      f"{note[:-1]}, and {int(hit_QR.sum()):,} judgements that say it is"
      " relevant are too."
    )
  return dataclasses.replace(
    _without(task, hit_QR), left_out=own_Q, notes=(*task.notes, note)
  )


def own(task: task_lib.Task) -> np.ndarray:
  """Index of each query's own candidate, int32 [Q]; -1 where it has none."""
  place = {identity: n for n, identity in enumerate(task.candidate_ids)}
  own_Q = np.full(task.num_queries, -1, np.int32)
  for query, identity in enumerate(task.query_ids):
    index = place.get(identity, -1)
    if index >= 0 and task.candidate_texts[index] == task.query_texts[query]:
      own_Q[query] = index
  return own_Q


def _without(task, hit_QR):
  if not hit_QR.any():
    return task
  grades = np.ones_like(task.relevant) if task.grades is None else task.grades
  kept = np.where(hit_QR | (task.relevant < 0), 0, grades)
  judged = [
    dict(zip(relevant_R.tolist(), grade_R.tolist(), strict=True))
    for relevant_R, grade_R in zip(task.relevant, kept, strict=True)
  ]
  relevant_QR, grade_QR = task_lib.pad_graded(judged)
  return dataclasses.replace(
    task,
    relevant=relevant_QR,
    grades=None if task.grades is None else grade_QR,
  )
