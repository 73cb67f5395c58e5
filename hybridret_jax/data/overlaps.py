"""Texts of a task that are trained on, as the encoder sees them."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from hybridret_jax.data import corpus_table, pair_tokens, tokenizer


@dataclasses.dataclass(frozen=True)
class Overlap:
  """Which texts of a task have the tokens of a training text of their side.

  Attributes:
    query_Q: the row whose query it is, -1 for none, int64 [Q].
    candidate_N: the row whose passage it is, likewise, int64 [N].
    negative_N: the row that names it as a hard negative, int64 [N].
    pair_Q: whether a query and a candidate that is relevant for it both are
      trained on, as a query and a passage, bool [Q].
  """

  query_Q: np.ndarray
  candidate_N: np.ndarray
  negative_N: np.ndarray
  pair_Q: np.ndarray


class Trained:
  """The texts that are trained on, by their tokens."""

  def __init__(
    self, corpus: corpus_table.Corpus, tokens: pair_tokens.PairTokens
  ):
    """Takes the rows to train on and their tokens, prefixed and cut."""
    runs = list(_runs(tokens.ids, tokens.offsets))
    rows = np.arange(len(corpus))
    naming = np.repeat(rows, corpus.negative_counts)
    of_negative = tokens.passage_of_text[corpus.negative_values]
    self._query = _first(runs, tokens.query_of_row, rows)
    self._passage = _first(runs, tokens.passage_of_row, rows)
    self._negative = _first(runs, of_negative, naming)

  def overlap(
    self,
    queries: tokenizer.Tokens,
    candidates: tokenizer.Tokens,
    relevant_QR: np.ndarray,
  ) -> Overlap:
    """What of a task is trained on.

    Args:
      queries: of the task, prefixed and cut as those of training are.
      candidates: likewise, as passages.
      relevant_QR: candidates that are relevant for each query, -1 for none.
    """
    query_Q = _looked_up(self._query, queries)
    candidate_N = _looked_up(self._passage, candidates)
    is_seen_QR = (relevant_QR >= 0) & (candidate_N[relevant_QR] >= 0)
    return Overlap(
      query_Q=query_Q,
      candidate_N=candidate_N,
      negative_N=_looked_up(self._negative, candidates),
      pair_Q=(query_Q >= 0) & is_seen_QR.any(axis=1),
    )


def _runs(ids, offsets) -> Iterator[bytes]:
  data = np.ascontiguousarray(ids, "<i4").tobytes()
  ends = (offsets * 4).tolist()
  for start, end in zip(ends[:-1], ends[1:], strict=True):
    yield data[start:end]


def _first(runs, stored, rows) -> dict[bytes, int]:
  """The first row of each run of tokens; -1 is no stored text."""
  found: dict[bytes, int] = {}
  for text, row in zip(stored.tolist(), rows.tolist(), strict=True):
    if text >= 0:
      found.setdefault(runs[text], row)
  return found


def _looked_up(known, tokens) -> np.ndarray:
  runs = _runs(tokens.ids, tokens.offsets)
  return np.array([known.get(run, -1) for run in runs], np.int64)
