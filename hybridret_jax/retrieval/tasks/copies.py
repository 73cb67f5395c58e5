"""Candidates that are the same under several ids, and what they count as."""

import dataclasses
import hashlib
from collections.abc import Iterable

import numpy as np

from hybridret_jax.ground import reading
from hybridret_jax.retrieval.tasks import task as task_lib

# Whether a copy of a relevant candidate is another candidate, or relevant too.
CHOICES = ("apart", "relevant")
SAID = {
  "apart": "each is ranked as a candidate of its own",
  "relevant": "a copy of what is relevant is relevant, with its grade",
}


def settle(
  task: task_lib.Task, identity_N: np.ndarray | None, *, count_as: str = "apart"
) -> task_lib.Task:
  """The task with its copies counted in a note, and relevant where asked.

  Candidates of one language that have one identity are copies of each other.

  Args:
    task: what was read.
    identity_N: equal for candidates that the encoder cannot tell apart; None
      takes their texts and contexts.
    count_as: one of `CHOICES`.

  Raises:
    ValueError: the choice is unknown.
  """
  if count_as not in CHOICES:
    raise ValueError(f"{count_as!r} is unknown; use one of {list(CHOICES)}")
  class_N, size_C = _classes(task, identity_N)
  if (size_C < 2).all():
    return task
  note = _note(task, class_N, size_C, count_as)
  settled = dataclasses.replace(task, notes=(*task.notes, note))
  return _spread(settled, class_N) if count_as == "relevant" else settled


def digests(items: Iterable[bytes]) -> np.ndarray:
  """An identity for each item, equal where the bytes are."""
  found = [hashlib.blake2b(item, digest_size=16).digest() for item in items]
  return np.array(found, "V16")


def _classes(task, identity_N):
  """The class of each candidate, and how many are in each."""
  if identity_N is None:
    contexts = task.candidate_context or [""] * task.num_candidates
    pairs = zip(task.candidate_texts, contexts, strict=True)
    identity_N = digests(
      f"{text}\0{context}".encode() for text, context in pairs
    )
  _, place_N = np.unique(identity_N, return_inverse=True)
  both_N = place_N.astype(np.int64) * len(task.languages)
  _, class_N, size_C = np.unique(
    both_N + task.candidate_language, return_inverse=True, return_counts=True
  )
  return class_N, size_C


def _note(task, class_N, size_C, count_as) -> str:
  number = int(size_C[size_C > 1].sum())
  first = int(np.flatnonzero(size_C[class_N] > 1)[0])
  one, other = np.flatnonzero(class_N == class_N[first])[:2].tolist()
  ids = [reading.shown(task.candidate_ids[index]) for index in (one, other)]
  return (
    f"{number:,} of {task.num_candidates:,} candidates are the same to the"
    f" encoder as another of their language, such as {ids[0]} and {ids[1]}:"
    f" {SAID[count_as]} (evaluation.identical_candidates)."
  )


def _spread(task: task_lib.Task, class_N: np.ndarray) -> task_lib.Task:
  """The task in which all copies of what is relevant are."""
  order_N = np.argsort(class_N, kind="stable")
  ends_C = np.cumsum(np.bincount(class_N))
  judged: list[dict[int, int]] = []
  grades = np.ones_like(task.relevant) if task.grades is None else task.grades
  for relevant_R, grade_R in zip(task.relevant, grades, strict=True):
    found: dict[int, int] = {}
    for index, grade in zip(relevant_R.tolist(), grade_R.tolist(), strict=True):
      if index >= 0:
        kind = class_N[index]
        start = ends_C[kind - 1] if kind else 0
        for copy in order_N[start : ends_C[kind]].tolist():
          found[copy] = max(grade, found.get(copy, 0))
    judged.append(found)
  relevant_QR, grade_QR = task_lib.pad_graded(judged)
  return dataclasses.replace(
    task,
    relevant=relevant_QR,
    grades=None if task.grades is None else grade_QR,
  )
