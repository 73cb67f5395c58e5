"""Exact ranks of relevant candidates, counted per candidate language."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hybridret_jax.parallel import mesh as mesh_lib
from hybridret_jax.retrieval import streaming

SPLITS = ("queries", "candidates")
# By platform: queries scored at a time, candidates in one product, and scores
# in memory at a time, at most. A CPU's caches hold few; an accelerator's
# products want many rows, and each loop's turn costs it time.
SIZES = {"cpu": (512, 2048, 2**24)}
_OTHER_SIZES = (4096, 8192, 2**28)
_CHUNK_OVERHEAD = 64  # What a chunk costs beside its rows, in rows.
_LANES = 128  # Accelerators compute in tiles of so many columns.


def counts(
  q_QD,
  c_ND,
  relevant_QR,
  candidate_language_N,
  *,
  num_languages: int,
  mesh: Mesh | None = None,
  split: str = "queries",
  query_block: int | None = None,
  chunk: int | None = None,
) -> np.ndarray:
  """Candidates of each language that rank above each relevant candidate.

  A candidate ranks above another if its score (inner product, float32) is
  higher, or equal with a lower candidate index. Each score is computed once:
  the relevant candidates' own are picked out of the same product that they
  are compared with, so equal vectors score equally. As many scores, of
  some queries with all of a device's candidates, exist at a time as `SIZES`
  says.

  Args:
    q_QD: query embeddings, numpy or jax.
    c_ND: candidate embeddings, likewise.
    relevant_QR: candidate indices, -1 where a query has fewer than R.
    candidate_language_N: values in [0, num_languages), in any order.
    num_languages: X, size of the last axis of the result.
    mesh: has the axes `mesh.ROWS`; None is one device of this process.
    split: what the devices share: "queries" (each has all candidates) or
      "candidates" (each has all queries).
    query_block: most queries scored at a time on a device; None takes what
      suits the platform.
    chunk: most candidates in one matrix product, likewise.

  Returns:
    above_QRX, int32 on the host; 0 where `relevant_QR` is -1.

  Raises:
    ValueError: shapes do not agree, an index is out of range, or an
      embedding is not finite.
  """
  relevant_QR = np.asarray(relevant_QR, np.int32)
  language_N = np.asarray(candidate_language_N, np.int32)
  _check(q_QD, c_ND, relevant_QR, language_N, num_languages)
  if mesh is None:
    mesh = Mesh(np.array(jax.local_devices()[:1]).reshape(1, 1), mesh_lib.ROWS)
  most = SIZES.get(mesh.devices.flat[0].platform, _OTHER_SIZES)
  query_block = most[0] if query_block is None else query_block
  chunk = most[1] if chunk is None else chunk
  if query_block < 1 or chunk < 1:
    raise ValueError(
      f"query_block {query_block} and chunk {chunk} must be at least 1"
    )
  if split not in SPLITS:
    raise ValueError(f"split {split!r} is unknown; use one of {SPLITS}")
  arrays, sizes = _plan(
    relevant_QR,
    language_N,
    num_languages,
    mesh,
    split,
    (query_block, chunk, most[2]),
  )
  above_QRX, finite = _counts(
    q_QD.astype(np.float32),
    c_ND.astype(np.float32),
    relevant_QR,
    *arrays,
    num_languages=num_languages,
    mesh=mesh,
    split=split,
    **sizes,
  )
  if not finite:
    _raise_not_finite(q_QD, c_ND)
  return np.asarray(above_QRX)


def own_language_ranks(above_QRX, relevant_QR, candidate_language_N):
  """1-based rank of each relevant candidate within its language; 0 padding."""
  relevant_QR = np.asarray(relevant_QR)
  language_QR = np.asarray(candidate_language_N)[np.maximum(relevant_QR, 0)]
  own_QR = np.take_along_axis(above_QRX, language_QR[..., None], axis=2)[..., 0]
  return np.where(relevant_QR >= 0, own_QR + 1, 0)


def pool_ranks(above_QRX, relevant_QR):
  """1-based rank of each relevant candidate in the pool of all; 0 padding."""
  ranks_QR = np.sum(above_QRX, axis=2) + 1
  return np.where(np.asarray(relevant_QR) >= 0, ranks_QR, 0)


def _plan(relevant_QR, language_N, num_languages, mesh, split, most):
  """What the program is given: its arrays, and its static sizes."""
  query_block, chunk, scores = most
  devices = int(np.prod([mesh.shape[axis] for axis in mesh_lib.ROWS]))
  shares = {"queries": 1, "candidates": 1} | {split: devices}
  slots_KC, language_K = _layout(
    language_N, num_languages, chunk, multiple=shares["candidates"]
  )
  scored = slots_KC.size // shares["candidates"]
  query_block = min(query_block, max(scores // scored, 1))
  local = -(-len(relevant_QR) // shares["queries"])
  number = -(-local // query_block)
  block = -(-local // number)
  arrays = _places(slots_KC, relevant_QR), slots_KC, language_K
  sizes = {"block": block, "padded": shares["queries"] * number * block}
  return arrays, sizes


def _layout(language_N, num_languages, chunk, multiple=1):
  """Candidate indices in chunks of one language each; -1 fills up.

  The chunk size is the one of at most `chunk` that wastes least, so that
  eleven languages of 1,200 candidates do not become eleven times 2,048 rows.
  Indices ascend within a language. The number of chunks is a multiple of
  `multiple`.
  """
  sizes_X = np.bincount(language_N, minlength=num_languages)
  even = {-(-n // -(-n // chunk)) for n in sizes_X.tolist() if n}
  # Few different sizes, so that few programs are compiled.
  whole = {min(chunk, -(-n // _LANES) * _LANES) for n in even}
  halves = {max(1, chunk >> power) for power in range(5)}
  size = min(
    whole | halves,
    key=lambda c: (np.sum(-(-sizes_X // c)) * (c + _CHUNK_OVERHEAD), -c),
  )
  chunks_X = -(-sizes_X // size)
  number = -(-int(chunks_X.sum()) // multiple) * multiple
  slots_KC = np.full((number, size), -1, np.int32)
  first_X = np.cumsum(chunks_X) - chunks_X
  for language in range(num_languages):
    rows = np.flatnonzero(language_N == language)
    flat = slots_KC[first_X[language] :].reshape(-1)
    flat[: len(rows)] = rows
  language_K = np.zeros(number, np.int32)
  language_K[: chunks_X.sum()] = np.repeat(np.arange(num_languages), chunks_X)
  return slots_KC, language_K


def _places(slots_KC, relevant_QR):
  """Where in all slots each relevant candidate stands; -1 is padding."""
  flat_S = slots_KC.ravel()
  place_N = np.zeros(flat_S.max() + 1, np.int32)
  place_N[flat_S[flat_S >= 0]] = np.flatnonzero(flat_S >= 0)
  return np.where(relevant_QR >= 0, place_N[np.maximum(relevant_QR, 0)], -1)


@functools.partial(
  jax.jit, static_argnames=("num_languages", "mesh", "split", "block", "padded")
)
def _counts(
  q_QD,
  c_ND,
  relevant_QR,
  place_QR,
  slots_KC,
  language_K,
  *,
  num_languages,
  mesh,
  split,
  block,
  padded,
):
  queries = len(q_QD)
  finite = jnp.isfinite(q_QD).all() & jnp.isfinite(c_ND).all()
  fill = ((0, padded - queries), (0, 0))
  q_PD = jnp.pad(q_QD, fill)
  relevant_PR = jnp.pad(relevant_QR, fill, constant_values=-1)
  place_PR = jnp.pad(place_QR, fill, constant_values=-1)
  c_KCD = c_ND[slots_KC]
  shared = mesh_lib.ROWS if split == "candidates" else ()

  def slice_counts(q_PD, relevant_PR, place_PR, c_KCD, slots_KC, language_K):
    blocks = tuple(
      x_PX.reshape(-1, block, x_PX.shape[1])
      for x_PX in (q_PD, relevant_PR, place_PR)
    )
    above_GBRX = jax.lax.map(
      lambda block: _block_counts(
        block, c_KCD, slots_KC, language_K, num_languages, shared
      ),
      blocks,
    )
    return above_GBRX.reshape(-1, *above_GBRX.shape[2:])

  rows, whole = PartitionSpec(mesh_lib.ROWS), PartitionSpec()
  of_queries, of_candidates = (
    (rows, whole) if split == "queries" else (whole, rows)
  )
  above_PRX = jax.shard_map(
    slice_counts,
    mesh=mesh,
    in_specs=(of_queries,) * 3 + (of_candidates,) * 3,
    out_specs=of_queries,
    check_vma=False,  # Loops start from constants, equal on all devices.
  )(q_PD, relevant_PR, place_PR, c_KCD, slots_KC, language_K)
  # Whole on every process, so that each can read the figures.
  return jax.lax.with_sharding_constraint(
    (above_PRX[:queries], finite), NamedSharding(mesh, whole)
  )


def _block_counts(block, c_KCD, slots_KC, language_K, X, shared):
  """Counts of one block of queries; `shared` axes hold other candidates."""
  q_BD, relevant_BR, place_BR = block

  def scored(_, chunk):
    c_CD, slots_C = chunk
    score_BC = jnp.dot(
      q_BD,
      c_CD.T,
      precision=jax.lax.Precision.HIGHEST,
      preferred_element_type=jnp.float32,
    )
    # Filling ranks above nothing.
    return None, jnp.where(slots_C[None, :] >= 0, score_BC, -jnp.inf)

  _, score_KBC = jax.lax.scan(scored, None, (c_KCD, slots_KC))
  own_BR = _picked(score_KBC, place_BR, shared)
  if shared:
    own_BR = jax.lax.pmax(own_BR, shared)

  def counted(chunk):
    score_BC, slots_C = chunk
    # One relevant candidate after the other: the scores stay in the cache.
    return jax.lax.map(
      lambda relevant: _above(score_BC, slots_C, *relevant),
      (own_BR.T, relevant_BR.T),
    )

  above_KRB = jax.lax.map(counted, (score_KBC, slots_KC))
  above_XRB = jax.ops.segment_sum(above_KRB, language_K, num_segments=X)
  if shared:
    above_XRB = jax.lax.psum(above_XRB, shared)
  above_BRX = above_XRB.transpose(2, 1, 0)
  return jnp.where((relevant_BR >= 0)[..., None], above_BRX, 0)


def _picked(score_KBC, place_BR, shared):
  """Scores at places that are counted over all devices; -inf for the rest."""
  chunks, block, size = score_KBC.shape
  if shared:
    place_BR = place_BR - jax.lax.axis_index(shared) * chunks * size
  here_BR = (place_BR >= 0) & (place_BR < chunks * size)
  chunk_BR, column_BR = jnp.divmod(jnp.where(here_BR, place_BR, 0), size)
  row_BR = jnp.broadcast_to(jnp.arange(block)[:, None], place_BR.shape)
  return jnp.where(here_BR, score_KBC[chunk_BR, row_BR, column_BR], -jnp.inf)


def _above(score_BC, slots_C, own_B, relevant_B):
  """How many scores of a chunk rank above one relevant candidate a query."""
  higher_BC = score_BC > own_B[:, None]
  lower_BC = slots_C[None, :] < relevant_B[:, None]
  tied_BC = (score_BC == own_B[:, None]) & lower_BC
  return jnp.sum(higher_BC | tied_BC, axis=1, dtype=jnp.int32)


def _check(q_QD, c_ND, relevant_QR, language_N, num_languages):
  if len(q_QD.shape) != 2 or q_QD.shape[1:] != c_ND.shape[1:]:
    raise ValueError(
      f"queries {q_QD.shape} and candidates {c_ND.shape} must be [Q, D] and"
      " [N, D] with the same D"
    )
  if language_N.shape != c_ND.shape[:1]:
    raise ValueError(
      f"candidate_language has shape {language_N.shape}; it must be"
      f" [{c_ND.shape[0]}]"
    )
  if not len(q_QD) or not len(c_ND):
    raise ValueError(
      f"{len(q_QD)} queries and {len(c_ND)} candidates; there must be at"
      " least one of each"
    )
  streaming.check_relevant(len(q_QD), relevant_QR, language_N, num_languages)


def _raise_not_finite(q_QD, c_ND):
  for side, vectors in (("query", q_QD), ("candidate", c_ND)):
    finite = np.isfinite(np.asarray(vectors, np.float32)).all(axis=1)
    if not finite.all():
      raise ValueError(
        f"{side} embedding {int(np.argmin(finite))} and"
        f" {int(np.sum(~finite)) - 1} others are not finite; look for a"
        " diverged model or an empty text"
      )
