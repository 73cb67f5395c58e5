"""Writes judgements and rankings as TREC files, which other tools read.

Fields of such a line end at white space. In an id or tag, white space and the
percent sign are written as in a URL (`%20`, `%25`), so that
`urllib.parse.unquote` gives the id back. A path that ends in `.gz` is
compressed. A file takes its place once it is whole.
"""

import gzip
import os
import pathlib
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from hybridret_jax.ground import writing


def write_qrels(
  path: str | os.PathLike,
  query_ids: Sequence[str],
  candidate_ids: Sequence[str],
  relevant_QR,
  grade_QR=None,
  misses: Sequence[Mapping[str, int]] | None = None,
) -> None:
  """Writes `qid Q0 docid grade` for every relevant candidate.

  Args:
    path: the file.
    query_ids: one for each query.
    candidate_ids: what `relevant_QR` indexes.
    relevant_QR: candidate indices, -1 is padding.
    grade_QR: aligned with `relevant_QR`; None is 1 each.
    misses: for each query the grades of what is relevant and no candidate, by
      id.

  Raises:
    ValueError: an id is empty, or the arrays do not fit.
  """
  relevant_QR = np.asarray(relevant_QR)
  grade_QR = np.ones_like(relevant_QR) if grade_QR is None else grade_QR
  _check(query_ids, relevant_QR, np.asarray(grade_QR))
  rows = _rows(query_ids, candidate_ids, relevant_QR, np.asarray(grade_QR))
  lines = [f"{q} Q0 {c} {grade}\n" for q, _, c, grade in rows]
  for query, lacking in zip(query_ids, misses or (), strict=misses is not None):
    lines += [
      f"{_field(query)} Q0 {_field(candidate)} {grade}\n"
      for candidate, grade in lacking.items()
    ]
  _write(path, lines)


def write_run(
  path: str | os.PathLike,
  query_ids: Sequence[str],
  candidate_ids: Sequence[str],
  scores_QK,
  indices_QK,
  *,
  tag: str,
) -> None:
  """Writes `qid Q0 docid rank score tag` for the first k of every query.

  Tools order a run by score, and each breaks ties in its own way. So that all
  of them find the order given, a score that is not below the one before it,
  in float32, is written as the next float32 below.

  Args:
    path: the file.
    query_ids: one for each query.
    candidate_ids: what `indices_QK` indexes.
    scores_QK: float32, never increasing within a query.
    indices_QK: candidate indices, best first; -1 is padding at the end.
    tag: names the system.

  Raises:
    ValueError: an id or the tag is empty, the arrays do not fit, or a score
      is not finite or above the one before it.
  """
  scores_QK = np.asarray(scores_QK, np.float32)
  indices_QK = np.asarray(indices_QK)
  _check(query_ids, indices_QK, scores_QK)
  scores_QK = _decreasing(scores_QK, indices_QK, query_ids)
  rows = _rows(query_ids, candidate_ids, indices_QK, scores_QK)
  tag = _field(tag)
  _write(
    path,
    # Nine digits tell every float32 from its neighbours.
    (f"{q} Q0 {c} {k} {score:.9g} {tag}\n" for q, k, c, score in rows),
  )


def _decreasing(scores_QK, indices_QK, query_ids):
  there_QK = indices_QK >= 0
  wrong_QK = there_QK & ~np.isfinite(scores_QK)
  wrong_QK[:, 1:] |= there_QK[:, 1:] & (scores_QK[:, 1:] > scores_QK[:, :-1])
  wrong_QK[:, 1:] |= there_QK[:, 1:] & ~there_QK[:, :-1]
  if wrong_QK.any():
    query, rank = np.argwhere(wrong_QK)[0].tolist()
    raise ValueError(
      f"query {query_ids[query]!r} has {scores_QK[query, rank]} at rank"
      f" {rank + 1} after {scores_QK[query, :rank][-3:].tolist()}; give finite"
      " scores, best first, and padding at the end"
    )
  scores_QK = scores_QK.copy()
  lowest = np.float32(-np.inf)
  for rank in range(1, scores_QK.shape[1]):
    below_Q = np.nextafter(scores_QK[:, rank - 1], lowest)
    np.minimum(scores_QK[:, rank], below_Q, out=scores_QK[:, rank])
  return scores_QK


def _check(query_ids, indices_QK, values_QK):
  if indices_QK.ndim != 2 or len(indices_QK) != len(query_ids):
    raise ValueError(
      f"candidate indices have shape {indices_QK.shape} for {len(query_ids)}"
      " queries; give a row for each"
    )
  if values_QK.shape != indices_QK.shape:
    raise ValueError(
      f"scores or grades have shape {values_QK.shape}; it must be that of the"
      f" candidate indices, {indices_QK.shape}"
    )


def _rows(query_ids, candidate_ids, indices_QK, values_QK) -> Iterator[tuple]:
  """(query id, 1-based place, candidate id, value) of all but the padding."""
  for identity, indices, values in zip(
    query_ids, indices_QK.tolist(), values_QK.tolist(), strict=True
  ):
    query = _field(identity)
    pairs = zip(indices, values, strict=True)
    for place, (index, value) in enumerate(pairs, start=1):
      if index >= 0:
        yield query, place, _field(candidate_ids[index]), value


def _field(text: str) -> str:
  if not text:
    raise ValueError("an id or tag is empty; TREC files need one")
  return re.sub(r"[\s%]", lambda found: urllib.parse.quote(found[0]), text)


def _write(path: str | os.PathLike, lines: Iterable[str]) -> None:
  opener = gzip.open if pathlib.Path(path).suffix == ".gz" else open
  with (
    writing.replacing(path) as aside,
    opener(aside, "wt", encoding="utf-8", newline="\n") as file,
  ):
    file.writelines(lines)
