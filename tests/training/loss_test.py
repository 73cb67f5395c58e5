"""The losses against plain numpy, dense against blockwise, and their masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.training import loss

GROUP = np.array([0, 1, 0, 2, 1, 0])
TAU = 0.1
# Of three hard negatives a pair: a translation of one of the batch, a copy of
# a positive, or neither. A copy of positive j is a passage of its group.
TEXT = np.array([10, 11, 12, 13, 11, 10])
NEGATIVE_TEXT = np.array(
  [
    [20, 13, 21],
    [22, 10, 23],
    [24, 25, 26],
    [13, 27, 12],
    [28, 29, 30],
    [31, 11, 32],
  ]
)
NEGATIVE_GROUP = np.array(
  [[1, 2, -1], [-1, 0, 0], [-1, -1, 2], [2, -1, 0], [-1, 1, -1], [0, 1, -1]]
)


def unit(rng, *shape):
  z = rng.normal(size=shape).astype(np.float32)
  return z / np.linalg.norm(z, axis=-1, keepdims=True)


def vectors(negatives=0, seed=1, width=8):
  rng = np.random.default_rng(seed)
  batch = len(GROUP)
  return unit(rng, batch, width), unit(rng, batch * (1 + negatives), width)


def labelled(q, p, *around):
  """The batch with what is known of its texts."""
  each = len(p) // len(q) - 1
  return loss.whole(
    q,
    p,
    GROUP,
    *around,
    text_B=TEXT,
    negative_group_BK=NEGATIVE_GROUP[:, :each],
    negative_text_BK=NEGATIVE_TEXT[:, :each],
  )


def reference(
  q,
  p,
  *,
  directions="one_way",
  same_group="mask",
  hard_negative_weight=1.0,
  known=False,
):
  """Pair by pair, in float64, with no matrix trick shared with the code.

  `known` leaves out what TEXT, NEGATIVE_TEXT and NEGATIVE_GROUP say. Returns
  the loss and the share of queries whose best passage is a positive.
  """
  q, p = q.astype(np.float64), p.astype(np.float64)
  batch = len(q)
  each = len(p) // batch - 1
  losses, hits = [], []

  def score(a, b):
    return float(np.dot(a, b)) / TAU

  def is_false(i, j):
    if same_group == "negative":
      return known and TEXT[i] == TEXT[j]
    return GROUP[i] == GROUP[j]

  def left_out(i, j):
    return j != i and is_false(i, j) and same_group != "positive"

  def is_false_negative(i, k):
    if not known:
      return False
    if same_group == "negative":
      return NEGATIVE_TEXT[:, :each].flat[k] == TEXT[i]
    return NEGATIVE_GROUP[:, :each].flat[k] == GROUP[i]

  def is_positive(i, j):
    return j == i or (GROUP[i] == GROUP[j] and same_group == "positive")

  for i in range(batch):
    forward = {
      ("p", j): score(q[i], p[j]) for j in range(batch) if not left_out(i, j)
    }
    weight = dict.fromkeys(forward, 1.0)
    for k in range(each * batch):
      if is_false_negative(i, k):
        continue
      forward["n", k] = score(q[i], p[batch + k])
      weight["n", k] = hard_negative_weight if k // each == i else 1.0
    kept = {key: s for key, s in forward.items() if weight[key]}
    best = max(kept, key=kept.get)
    hits.append(best[0] == "p" and is_positive(i, best[1]))
    backward = {
      j: score(p[i], q[j]) for j in range(batch) if not left_out(i, j)
    }
    forward_sum = sum(weight[key] * np.exp(s) for key, s in forward.items())
    backward_sum = sum(np.exp(s) for s in backward.values())
    positives = [j for j in range(batch) if is_positive(i, j)]
    to_passages = np.mean([forward["p", j] for j in positives])
    to_queries = np.mean([backward[j] for j in positives])
    if directions == "one_way":
      losses.append(np.log(forward_sum) - to_passages)
    elif directions == "symmetric":
      losses.append(
        (np.log(forward_sum) - to_passages + np.log(backward_sum) - to_queries)
        / 2
      )
    else:
      others = [j for j in range(batch) if j != i and not is_false(i, j)]
      among = sum(
        np.exp(score(x[i], x[j])) for x in (q, p[:batch]) for j in others
      )
      total = forward_sum + backward_sum + among
      losses.append(np.log(total) - to_passages)
  return np.mean(losses), np.mean(hits)


@pytest.mark.parametrize("same_group", loss.SAME_GROUP)
@pytest.mark.parametrize("directions", loss.DIRECTIONS)
@pytest.mark.parametrize("negatives", [0, 3])
@pytest.mark.parametrize("block_size", [4096, 4])
def test_equals_the_reference(same_group, directions, negatives, block_size):
  q, p = vectors(negatives)
  settings = {"directions": directions, "same_group": same_group}
  value, metrics = loss.contrastive(
    loss.whole(q, p, GROUP), temperature=TAU, block_size=block_size, **settings
  )
  expected, accuracy = reference(q, p, **settings)
  np.testing.assert_allclose(value, expected, rtol=1e-5)
  np.testing.assert_allclose(metrics["accuracy"], accuracy)


@pytest.mark.parametrize("same_group", loss.SAME_GROUP)
@pytest.mark.parametrize("directions", loss.DIRECTIONS)
def test_what_is_known_of_texts_is_left_out(same_group, directions):
  """Nor is it a negative of a query whose group, or positive, has it."""
  q, p = vectors(3)
  settings = {
    "directions": directions,
    "same_group": same_group,
    "hard_negative_weight": 2.0,
  }
  value, metrics = loss.contrastive(
    labelled(q, p), temperature=TAU, block_size=4, **settings
  )
  expected, accuracy = reference(q, p, known=True, **settings)
  np.testing.assert_allclose(value, expected, rtol=1e-5)
  np.testing.assert_allclose(metrics["accuracy"], accuracy)
  assert abs(expected - reference(q, p, **settings)[0]) > 1e-3


@pytest.mark.parametrize("block_size", [4096, 4])
def test_the_gradient_is_that_of_the_reference(block_size):
  """The one-way loss's, written out: (softmax - target) / τ B."""
  q, p = vectors(3)
  batch = len(GROUP)

  def of(q, p):
    return loss.contrastive(
      labelled(q, p), temperature=TAU, block_size=block_size
    )[0]

  found = jax.grad(of, argnums=(0, 1))(q, p)
  kept = np.ones((batch, len(p)), bool)
  kept[:, :batch] = GROUP[:, None] != GROUP
  kept[:, batch:] = GROUP[:, None] != NEGATIVE_GROUP.reshape(-1)
  kept[np.arange(batch), np.arange(batch)] = True
  q, p = q.astype(np.float64), p.astype(np.float64)
  weight = np.where(kept, np.exp(q @ p.T / TAU), 0)
  weight /= weight.sum(1, keepdims=True)
  weight[np.arange(batch), np.arange(batch)] -= 1
  wanted = weight @ p / TAU / batch, weight.T @ q / TAU / batch
  for one, other in zip(found, wanted, strict=True):
    error = np.linalg.norm(one - other)
    assert error <= 1e-5 * np.linalg.norm(other)
  # What is left out of every sum has exactly no gradient.
  never = np.flatnonzero(~kept.any(0))
  np.testing.assert_array_equal(np.asarray(found[1])[never], 0)


@pytest.mark.parametrize("weight", [0.0, 0.5, 4.0])
@pytest.mark.parametrize("directions", loss.DIRECTIONS)
def test_hard_negatives_count_by_their_weight(weight, directions):
  q, p = vectors(2)
  settings = {"directions": directions, "hard_negative_weight": weight}
  value, metrics = loss.contrastive(
    loss.whole(q, p, GROUP), temperature=TAU, **settings
  )
  expected, accuracy = reference(q, p, **settings)
  np.testing.assert_allclose(value, expected, rtol=1e-5)
  np.testing.assert_allclose(metrics["accuracy"], accuracy)


@pytest.mark.parametrize("block_size", [4096, 4])
def test_the_alignment_is_the_symmetric_divergence(block_size):
  q, p = vectors(1)
  other = unit(np.random.default_rng(9), *q.shape)
  has = np.array([True, False, True, True, False, True])
  value, metrics = loss.contrastive(
    loss.whole(q, p, GROUP, other, has),
    temperature=TAU,
    alignment_weight=0.3,
    block_size=block_size,
  )

  def log_softmax(x):
    scores = x.astype(np.float64) @ p.T / TAU
    return scores - np.log(np.exp(scores).sum(1, keepdims=True))

  one, two = log_softmax(q), log_softmax(other)
  forward = (np.exp(one) * (one - two)).sum(1)
  backward = (np.exp(two) * (two - one)).sum(1)
  divergence = ((forward + backward) / 2)[has].mean()
  np.testing.assert_allclose(metrics["alignment"], divergence, rtol=1e-5)
  expected = reference(q, p)[0] + 0.3 * divergence
  np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_no_parallel_query_no_alignment():
  q, p = vectors()
  value, metrics = loss.contrastive(
    loss.whole(q, p, GROUP, jnp.zeros_like(q), np.zeros(len(q), bool)),
    temperature=TAU,
    alignment_weight=0.3,
  )
  assert metrics["alignment"] == 0
  np.testing.assert_allclose(value, reference(q, p)[0], rtol=1e-5)


def test_matryoshka_sums_the_losses_of_unit_prefixes():
  q, p = vectors(1)
  value, metrics = loss.contrastive(
    loss.whole(q, p, GROUP), temperature=TAU, matryoshka_dims=(2, 5)
  )

  def cut(x, dims):
    return x[:, :dims] / np.linalg.norm(x[:, :dims], axis=1, keepdims=True)

  found = [reference(cut(q, d), cut(p, d)) for d in (2, 5, 8)]
  np.testing.assert_allclose(value, sum(f[0] for f in found), rtol=1e-5)
  np.testing.assert_allclose(metrics["accuracy"], found[-1][1])


@pytest.mark.parametrize(
  "settings",
  [
    {},
    {"directions": "four", "same_group": "positive"},
    {"directions": "symmetric", "hard_negative_weight": 2.0},
    {"alignment_weight": 0.5, "matryoshka_dims": (4,)},
  ],
)
def test_blockwise_equals_dense_values_and_gradients(settings):
  q, p = vectors(3)
  other = unit(np.random.default_rng(9), *q.shape)
  has = np.arange(len(q)) % 2 == 0

  def value(block_size):
    def of(q, p, other, tau):
      return loss.contrastive(
        loss.whole(q, p, GROUP, other, has),
        temperature=tau,
        block_size=block_size,
        **settings,
      )[0]

    return jax.value_and_grad(of, argnums=(0, 1, 2, 3))(q, p, other, TAU)

  dense, dense_grads = value(4096)
  for block_size in (4, 7):
    blockwise, grads = value(block_size)
    np.testing.assert_allclose(blockwise, dense, rtol=1e-6)
    for found, expected in zip(grads, dense_grads, strict=True):
      error = np.linalg.norm(found - expected)
      assert error <= 1e-5 * np.linalg.norm(expected)


def test_blockwise_memory_stays_below_the_score_matrix():
  batch, width, block = 2048, 32, 128
  shapes = [jax.ShapeDtypeStruct((n, width), jnp.float32) for n in (batch,) * 2]
  matrix = 4 * batch * batch

  def memory(block_size):
    def of(q, p):
      return loss.contrastive(
        loss.whole(q, p, jnp.arange(batch)),
        temperature=TAU,
        block_size=block_size,
      )[0]

    compiled = jax.jit(jax.grad(of, argnums=(0, 1))).lower(*shapes).compile()
    return compiled.memory_analysis().temp_size_in_bytes

  assert memory(block) < matrix / 2 < matrix <= memory(batch)


def test_a_learnt_temperature_has_the_gradient_of_a_difference():
  q, p = (x.astype(np.float64) for x in vectors(1))
  with jax.enable_x64(True):

    def of(tau):
      return loss.contrastive(
        loss.whole(q, p, GROUP), temperature=tau, block_size=4
      )[0]

    slope = (of(TAU + 1e-6) - of(TAU - 1e-6)) / 2e-6
    np.testing.assert_allclose(jax.grad(of)(TAU), slope, rtol=1e-6)


def test_hard_negatives_are_no_positives():
  """A query equal to its hard negative pays for it."""
  rng = np.random.default_rng(2)
  q, positives = unit(rng, 4, 8), unit(rng, 4, 8)
  value = [
    loss.contrastive(
      loss.whole(q, np.concatenate([positives, extra]), np.arange(4)),
      temperature=0.05,
    )[0]
    for extra in (q, -q)
  ]
  assert value[0] > value[1] + 5


def test_a_masked_translation_has_exactly_no_gradient():
  rng = np.random.default_rng(3)
  q, p = unit(rng, 3, 8), unit(rng, 3, 8)
  group = jnp.array([7, 7, 1])

  def of_queries(q_BD, p_ND):
    return loss.contrastive(loss.whole(q_BD, p_ND, group), temperature=0.05)[0]

  # A query of length zero pulls on no passage: the first one's pull remains.
  scale = jnp.array([[1.0], [0.0], [0.0]])
  to_passages = jax.grad(lambda p_ND: of_queries(q * scale, p_ND))(p)
  np.testing.assert_array_equal(to_passages[1], np.zeros(8))
  assert np.abs(to_passages[2]).max() > 0
  gradient = jax.grad(of_queries)(q, p)
  moved = p.copy()
  moved[1] = unit(rng, 8)
  again = jax.grad(of_queries)(q, moved)
  # The translation may be anywhere: the first query does not feel it.
  np.testing.assert_array_equal(gradient[0], again[0])
  assert np.abs(np.asarray(gradient[2] - again[2])).max() > 1e-6


@pytest.mark.parametrize(
  ("settings", "words"),
  [
    ({"directions": "both"}, "directions 'both'"),
    ({"same_group": "drop"}, "same_group 'drop'"),
    ({"hard_negative_weight": -1.0}, "hard_negative_weight -1"),
    ({"alignment_weight": 0.1}, "parallel_share"),
    ({"matryoshka_dims": (8,)}, "below the 8 dimensions"),
  ],
)
def test_what_cannot_be_is_refused(settings, words):
  q, p = vectors()
  with pytest.raises(ValueError, match=words):
    loss.contrastive(loss.whole(q, p, GROUP), temperature=TAU, **settings)


def test_passages_that_are_no_whole_number_each_are_refused():
  q, p = vectors(1)
  with pytest.raises(ValueError, match="not a whole number"):
    loss.contrastive(loss.whole(q, p[:-1], GROUP), temperature=TAU)
