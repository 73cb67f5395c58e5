"""A retrieval task: queries, candidates, and which candidates are relevant."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from hybridret_jax.ground import faults


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
  """Queries against one pool of candidates in several languages.

  Candidates are sorted by language, so those of one language are contiguous;
  the candidate index breaks ties between equal scores. A query may have any
  number of relevant candidates in any language, or none.

  Attributes:
    name: what the figures are filed under.
    languages: codes that `query_language` and `candidate_language` index.
    query_texts: stripped texts, without a prefix.
    query_ids: unique.
    query_language: [Q] int32.
    candidate_texts: stripped texts, without a prefix.
    candidate_ids: unique.
    candidate_language: [N] int32, never decreasing.
    candidate_context: second segment of each candidate (its paragraph), or
      None where the task has none.
    relevant: [Q, R] int32, candidate indices, filled up with -1.
    query_cluster: what the query was drawn from (its article); questions of
      one cluster are resampled together. None where that is not known.
    grades: [Q, R] int32, how relevant each of `relevant` is: at least 1, and
      0 where `relevant` is -1. None means 1 each.
    query_subcluster: a second level within the cluster (the paragraph); each
      lies in one cluster. None where there is none.
    query_group: equal for the translations of one query, distinct within a
      language. None where that is not known.
    candidate_group: what a candidate is one language's copy of (a paragraph);
      candidates of a language may share one. None where there are no copies.
    candidate_form: how the candidates were made: "as given", or what a loader
      was asked for.
    misses: for each query the grades, 1 or more, of relevant candidates in its
      own language that are not among the candidates, by id: what was judged in
      a corpus that is here in part. They count as never found. None where
      there are none.
    left_out: [Q] int32, the candidate that is in no ranking of a query: the
      query itself; -1 where there is none. Never relevant for it. None where
      no query has one.
    notes: what a reader of the figures must know, one sentence each.

  Raises:
    ValueError: lengths, ranges, order or uniqueness do not hold.
  """

  name: str
  languages: tuple[str, ...]
  query_texts: tuple[str, ...]
  query_ids: tuple[str, ...]
  query_language: np.ndarray
  candidate_texts: tuple[str, ...]
  candidate_ids: tuple[str, ...]
  candidate_language: np.ndarray
  candidate_context: tuple[str, ...] | None
  relevant: np.ndarray
  query_cluster: tuple[str, ...] | None = None
  grades: np.ndarray | None = None
  query_subcluster: tuple[str, ...] | None = None
  query_group: tuple[str, ...] | None = None
  candidate_group: tuple[str, ...] | None = None
  candidate_form: str = "as given"
  misses: tuple[Mapping[str, int], ...] | None = None
  left_out: np.ndarray | None = None
  notes: tuple[str, ...] = ()

  def __post_init__(self):
    _check_side(
      self, "query", self.query_texts, self.query_ids, self.query_language
    )
    _check_side(
      self,
      "candidate",
      self.candidate_texts,
      self.candidate_ids,
      self.candidate_language,
    )
    if len(set(self.languages)) != len(self.languages):
      raise ValueError(
        f"task {self.name}: languages {self.languages} repeat a code;"
        " name each once"
      )
    if np.any(np.diff(self.candidate_language) < 0):
      raise ValueError(
        f"task {self.name}: candidates are not sorted by language; sort them"
        " by candidate_language with a stable sort"
      )
    for field, length in (
      ("candidate_context", self.num_candidates),
      ("candidate_group", self.num_candidates),
      ("query_cluster", self.num_queries),
      ("query_subcluster", self.num_queries),
      ("query_group", self.num_queries),
      ("misses", self.num_queries),
      ("left_out", self.num_queries),
    ):
      if getattr(self, field) is not None:
        _check_length(self, field, getattr(self, field), length)
    _check_relevant(self)
    _check_left_out(self)
    _check_grades(self)
    _check_nesting(self)
    _check_groups(self)

  @property
  def num_queries(self) -> int:
    return len(self.query_texts)

  @property
  def num_candidates(self) -> int:
    return len(self.candidate_texts)


def of_files(folder: str | os.PathLike, **columns: Any) -> Task:
  """The task whose columns were read in `folder`.

  Raises:
    Fault: what `Task` refuses, with the folder.
  """
  try:
    return Task(**columns)
  except ValueError as error:
    what, _, mend = str(error).rpartition("; ")
    raise faults.Fault(folder, what, mend) from error


def language_column(sizes: list[int]) -> np.ndarray:
  """The int32 language column of blocks of so many texts, one a language."""
  return np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)


def pad_relevant(relevant: list[list[int]]) -> np.ndarray:
  """[Q, R] int32: each query's candidate indices, ascending, then -1."""
  return pad([sorted(row) for row in relevant], -1)


def pad_graded(grades: list[dict[int, int]]) -> tuple[np.ndarray, np.ndarray]:
  """`relevant` and `grades`, both [Q, R] int32, of candidate index to grade.

  Candidates with a grade of 0 or less are left out.
  """
  rows = [
    sorted((index, grade) for index, grade in row.items() if grade > 0)
    for row in grades
  ]
  return (
    pad([[index for index, _ in row] for row in rows], -1),
    pad([[grade for _, grade in row] for row in rows], 0),
  )


def pad(rows: list[list[int]], filling: int) -> np.ndarray:
  """int32 rows of one width, filled up at the end."""
  width = max((len(row) for row in rows), default=0)
  padded = np.full((len(rows), max(width, 1)), filling, np.int32)
  for row, values in zip(padded, rows, strict=True):
    row[: len(values)] = values
  return padded


def _check_side(task, side, texts, ids, language):
  if not texts:
    raise ValueError(
      f"task {task.name}: no {side} texts; look at the files it was read from"
    )
  _check_length(task, f"{side}_ids", ids, len(texts))
  _check_length(task, f"{side}_language", language, len(texts))
  if len(set(ids)) != len(ids):
    seen: set[str] = set()
    twice = next(i for i in ids if i in seen or seen.add(i))
    raise ValueError(
      f"task {task.name}: {side} id {twice!r} stands twice; ids must be unique"
    )
  if language.dtype != np.int32:
    raise ValueError(
      f"task {task.name}: {side}_language is {language.dtype}; make it int32"
    )
  if language.min() < 0 or language.max() >= len(task.languages):
    raise ValueError(
      f"task {task.name}: {side}_language reaches from {language.min()} to"
      f" {language.max()}; it must index the {len(task.languages)} languages"
    )


def _check_length(task, what, values, length):
  if len(values) != length:
    raise ValueError(
      f"task {task.name}: {what} has {len(values)} entries for {length} texts;"
      " give one for each"
    )


def _check_relevant(task):
  relevant = task.relevant
  if relevant.ndim != 2 or len(relevant) != task.num_queries:
    raise ValueError(
      f"task {task.name}: relevant has shape {relevant.shape}; it must be"
      f" [{task.num_queries}, R]"
    )
  if relevant.dtype != np.int32:
    raise ValueError(
      f"task {task.name}: relevant is {relevant.dtype}; make it int32"
    )
  if relevant.size == 0 or (relevant < 0).all():
    raise ValueError(
      f"task {task.name}: no query has a relevant candidate; look at its"
      " judgements"
    )
  if relevant.min() < -1 or relevant.max() >= task.num_candidates:
    raise ValueError(
      f"task {task.name}: relevant reaches from {relevant.min()} to"
      f" {relevant.max()}; it must be -1 or one of the"
      f" {task.num_candidates} candidates"
    )
  ordered = np.sort(relevant, axis=1)
  twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
  if twice.any():
    query = int(np.flatnonzero(twice.any(axis=1))[0])
    raise ValueError(
      f"task {task.name}: query {task.query_ids[query]!r} names a relevant"
      " candidate twice; name each once"
    )


def _check_left_out(task):
  if task.left_out is None:
    return
  own_Q = task.left_out
  if own_Q.dtype != np.int32 or own_Q.min() < -1:
    raise ValueError(
      f"task {task.name}: left_out is {own_Q.dtype} from {own_Q.min()}; make it"
      " int32 and -1 where a query has none"
    )
  if own_Q.max() >= task.num_candidates or task.num_candidates < 2:
    raise ValueError(
      f"task {task.name}: left_out reaches to {own_Q.max()}; it must be one of"
      f" the {task.num_candidates} candidates, which are at least two"
    )
  hit_Q = ((task.relevant == own_Q[:, None]) & (task.relevant >= 0)).any(axis=1)
  if hit_Q.any():
    raise ValueError(
      f"task {task.name}: query {task.query_ids[int(np.argmax(hit_Q))]!r} has a"
      " relevant candidate that is left out; it can be one of both"
    )


def _check_grades(task):
  grades = task.grades
  if grades is None:
    return
  if grades.shape != task.relevant.shape or grades.dtype != np.int32:
    raise ValueError(
      f"task {task.name}: grades is {grades.dtype} of shape {grades.shape};"
      f" make it int32 of relevant's shape {task.relevant.shape}"
    )
  wrong = np.where(task.relevant >= 0, grades < 1, grades != 0)
  if wrong.any():
    query, place = np.argwhere(wrong)[0].tolist()
    raise ValueError(
      f"task {task.name}: query {task.query_ids[query]!r} has the grade"
      f" {grades[query, place]} for candidate {task.relevant[query, place]};"
      " grade relevant candidates 1 or more and the filling (-1) 0"
    )


def _check_nesting(task):
  if task.query_subcluster is None:
    return
  if task.query_cluster is None:
    raise ValueError(
      f"task {task.name}: query_subcluster is given without query_cluster;"
      " give the clusters that it lies in"
    )
  cluster_of: dict[str, str] = {}
  pairs = zip(task.query_subcluster, task.query_cluster, strict=True)
  for part, whole in pairs:
    if cluster_of.setdefault(part, whole) != whole:
      raise ValueError(
        f"task {task.name}: query_subcluster {part!r} lies in the clusters"
        f" {cluster_of[part]!r} and {whole!r}; name it apart in each"
      )


def _check_groups(task):
  if task.query_group is None:
    return
  seen: dict[tuple[int, str], str] = {}
  languages = task.query_language.tolist()
  for key, identity in zip(
    zip(languages, task.query_group, strict=True), task.query_ids, strict=True
  ):
    if key in seen:
      raise ValueError(
        f"task {task.name}: queries {seen[key]!r} and {identity!r} are both of"
        f" the group {key[1]!r} in {task.languages[key[0]]}; a query has one"
        " form in a language"
      )
    seen[key] = identity
