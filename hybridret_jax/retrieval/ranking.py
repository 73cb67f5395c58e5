"""Exact ranks of relevant candidates, counted per candidate language."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hybridret_jax.parallel import mesh as mesh_lib

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
  query_block: int = 256,
  chunk: int = 1024,
) -> np.ndarray:
  """Candidates of each language that rank above each relevant candidate.

  A candidate ranks above another if its score (inner product, float32) is
  higher, or equal with a lower candidate index. Every score comes out of one
  matrix product in one compiled loop, so equal vectors score equally. At most
  `query_block` x `chunk` scores exist at a time on a device.

  Args:
    q_QD: query embeddings, numpy or jax; split over the devices of `mesh`.
    c_ND: candidate embeddings, likewise; a whole copy on every device.
    relevant_QR: candidate indices, -1 where a query has fewer than R.
    candidate_language_N: values in [0, num_languages), in any order.
    num_languages: X, size of the last axis of the result.
    mesh: has the axes `mesh.ROWS`; None is one device of this process.
    query_block: most queries scored at a time on a device.
    chunk: most candidates scored at a time.

  Returns:
    above_QRX, int32 on the host; 0 where `relevant_QR` is -1.

  Raises:
    ValueError: shapes do not agree, an index is out of range, or an
      embedding is not finite.
  """
  relevant_QR = np.asarray(relevant_QR, np.int32)
  language_N = np.asarray(candidate_language_N, np.int32)
  _check(q_QD, c_ND, relevant_QR, language_N, num_languages)
  if query_block < 1 or chunk < 1:
    raise ValueError(
      f"query_block {query_block} and chunk {chunk} must be at least 1"
    )
  if mesh is None:
    mesh = Mesh(np.array(jax.local_devices()[:1]).reshape(1, 1), mesh_lib.ROWS)
  slots_KC, language_K = _layout(language_N, num_languages, chunk)
  above_QRX, finite = _counts(
    q_QD.astype(np.float32),
    c_ND.astype(np.float32),
    relevant_QR,
    slots_KC,
    language_K,
    num_languages=num_languages,
    mesh=mesh,
    **_blocks(len(relevant_QR), mesh, query_block),
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


def _blocks(queries, mesh, query_block):
  """Size of a block of queries, and queries with filling: whole blocks."""
  devices = int(np.prod([mesh.shape[axis] for axis in mesh_lib.ROWS]))
  local = -(-queries // devices)
  number = -(-local // query_block)
  block = -(-local // number)
  return {"block": block, "padded": devices * number * block}


def _layout(language_N, num_languages, chunk):
  """Candidate indices in chunks of one language each; -1 fills up.

  The chunk size is the one of at most `chunk` that wastes least, so that
  eleven languages of 1,200 candidates do not become eleven times 2,048 rows.
  Indices ascend within a language.
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
  slots_KC = np.full((int(chunks_X.sum()), size), -1, np.int32)
  first_X = np.cumsum(chunks_X) - chunks_X
  for language in range(num_languages):
    rows = np.flatnonzero(language_N == language)
    flat = slots_KC[first_X[language] :].reshape(-1)
    flat[: len(rows)] = rows
  language_K = np.repeat(np.arange(num_languages, dtype=np.int32), chunks_X)
  return slots_KC, language_K


@functools.partial(
  jax.jit, static_argnames=("num_languages", "mesh", "block", "padded")
)
def _counts(
  q_QD,
  c_ND,
  relevant_QR,
  slots_KC,
  language_K,
  *,
  num_languages,
  mesh,
  block,
  padded,
):
  queries = len(q_QD)
  finite = jnp.isfinite(q_QD).all() & jnp.isfinite(c_ND).all()
  fill = ((0, padded - queries), (0, 0))
  q_PD = jnp.pad(q_QD, fill)
  relevant_PR = jnp.pad(relevant_QR, fill, constant_values=-1)
  c_KCD = c_ND[slots_KC]

  def slice_counts(q_PD, relevant_PR, c_KCD, slots_KC, language_K):
    blocks = (
      q_PD.reshape(-1, block, q_PD.shape[1]),
      relevant_PR.reshape(-1, block, relevant_PR.shape[1]),
    )
    above_GBRX = jax.lax.map(
      lambda block: _block_counts(
        block[0], block[1], c_KCD, slots_KC, language_K, num_languages
      ),
      blocks,
    )
    return above_GBRX.reshape(-1, *above_GBRX.shape[2:])

  split, whole = PartitionSpec(mesh_lib.ROWS), PartitionSpec()
  above_PRX = jax.shard_map(
    slice_counts,
    mesh=mesh,
    in_specs=(split, split, whole, whole, whole),
    out_specs=split,
    check_vma=False,  # Loops start from constants, equal on all devices.
  )(q_PD, relevant_PR, c_KCD, slots_KC, language_K)
  # Whole on every process, so that each can read the figures.
  return jax.lax.with_sharding_constraint(
    (above_PRX[:queries], finite), NamedSharding(mesh, whole)
  )


def _block_counts(q_BD, relevant_BR, c_KCD, slots_KC, language_K, X):
  """Counts of one block of queries, with one matrix product in the program.

  Two passes over the chunks: the first picks the relevant candidates' own
  scores, the second counts. Both take the same product, since two of them,
  even of equal shapes, may be compiled differently and differ in the last
  bit. The first pass leaves out chunks without a relevant candidate.
  """
  B, R = relevant_BR.shape

  def step(carry, chunk):
    counting, c_CD, slots_C, language = chunk
    place_BR = jnp.searchsorted(_ascending(slots_C), relevant_BR)
    place_BR = jnp.minimum(place_BR, len(slots_C) - 1)
    here_BR = (slots_C[place_BR] == relevant_BR) & (relevant_BR >= 0)

    def scored(own_BR, above_BRX):
      score_BC = jnp.dot(
        q_BD,
        c_CD.T,
        precision=jax.lax.Precision.HIGHEST,
        preferred_element_type=jnp.float32,
      )
      # Filling ranks above nothing.
      score_BC = jnp.where(slots_C[None, :] >= 0, score_BC, -jnp.inf)
      return jax.lax.cond(
        counting, counted, picked, own_BR, above_BRX, score_BC
      )

    def picked(own_BR, above_BRX, score_BC):
      score_BR = jnp.take_along_axis(score_BC, place_BR, axis=1)
      return jnp.where(here_BR, score_BR, own_BR), above_BRX

    def counted(own_BR, above_BRX, score_BC):
      above_BR = _above(score_BC, slots_C, own_BR, relevant_BR)
      return own_BR, above_BRX.at[:, :, language].add(above_BR)

    needed = counting | jnp.any(here_BR)
    carry = jax.lax.cond(needed, scored, lambda *carry: carry, *carry)
    return carry, None

  def one_pass(carry, counting):
    counting_K = jnp.broadcast_to(counting, language_K.shape)
    return jax.lax.scan(step, carry, (counting_K, c_KCD, slots_KC, language_K))

  start = (jnp.zeros((B, R), jnp.float32), jnp.zeros((B, R, X), jnp.int32))
  (_, above_BRX), _ = jax.lax.scan(one_pass, start, jnp.array([False, True]))
  return jnp.where((relevant_BR >= 0)[..., None], above_BRX, 0)


def _above(score_BC, slots_C, own_BR, relevant_BR):
  """How many scores of a chunk rank above each relevant candidate."""
  score_B1C, own_BR1 = score_BC[:, None, :], own_BR[:, :, None]
  lower_BRC = slots_C[None, None, :] < relevant_BR[:, :, None]
  above_BRC = (score_B1C > own_BR1) | ((score_B1C == own_BR1) & lower_BRC)
  return jnp.sum(above_BRC, axis=2, dtype=jnp.int32)


def _ascending(slots_C):
  return jnp.where(slots_C < 0, jnp.iinfo(jnp.int32).max, slots_C)


def _check(q_QD, c_ND, relevant_QR, language_N, num_languages):
  if len(q_QD.shape) != 2 or q_QD.shape[1:] != c_ND.shape[1:]:
    raise ValueError(
      f"queries {q_QD.shape} and candidates {c_ND.shape} must be [Q, D] and"
      " [N, D] with the same D"
    )
  if relevant_QR.shape[:1] != q_QD.shape[:1] or relevant_QR.ndim != 2:
    raise ValueError(
      f"relevant has shape {relevant_QR.shape}; it must be [{q_QD.shape[0]}, R]"
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
  if relevant_QR.size and relevant_QR.max() >= len(c_ND):
    raise ValueError(
      f"relevant names candidate {relevant_QR.max()} of {len(c_ND)}; indices"
      " start at 0 and -1 fills up"
    )
  if language_N.min() < 0 or language_N.max() >= num_languages:
    raise ValueError(
      f"candidate_language reaches from {language_N.min()} to"
      f" {language_N.max()}; it must be in [0, {num_languages})"
    )


def _raise_not_finite(q_QD, c_ND):
  for side, vectors in (("query", q_QD), ("candidate", c_ND)):
    finite = np.isfinite(np.asarray(vectors, np.float32)).all(axis=1)
    if not finite.all():
      raise ValueError(
        f"{side} embedding {int(np.argmin(finite))} and"
        f" {int(np.sum(~finite)) - 1} others are not finite; look for a"
        " diverged model or an empty text"
      )
