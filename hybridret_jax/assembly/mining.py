"""Vectors of a corpus to its hard negatives, part by part, resumed."""

import dataclasses
import json
import logging
import pathlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jax.sharding import Mesh

from hybridret_jax.data import mining
from hybridret_jax.ground import digests, writing
from hybridret_jax.retrieval import search

_LOG = logging.getLogger(__name__)
_PART = 4096  # Queries that a killed run searches again, at most.
_FEW = 16  # Own candidates that are searched besides, at first.


@dataclasses.dataclass(frozen=True)
class Vectors:
  """Unit vectors of a pool, in its order.

  Attributes:
    queries: of each language, [queries, D].
    candidates: of each language, [candidates, D] in shards.
    fingerprint: what they follow from.
  """

  queries: Sequence[Iterable[np.ndarray]]
  candidates: Sequence[Iterable[np.ndarray]]
  fingerprint: str


def mine(
  pool: mining.Pool,
  settings: mining.Settings,
  vectors: Vectors,
  folder: pathlib.Path,
  *,
  mesh: Mesh | None = None,
  part: int = _PART,
) -> mining.Chosen:
  """The hard negatives of all queries.

  Each part of the queries is kept in `folder` once it is searched, under what
  it follows from; a call that was killed goes on at the part it was in.

  Args:
    pool: queries and candidates.
    settings: what is taken.
    vectors: of the pool.
    folder: where parts are kept.
    mesh: of the search; None is one device.
    part: queries of a part.
  """
  kept = folder / _name(pool, settings, vectors, part)
  kept.mkdir(parents=True, exist_ok=True)
  found = []
  for language in range(len(pool.corpus.languages)):
    of = np.flatnonzero(pool.language_Q == language)
    if not len(of):
      continue
    queries = np.concatenate(list(vectors.queries[language]))
    for number, start in enumerate(range(0, len(of), part)):
      path = kept / f"{language:03}-{number:06}.npz"
      if not path.is_file():
        some = slice(start, start + part)
        made = _part(
          pool, settings, vectors, language, of[some], queries[some], mesh
        )
        _keep(path, made)
      found.append(_kept(path))
      done = sum(len(x.positive_Q) for x in found)
      _LOG.info("%d of %d queries are mined.", done, len(pool.row_Q))
  return mining.concatenated(found)


def _part(pool, settings, vectors, language, query, q_QD, mesh):
  """What is chosen for some queries of a language."""
  searched = mining.searched(settings, language, len(pool.corpus.languages))
  number = int(np.isin(pool.language_N, searched).sum())
  positive_QX = mining.positives(pool, query)
  positive_score_QX = _positive_scores(pool, vectors, q_QD, positive_QX)
  own_Q = pool.own(query, searched)
  wanted = min(settings.last_rank + int(own_Q.max(initial=0)), max(number, 1))
  found_QK = np.full((len(query), wanted), -1, np.int64)
  score_QK = np.full((len(query), wanted), -np.inf, np.float32)
  global_N = np.flatnonzero(np.isin(pool.language_N, searched))
  shards = _Chain([vectors.candidates[x] for x in searched.tolist()])
  for some, k in _by_own(own_Q, settings.last_rank, number):
    score, index = search.top_k(q_QD[some], shards, k, mesh=mesh)
    found_QK[some, : score.shape[1]] = global_N[index]
    score_QK[some, : score.shape[1]] = score
  return mining.choose(
    pool,
    settings,
    query=query,
    found_QK=found_QK,
    score_QK=score_QK,
    positive_QX=positive_QX,
    positive_score_QX=positive_score_QX,
  )


def _by_own(own_Q, last_rank, number) -> Iterator[tuple[np.ndarray, int]]:
  """Queries with about as many own candidates, and how many they look at.

  So many that `last_rank` are left when their own are taken out.
  """
  if not number:
    return
  low, high = -1, _FEW
  while low < own_Q.max(initial=-1):
    some = np.flatnonzero((own_Q > low) & (own_Q <= high))
    if len(some):
      yield some, min(last_rank + int(own_Q[some].max()), number)
    low, high = high, high * 4


def _positive_scores(pool, vectors, q_QD, positive_QX):
  """The score of what answers each query in each language, [Q, X]."""
  starts = np.searchsorted(
    pool.language_N, np.arange(len(pool.corpus.languages) + 1)
  )
  unique, place = np.unique(positive_QX, return_inverse=True)
  p_UD = np.zeros((len(unique), q_QD.shape[1]), np.float32)
  for language, shards in enumerate(vectors.candidates):
    start = int(starts[language])
    for shard in shards:
      some = np.flatnonzero((unique >= start) & (unique < start + len(shard)))
      p_UD[some] = shard[unique[some] - start]
      start += len(shard)
  place = place.reshape(positive_QX.shape)
  return np.stack(
    [
      np.einsum("qd,qd->q", q_QD.astype(np.float32), p_UD[place[:, language]])
      for language in range(positive_QX.shape[1])
    ],
    axis=1,
  )


class _Chain:
  """The shards of several languages, one after another, as often as asked."""

  def __init__(self, parts):
    self._parts = parts

  def __iter__(self):
    for part in self._parts:
      yield from part


def _name(pool, settings, vectors, part) -> str:
  corpus = pool.corpus
  digest = digests.of_values(
    [
      dataclasses.asdict(settings),
      vectors.fingerprint,
      part,
      list(corpus.sha256),
      list(corpus.languages),
      corpus.block_row.tolist(),
      pool.same_N.tolist(),
    ]
  )
  return digest[:16]


def _keep(path, made) -> None:
  with writing.replacing(path) as aside, aside.open("wb") as file:
    np.savez(
      file,
      negative_QK=made.negative_QK,
      score_QK=made.score_QK,
      positive_Q=made.positive_Q,
      left=np.array(json.dumps(made.left)),
    )


def _kept(path) -> mining.Chosen:
  with np.load(path, allow_pickle=False) as file:
    return mining.Chosen(
      file["negative_QK"],
      file["score_QK"],
      file["positive_Q"],
      json.loads(str(file["left"])),
    )
