"""A task and parameters to figures: every text encoded once, then ranked."""

import dataclasses
import hashlib
import itertools
import json
import pathlib
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np
from jax.sharding import Mesh

from hybridret_jax.assembly import (
  corpus_encoding,
  encoding,
  model,
  systems,
  training_data,
)
from hybridret_jax.data import sources
from hybridret_jax.ground import caching
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.retrieval import evaluation, lengths, store, uncertainty
from hybridret_jax.retrieval.tasks import copies, own
from hybridret_jax.retrieval.tasks import task as tasks

MEAN = "mean"  # Of the settings' mAP: what checkpoints are chosen by.
SHARD = 8192  # Texts that a killed run encodes again, at most.
IN_MEMORY = 1_000_000  # Candidates above this stay on disk and stream by.
# Lower is better.
_DISTANCES = ("rank_distance",)


@dataclasses.dataclass(frozen=True)
class Vectors:
  """The unit vectors of a task, or of some texts.

  Attributes:
    queries: q_QD.
    candidates: c_ND, or the shards of a big corpus on disk.
    seconds: what encoding took.
  """

  queries: np.ndarray
  candidates: np.ndarray | store.Shards
  seconds: float


@dataclasses.dataclass(frozen=True)
class Known:
  """Vectors of training texts, by side, with the task's language indices."""

  queries: tuple[np.ndarray, np.ndarray]
  candidates: tuple[np.ndarray, np.ndarray]


def cache_folder(config: ml_collections.ConfigDict) -> pathlib.Path:
  """Where the vectors of evaluations are kept."""
  return training_data.cache_folder(config) / "vectors"


def encoder(
  config: ml_collections.ConfigDict, made: model.Model, mesh: Mesh
) -> encoding.TextEncoder:
  """The text encoder of a run."""
  evaluated = config.evaluation
  return encoding.TextEncoder(
    module=model.for_mesh(made.module, mesh, training=False),
    tokenizer=made.tokenizer,
    mesh=mesh,
    prefixes=made.prefixes,
    max_lengths=made.lengths,
    row_lengths=tuple(evaluated.row_lengths),
    tokens_per_call=evaluated.tokens_per_call or tokens_per_call(mesh),
    cache=training_data.cache_folder(config) / "tokens",
  )


def tokens_per_call(mesh: Mesh) -> int:
  """Tokens that the devices of a mesh encode at a time, where none are set.

  A CPU's caches hold what it makes of 1,024 (docs/performance.md); an
  accelerator has nothing to do in between where there are few.
  """
  on_cpu = mesh.devices.flat[0].platform == "cpu"
  return (1024 if on_cpu else 32_768) * meshes.slices(mesh)


def settle(
  config: ml_collections.ConfigDict,
  task: tasks.Task,
  encode_texts: encoding.TextEncoder | None = None,
) -> tasks.Task:
  """The task with what the config says of copies and of queries in the corpus.

  Candidates are copies where their tokens are the same, after prefix and cut;
  without an encoder, or of a corpus that streams by, only those with the same
  text.
  """
  identity_N = None
  if encode_texts is not None and task.num_candidates <= IN_MEMORY:
    ids, offsets = _tokens_of_candidates(task, encode_texts)
    identity_N = copies.digests(
      ids[begin:end].tobytes() for begin, end in itertools.pairwise(offsets)
    )
  evaluated = config.evaluation
  return copies.settle(
    own.settle(task, leave_out=evaluated.leave_out_query),
    identity_N,
    count_as=evaluated.identical_candidates,
  )


def _tokens_of_candidates(task, encode_texts):
  tokens = encode_texts.tokenizer.encode(
    task.candidate_texts,
    contexts=task.candidate_context,
    prefix=encode_texts.prefixes["passage"],
    max_length=encode_texts.max_lengths["passage"],
    cache=encode_texts.cache,
  )
  return tokens.ids, tokens.offsets.tolist()


def encode(
  task: tasks.Task,
  encode_texts: encoding.TextEncoder,
  params: Any,
  *,
  cache: pathlib.Path | None = None,
) -> Vectors:
  """Encodes a task: queries, then candidates with their context if any.

  Args:
    task: what to encode.
    encode_texts: by what.
    params: of the model.
    cache: folder where vectors are kept under the hash of what they follow
      from: what is there is read, and a killed run goes on at its shard. None
      encodes anew.
  """
  begun = time.perf_counter()
  q_QD = _in_memory(_side(task, "query", encode_texts, params, cache))
  c_ND = _side(task, "passage", encode_texts, params, cache)
  if not isinstance(c_ND, store.Shards) or task.num_candidates <= IN_MEMORY:
    c_ND = _in_memory(c_ND)
  return Vectors(q_QD, c_ND, time.perf_counter() - begun)


def encode_candidates(
  task: tasks.Task,
  encode_texts: encoding.TextEncoder,
  params: Any,
  *,
  cache: pathlib.Path,
) -> Iterable[np.ndarray]:
  """The candidates' half of `encode`, in shards."""
  return _side(task, "passage", encode_texts, params, cache)


def _in_memory(shards: Iterable[np.ndarray]) -> np.ndarray:
  return np.concatenate(list(shards))


def _side(
  task, side, encode_texts, params, cache
) -> list[np.ndarray] | store.Shards:
  texts, contexts = task.query_texts, None
  if side == "passage":
    texts, contexts = task.candidate_texts, task.candidate_context
  name = "queries" if side == "query" else "candidates"
  return kept_vectors(
    texts,
    encode_texts,
    params,
    side=side,
    cache=cache,
    name=f"{task.name} {name}",
    contexts=contexts,
  )


def kept_vectors(
  texts: Sequence[str],
  encode_texts: encoding.TextEncoder,
  params: Any,
  *,
  side: str,
  cache: pathlib.Path | None,
  name: str,
  contexts: Sequence[str] | None = None,
) -> list[np.ndarray] | store.Shards:
  """The vectors of texts in shards, kept in a cache as `encode` says."""
  if cache is None:
    return [encode_texts(params, texts, side, contexts=contexts, name=name)]
  encoded_by = corpus_encoding.fingerprint(encode_texts, params, side)
  items = zip(texts, contexts or [""] * len(texts), strict=True)
  key = hashlib.sha256(
    json.dumps([side, SHARD, encoded_by], sort_keys=True).encode()
    + store.hash_texts(items).encode()
  ).hexdigest()
  encode_texts = dataclasses.replace(encode_texts, cache=None)
  try:
    vectors = corpus_encoding.encode(
      texts,
      # The vectors are kept, so the tokens need not be.
      encode_texts,
      params,
      cache / key[:24],
      side=side,
      fingerprint=encoded_by,
      shard_size=SHARD,
      contexts=contexts,
    )
    return store.read(vectors)
  except OSError as error:
    # Processes of a job would part here; a corpus that streams has no room.
    if jax.process_count() > 1 or len(texts) > IN_MEMORY:
      raise
    caching.say(cache, error.strerror or str(error))
  return [encode_texts(params, texts, side, contexts=contexts, name=name)]


def encode_known(
  corpus: sources.Corpus,
  languages: tuple[str, ...],
  encode_texts: encoding.TextEncoder,
  params: Any,
  *,
  number: int,
  seed: int,
) -> Known:
  """Encodes up to `number` training texts a language and side, drawn by seed.

  Languages that the corpus lacks have none.
  """
  sides = []
  for side, column in (
    ("query", corpus.query_row),
    ("passage", corpus.passage_row),
  ):
    chosen, language = [], []
    for index, code in enumerate(languages):
      if code not in corpus.languages:
        continue
      mine = corpus.language_row == corpus.languages.index(code)
      texts = np.unique(column[mine & (column >= 0)])
      generator = np.random.default_rng((seed, index))
      texts = generator.permutation(texts)[:number]
      chosen += [corpus.texts[text] for text in texts.tolist()]
      language += [index] * len(texts)
    vectors = encode_texts(params, chosen, side, name=f"training {side} texts")
    sides.append((vectors, np.array(language, np.int32)))
  return Known(*sides)


def judge(
  task: tasks.Task,
  vectors: Vectors,
  system: systems.System,
  *,
  mesh: Mesh,
  known: Known | None = None,
  seen: Collection[str] = (),
  depth: int = 0,
) -> evaluation.Judged:
  """Every direction, the pool and the bias; see `retrieval.evaluation.judge`.

  Args:
    task: what was encoded.
    vectors: its vectors.
    system: whose correction they get.
    mesh: devices that share the queries.
    known: training texts, where the system is estimated on them.
    seen: languages that were trained on.
    depth: how much of each ranking to list.
  """
  for side, found in (
    ("query", vectors.queries),
    ("candidate", vectors.candidates),
  ):
    zeros = lengths.zero(found)
    if zeros:
      raise ValueError(
        f"{task.name}: {zeros} {side} vectors of {system.origin} are zero, so"
        " all that they are compared with would tie; look for a diverged model"
      )
    number, first, length = lengths.other(found)
    if number:
      raise ValueError(
        f"{task.name}: {number} {side} vectors of {system.origin} are not of"
        f" length one (the first is number {first}, of length {length:.4g});"
        " divide each by its length"
      )
  q_QD = system.apply(
    vectors.queries, task.query_language, known and known.queries
  )
  c_ND = vectors.candidates
  if isinstance(c_ND, store.Shards) and system.changes:
    raise ValueError(
      f"{system.label}: this needs the candidates in memory, and"
      f" {task.name} has {task.num_candidates:,}; leave it out of"
      " evaluation.systems"
    )
  if not isinstance(c_ND, store.Shards):
    c_ND = system.apply(
      c_ND,
      task.candidate_language,
      known and known.candidates,
      side="candidate",
    )
  judged = evaluation.judge(task, q_QD, c_ND, mesh=mesh, seen=seen, depth=depth)
  if depth and task.query_cluster is not None:
    judged.figures["intervals"] = _intervals(task, judged)
  return judged


def _intervals(task: tasks.Task, judged: evaluation.Judged) -> dict[str, Any]:
  """By cluster, and by the second level where the task has one."""

  def by(cluster_Q):
    return uncertainty.intervals(
      uncertainty.Values(
        task.languages,
        task.query_language,
        cluster_Q,
        judged.directions_QX,
        judged.pool_Q,
      )
    )

  found = {
    "level": uncertainty.LEVEL,
    "unit": "cluster",
    "clusters": len(set(task.query_cluster or ())),
    "macro": by(task.query_cluster),
  }
  if task.query_subcluster is not None:
    found["macro_by_subcluster"] = by(task.query_subcluster)
  return found


def selection_figure(
  figures_of_task: dict[str, Any], wanted: str = MEAN
) -> float:
  """What checkpoints are chosen by; higher is better.

  Args:
    figures_of_task: of the validation task.
    wanted: "mean", of the mAP of the settings that there are, or
      "SETTING/METRIC", as in multilingual_pool/map; a rank distance, which is
      better when low, is negated.

  Raises:
    ValueError: the task has no such figure.
  """
  macro = figures_of_task["macro"]
  if wanted == MEAN:
    values = [row["map"] for row in macro.values()]
    return float(np.mean([value for value in values if value is not None]))
  setting, _, metric = wanted.partition("/")
  value = macro.get(setting, {}).get(metric)
  if value is None:
    known = [
      f"{s}/{m}"
      for s, row in macro.items()
      for m, v in row.items()
      if v is not None
    ]
    raise ValueError(
      f"validation.figure {wanted!r} has no value on {figures_of_task['task']};"
      f" use {MEAN!r} or one of {', '.join(known)}"
    )
  return -value if metric in _DISTANCES else value
