"""A retrieval task: queries, candidates, and which candidates are relevant."""

import dataclasses

import numpy as np


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
    if self.candidate_context is not None:
      _check_length(
        self, "candidate_context", self.candidate_context, self.num_candidates
      )
    if self.query_cluster is not None:
      _check_length(self, "query_cluster", self.query_cluster, self.num_queries)
    _check_relevant(self)

  @property
  def num_queries(self) -> int:
    return len(self.query_texts)

  @property
  def num_candidates(self) -> int:
    return len(self.candidate_texts)


def pad_relevant(relevant: list[list[int]]) -> np.ndarray:
  """[Q, R] int32: each query's candidate indices, ascending, then -1."""
  width = max((len(row) for row in relevant), default=0)
  padded = np.full((len(relevant), max(width, 1)), -1, np.int32)
  for row, indices in zip(padded, relevant, strict=True):
    row[: len(indices)] = sorted(indices)
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
