"""Windows: what the dense mask gives, in memory that grows with the length."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.models import attention, kernels, layers, windows

HEADS, UNITS = 2, 32


def inputs(length, texts, seed=0):
  rng = np.random.default_rng(seed)
  shape = (len(texts), HEADS, length, UNITS)
  q, k, v = (rng.normal(size=shape).astype(np.float32) for _ in range(3))
  segments = np.zeros((len(texts), length), np.int32)
  for row, lengths in enumerate(texts):
    numbers = np.arange(1, len(lengths) + 1)
    segments[row, : sum(lengths)] = np.repeat(numbers, lengths)
  return q, k, v, segments


def dense(q, k, v, segments, window, causal):
  """By a mask of L x L, in float64."""
  place = np.arange(segments.shape[1])
  ahead = place[None, :] - place[:, None]
  seen = segments[:, :, None] == segments[:, None, :]
  if window is not None:
    seen = seen & (np.abs(ahead) <= window)[None]
  if causal:
    seen = seen & (ahead <= 0)[None]
  scores = np.einsum("rhlk,rhmk->rhlm", q.astype(np.float64), k)
  scores = np.where(seen[:, None], np.exp(scores / np.sqrt(UNITS)), 0)
  scores /= scores.sum(-1, keepdims=True)
  return np.einsum("rhlm,rhmk->rhlk", scores, v)


CASES = [
  # Length and window: blocks that fill the row, that do not, dense, one token.
  *((70, 7, False), (64, 8, True), (20, 9, False), (33, 0, False)),
  *((70, 7, True), (40, None, True), (1100, None, True), (1100, 400, False)),
]
TEXTS = {20: [(3, 9), (20,)], 33: [(33,), (5, 6)], 40: [(3, 30), (40,)]}


@pytest.mark.parametrize(("length", "window", "causal"), CASES)
def test_values_equal_the_dense_mask(length, window, causal):
  texts = TEXTS.get(length, [(3, 25, 31), (length,)])
  some = inputs(length, texts)
  found = attention.attend(*some, window=window, causal=causal)
  want = dense(*some, window, causal)
  np.testing.assert_allclose(found, want, rtol=0, atol=2e-5)


@pytest.mark.parametrize(("length", "window", "causal"), CASES[:2] + CASES[-2:])
def test_gradients_equal_the_dense_masks(length, window, causal):
  q, k, v, segments = inputs(length, [(3, 25, 31), (length,)])

  def masked(q, k, v):
    place = jnp.arange(length)
    seen = windows.seen(segments, segments, place, place, window, causal)
    scores = jnp.einsum("rhlk,rhmk->rhlm", q, k) * UNITS**-0.5
    scores = jnp.where(seen[:, None], scores, -1e9)
    return jnp.einsum("rhlm,rhmk->rhlk", jax.nn.softmax(scores), v)

  def attend(q, k, v):
    return attention.attend(q, k, v, segments, window=window, causal=causal)

  found, want = (
    jax.jit(jax.grad(lambda *x, f=f: jnp.sin(f(*x)).sum(), argnums=(0, 1, 2)))(
      q, k, v
    )
    for f in (attend, masked)
  )
  for x, expected in zip(found, want, strict=True):
    error = np.linalg.norm(x - expected)
    assert error < 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize(
  ("window", "causal"), [(40, False), (None, True), (40, True)]
)
def test_splash_takes_windows_as_local_masks(window, causal):
  some = inputs(256, [(3, 120, 100), (256,)])
  found = kernels.splash(*some, window=window, causal=causal, interpret=True)
  want = dense(*some, window, causal)
  np.testing.assert_allclose(found, want, rtol=0, atol=2e-5)


def test_cudnns_masks_are_causal():
  some = inputs(64, [(3, 20), (64,)])
  found = kernels.dot_product(*some, implementation="xla", causal=True)
  np.testing.assert_allclose(found, dense(*some, None, True), atol=2e-5)


def temporaries(length, window):
  """Bytes that attention and its gradients take beside what goes in and out."""
  shape = jax.ShapeDtypeStruct((1, HEADS, length, UNITS), jnp.float32)
  segments = jax.ShapeDtypeStruct((1, length), jnp.int32)

  def total(q, k, v, segments):
    return attention.attend(q, k, v, segments, window=window).sum()

  compiled = (
    jax.jit(jax.grad(total, argnums=(0, 1, 2)))
    .lower(shape, shape, shape, segments)
    .compile()
  )
  return compiled.memory_analysis().temp_size_in_bytes


def test_memory_grows_with_the_length_and_not_with_its_square():
  short, long = (temporaries(length, 64) for length in (1024, 8192))
  assert long < 8.5 * short
  # Not even one head's scores would have room there.
  assert long < 8192 * 8192 * 4
  # Nor do all of a row's scores stand anywhere where there is no window.
  assert temporaries(8192, None) < HEADS * 8192 * 8192 * 4


def test_each_block_of_queries_drops_its_own_scores():
  length, rate = windows.LONG + 1, 0.5
  q, k, _, segments = inputs(length, [(length,)])
  # Equal scores and distinct values, so that what was dropped shows.
  v = np.zeros((1, HEADS, length, UNITS), np.float32)
  v[:, :, :UNITS] = np.eye(UNITS)
  drop = functools.partial(
    layers._drop_scores,
    rate=rate,
    key=jax.random.key(0),
    row_R=jnp.arange(1),
  )
  mixed = np.asarray(attention.attend(q * 0, k, v, segments, drop=drop))
  kept = mixed > 0
  assert abs(kept.mean() - rate) < 0.02
  blocks = kept[0, 0, : 2 * 512].reshape(2, 512, UNITS)
  assert (blocks[0] != blocks[1]).mean() > 0.4
