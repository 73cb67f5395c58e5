"""Which candidates may be a query's hard negatives, by scores and texts.

Shape letters: Q queries, N candidates, K candidates found for a query, X
languages.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from hybridret_jax.data import corpus_table, identity
from hybridret_jax.ground import faults

CANDIDATES = ("same", "other", "pool")
# Why a candidate that was found is no negative.
REASONS = (
  "of the query's group or block",
  "outside of the ranks",
  "too near the positive's score",
  "a near-duplicate of the positive",
)
_GRAM = 4  # Characters.


@dataclasses.dataclass(frozen=True)
class Settings:
  """What is taken for a hard negative.

  Attributes:
    candidates: passages of the query's language ("same"), of all others
      ("other"), or of all ("pool").
    number: hard negatives of a query, at most; the highest ranks come first.
    first_rank: the first that may be one, counted from 1 among what is not of
      the query's group or block.
    last_rank: the last one.
    share: of the positive's score: what scores higher is left out.
    margin: below the positive's score that a negative has to be.
    near_duplicate: share of the character 4-grams of a positive and a candidate
      that both have (Jaccard), from which the candidate is left out.

  Source: share and margin are TopK-PercPos and TopK-MarginPos of Moreira et
    al., NV-Retriever, arXiv 2407.15831, which finds a share of 0.95 best.
  """

  candidates: str = "same"
  number: int = 8
  first_rank: int = 1
  last_rank: int = 100
  share: float = 0.95
  margin: float = 0.0
  near_duplicate: float = 0.8

  def __post_init__(self):
    for key, holds, mend in (
      (
        "candidates",
        self.candidates in CANDIDATES,
        f"choose from {', '.join(CANDIDATES)}",
      ),
      ("number", self.number > 0, "give 1 or more"),
      (
        "first_rank",
        0 < self.first_rank <= self.last_rank,
        f"give 1 to mining.last_rank ({self.last_rank})",
      ),
      ("share", 0 < self.share <= 1, "give a share above 0, at most 1"),
      ("margin", self.margin >= 0, "give 0 or more"),
      (
        "near_duplicate",
        0 < self.near_duplicate <= 1,
        "give a share above 0; 1 leaves out equal texts only",
      ),
    ):
      if not holds:
        raise faults.Fault(f"mining.{key}", f"is {getattr(self, key)!r}", mend)


@dataclasses.dataclass(frozen=True)
class Pool:
  """The queries and candidates of a corpus, each side sorted by language.

  A candidate is a passage of a language, once however many rows have it.

  Attributes:
    corpus: the rows, their blocks joined where they share a text.
    row_Q: the row that each query is of.
    text_N: each candidate's text, by its index.
    language_N: its language.
    block_N: its block; rows that share a passage are of one.
    same_N: equal where the encoder is given the same.
    of_group_GX: the candidate that a group has in a language, or -1.
  """

  corpus: corpus_table.Corpus
  row_Q: np.ndarray
  text_N: np.ndarray
  language_N: np.ndarray
  block_N: np.ndarray
  same_N: np.ndarray
  of_group_GX: np.ndarray

  @property
  def language_Q(self) -> np.ndarray:
    return self.corpus.language_row[self.row_Q]

  @functools.cached_property
  def _own(self) -> np.ndarray:
    """Candidates of each block, by language, [blocks, X]."""
    found = np.zeros(
      (len(self.corpus.blocks), len(self.corpus.languages)), np.int64
    )
    np.add.at(found, (self.block_N, self.language_N), 1)
    return found

  def own(self, query: np.ndarray, language_X: np.ndarray) -> np.ndarray:
    """How many candidates of some languages each query's block has."""
    block = self.corpus.block_row[self.row_Q[query]]
    return self._own[block][:, language_X].sum(axis=1)


@dataclasses.dataclass(frozen=True)
class Chosen:
  """Hard negatives of some queries.

  Attributes:
    negative_QK: candidates, best first, then -1.
    score_QK: their scores.
    positive_Q: the score of each query's own passage.
    left: how many of what was found were left out, by reason.
  """

  negative_QK: np.ndarray
  score_QK: np.ndarray
  positive_Q: np.ndarray
  left: dict[str, int]


def pool(corpus: corpus_table.Corpus, identities: identity.Identities) -> Pool:
  """The pool of a corpus that `identity.settle` has settled."""
  asks = np.flatnonzero(corpus_table.is_monolingual(corpus))
  row_Q = asks[np.argsort(corpus.language_row[asks], kind="stable")]
  pairs = np.stack([corpus.language_row, corpus.passage_row])
  (language_N, text_N), first, place = np.unique(
    pairs, axis=1, return_index=True, return_inverse=True
  )
  of_group_GX = np.full(
    (len(corpus.groups), len(corpus.languages)), -1, np.int64
  )
  of_group_GX[corpus.group_row, corpus.language_row] = place.reshape(-1)
  return Pool(
    corpus=corpus,
    row_Q=row_Q,
    text_N=text_N,
    language_N=language_N,
    block_N=corpus.block_row[first],
    same_N=identities.passage_of_text[text_N],
    of_group_GX=of_group_GX,
  )


def searched(settings: Settings, language: int, number: int) -> np.ndarray:
  """The languages whose passages a query of a language is compared with."""
  every = np.arange(number)
  if settings.candidates == "same":
    return every[every == language]
  return every if settings.candidates == "pool" else every[every != language]


def positives(pool: Pool, query: np.ndarray) -> np.ndarray:
  """The candidate that answers each query in each language, [queries, X].

  What its group has in the language; where it has nothing, its own passage.
  """
  rows = pool.row_Q[query]
  corpus = pool.corpus
  of_group = pool.of_group_GX[corpus.group_row[rows]]
  place = {
    (language, text): index
    for index, (language, text) in enumerate(
      zip(pool.language_N.tolist(), pool.text_N.tolist(), strict=True)
    )
  }
  own = np.array(
    [
      place[key]
      for key in zip(
        corpus.language_row[rows].tolist(),
        corpus.passage_row[rows].tolist(),
        strict=True,
      )
    ]
  )
  of_group[np.arange(len(rows)), corpus.language_row[rows]] = own
  return np.where(of_group < 0, own[:, None], of_group)


def choose(
  pool: Pool,
  settings: Settings,
  *,
  query: np.ndarray,
  found_QK: np.ndarray,
  score_QK: np.ndarray,
  positive_QX: np.ndarray,
  positive_score_QX: np.ndarray,
) -> Chosen:
  """The hard negatives of some queries among what was found for them.

  Never of the query's block, so neither of its group nor of one that shares a
  text with it; nor what the encoder takes for another of them.

  Args:
    pool: all queries and candidates.
    settings: what is taken.
    query: indices of the queries.
    found_QK: candidates of highest score, descending, then -1.
    score_QK: their scores.
    positive_QX: what answers each query in each language; see `positives`.
    positive_score_QX: its score.
  """
  block_Q = pool.corpus.block_row[pool.row_Q[query]]
  is_real = found_QK >= 0
  is_own = is_real & (pool.block_N[found_QK] == block_Q[:, None])
  rank_QK = np.cumsum(is_real & ~is_own, axis=1)
  in_window = (rank_QK >= settings.first_rank) & (rank_QK <= settings.last_rank)
  score_of_positive_QK = np.take_along_axis(
    positive_score_QX, pool.language_N[found_QK], axis=1
  )
  limit_QK = np.minimum(
    np.minimum(settings.share * score_of_positive_QK, score_of_positive_QK),
    score_of_positive_QK - settings.margin,
  )
  is_near = score_QK > limit_QK
  left: dict[str, int] = dict.fromkeys(REASONS, 0)
  left[REASONS[0]] = int(is_own.sum())
  left[REASONS[1]] = int((is_real & ~is_own & ~in_window).sum())
  left[REASONS[2]] = int((is_real & ~is_own & in_window & is_near).sum())
  may_be = is_real & ~is_own & in_window & ~is_near
  negative_QK = np.full((len(query), settings.number), -1, np.int64)
  kept_QK = np.zeros((len(query), settings.number), np.float32)
  for q in range(len(query)):
    languages = pool.language_N[found_QK[q]]
    taken: set[int] = set()
    for k in np.flatnonzero(may_be[q]).tolist():
      if len(taken) == settings.number:
        break
      candidate = int(found_QK[q, k])
      if int(pool.same_N[candidate]) in taken:
        continue
      answers = {
        int(positive_QX[q, languages[k]]),
        int(positive_QX[q, pool.language_Q[query[q]]]),
      }
      if _is_copy(pool, candidate, answers, settings.near_duplicate):
        left[REASONS[3]] += 1
        continue
      negative_QK[q, len(taken)] = candidate
      kept_QK[q, len(taken)] = score_QK[q, k]
      taken.add(int(pool.same_N[candidate]))
  own = pool.language_Q[query]
  return Chosen(
    negative_QK,
    kept_QK,
    positive_score_QX[np.arange(len(query)), own],
    left,
  )


def likeness(one: str, other: str) -> float:
  """Share of the character 4-grams of two texts that both have (Jaccard)."""
  a, b = _grams(one), _grams(other)
  return len(a & b) / len(a | b)


def _is_copy(
  pool: Pool, candidate: int, answers: set[int], most: float
) -> bool:
  texts = pool.corpus.texts
  text = texts[pool.text_N[candidate]]
  return any(
    likeness(text, texts[pool.text_N[answer]]) >= most for answer in answers
  )


@functools.lru_cache(maxsize=65_536)
def _grams(text: str) -> frozenset[str]:
  text = f" {' '.join(text.casefold().split())} "
  return frozenset(
    text[at : at + _GRAM] for at in range(max(1, len(text) - _GRAM + 1))
  )


def concatenated(parts: Sequence[Chosen]) -> Chosen:
  """What was chosen for the queries of all parts, in their order."""
  left: dict[str, int] = dict.fromkeys(REASONS, 0)
  for part in parts:
    for reason, number in part.left.items():
      left[reason] += number
  return Chosen(
    np.concatenate([x.negative_QK for x in parts]),
    np.concatenate([x.score_QK for x in parts]),
    np.concatenate([x.positive_Q for x in parts]),
    left,
  )
