"""Gradient caching: a big batch's exact gradient in the memory of a chunk.

The vectors of all texts are computed chunk by chunk and nothing else is kept;
the loss over the whole batch gives the gradient of each vector; then each chunk
is computed again, with the same dropout, and that gradient goes back through it
(Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited
Setup", arXiv 2101.06983). All negatives stay: it is gradient accumulation for a
loss that does not split over rows.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from hybridret_jax.parallel import collectives

# (parameters without the token table, token vectors x_TD, rows, dropout key,
#  number of texts) -> unit vectors
Apply = Callable[[Any, jax.Array, Any, jax.Array, int], jax.Array]


def chunk_count(rows: Any, chunk_tokens: int) -> int:
  """Chunks that a slice's rows make; 1 if `chunk_tokens` is 0 or not exceeded.

  Args:
    rows: tuple of tiers; the first array of each is [R, L].
    chunk_tokens: tokens that a chunk's rows may hold.

  Raises:
    ValueError: a chunk cannot hold a row of each tier.
  """
  if not chunk_tokens:
    return 1
  shapes = [tier[0].shape for tier in rows if tier[0].size]
  least = sum(length for _, length in shapes)
  if chunk_tokens < least:
    raise ValueError(
      f"train.chunk_tokens {chunk_tokens} holds no row of each length; use"
      f" {least} or more, or 0 for no chunks"
    )
  count = -(-sum(r * length for r, length in shapes) // chunk_tokens)
  while _chunk_slots(shapes, count) > chunk_tokens:
    count += 1
  return count


def embed(
  apply: Apply,
  table_VD: jax.Array,
  rest: Any,
  rows: Any,
  key: jax.Array,
  *,
  num_texts: int,
  chunks: int,
  shortest: int,
) -> jax.Array:
  """Unit vectors z_ND of the texts of all rows, a chunk of rows at a time.

  Args:
    apply: embeds the texts of some rows.
    table_VD: token table; looked up here, so that its gradient is added in
      place instead of one table a chunk.
    rest: the other parameters.
    rows: tuple of tiers: ids, segments, positions, text index and number of
      each row; the mask of dropout follows from `key` and that number.
    key: of dropout, the same in both passes.
    num_texts: N; texts that no row names give zero vectors.
    chunks: number of chunks.
    shortest: tokens of the shortest text, which bounds the texts in a row.
  """
  chunked = tuple(_cut(tier, chunks, num_texts) for tier in rows)
  return _embed((apply, num_texts, shortest), table_VD, rest, chunked, key)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _embed(static, table_VD, rest, chunked, key):
  apply, num_texts, shortest = static

  def body(z_ND, chunk):
    numbered, text_S = _slots(chunk, shortest, num_texts)
    z_SD = apply(rest, table_VD[_ids(chunk)], numbered, key, text_S.shape[0])
    return z_ND.at[text_S].set(z_SD, mode="drop"), None

  shape = jax.eval_shape(
    lambda chunk: apply(rest, table_VD[_ids(chunk)], chunk, key, 1),
    jax.tree.map(lambda x: x[0], chunked),
  )
  z_ND = jnp.zeros((num_texts, shape.shape[-1]), shape.dtype)
  z_ND = collectives.alike(z_ND, table_VD, chunked[0][0])
  return jax.lax.scan(body, z_ND, chunked)[0]


def _forward(static, table_VD, rest, chunked, key):
  z_ND = _embed(static, table_VD, rest, chunked, key)
  return z_ND, (table_VD, rest, chunked, key)


def _backward(static, saved, dz_ND):
  apply, num_texts, shortest = static
  table_VD, rest, chunked, key = saved

  def body(carry, chunk):
    dtable_VD, drest = carry
    ids_T = _ids(chunk)
    numbered, text_S = _slots(chunk, shortest, num_texts)

    def again(rest, x_TD):
      return apply(rest, x_TD, numbered, key, text_S.shape[0])

    _, pull = jax.vjp(again, rest, table_VD[ids_T])
    dz_SD = dz_ND.at[text_S].get(mode="fill", fill_value=0)
    more, dx_TD = pull(dz_SD)
    dtable_VD = dtable_VD.at[ids_T].add(dx_TD.astype(dtable_VD.dtype))
    return (dtable_VD, jax.tree.map(jnp.add, drest, more)), None

  zero = jax.tree.map(jnp.zeros_like, (table_VD, rest))
  (dtable_VD, drest), _ = jax.lax.scan(body, zero, chunked)
  return dtable_VD, drest, None, None


_embed.defvjp(_forward, _backward)


def _chunk_slots(shapes, count):
  return sum(-(-rows // count) * length for rows, length in shapes)


def _cut(tier, chunks, num_texts):
  """A tier's rows as [chunks, rows of a chunk, …], filled up with padding."""
  rows = tier[0].shape[0]
  each = -(-rows // chunks)
  extra = each * chunks - rows

  def cut(x, fill):
    widths = ((0, extra), *((0, 0),) * (x.ndim - 1))
    padded = jnp.pad(x, widths, constant_values=fill)
    return padded.reshape(chunks, each, *x.shape[1:])

  fills = (0, 0, 0, num_texts, 0)
  return tuple(cut(x, fill) for x, fill in zip(tier, fills, strict=True))


def _slots(chunk, shortest, num_texts):
  """The chunk's rows, their texts numbered by place; which text each place has.

  The place of a text is its row's first one plus its segment number; places
  without a text name text `num_texts`.
  """
  numbered, texts, start = [], [], 0
  total = sum(x[0].shape[0] * _most(x, shortest) for x in chunk)
  for ids_RL, segments_RL, positions_RL, text_index_RL, row_R in chunk:
    rows, most = ids_RL.shape[0], _most((ids_RL,), shortest)
    first_R1 = start + most * jnp.arange(rows)[:, None]
    real_RL = segments_RL > 0
    slot_RL = jnp.where(real_RL, first_R1 + segments_RL - 1, total)
    places_S = jnp.full(total, num_texts, text_index_RL.dtype)
    texts.append(
      places_S.at[slot_RL.reshape(-1)].min(
        text_index_RL.reshape(-1), mode="drop"
      )
    )
    numbered.append((ids_RL, segments_RL, positions_RL, slot_RL, row_R))
    start += rows * most
  return tuple(numbered), functools.reduce(jnp.minimum, texts)


def _most(tier, shortest):
  return max(tier[0].shape[1] // shortest, 1)


def _ids(chunk):
  return jnp.concatenate([tier[0].reshape(-1) for tier in chunk])
