"""The contrastive loss against plain numpy, and its masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.training import loss


def unit(rng, *shape):
  z = rng.normal(size=shape).astype(np.float32)
  return z / np.linalg.norm(z, axis=-1, keepdims=True)


def reference(q, p, group, tau, *, same_group="mask", symmetric=False):
  """Row by row, in float64, with no matrix trick shared with the code."""

  def direction(queries, passages, count):
    losses, hits = [], []
    for i, query in enumerate(queries):
      terms, positives = {}, []
      for j, passage in enumerate(passages):
        twin = j < count and j != i and group[j] == group[i]
        if twin and same_group == "mask":
          continue
        terms[j] = float(np.dot(query, passage)) / tau
        if j == i or (twin and same_group == "positive"):
          positives.append(j)
      total = np.log(sum(np.exp(s) for s in terms.values()))
      losses.append(-np.mean([terms[j] - total for j in positives]))
      hits.append(max(terms, key=terms.get) in positives)
    return np.mean(losses), np.mean(hits)

  q, p = q.astype(np.float64), p.astype(np.float64)
  value, accuracy = direction(q, p, len(q))
  if symmetric:
    value = (value + direction(p[: len(q)], q, len(q))[0]) / 2
  return value, accuracy


@pytest.mark.parametrize("same_group", loss.SAME_GROUP)
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("negatives", [0, 3])
def test_equals_the_reference(same_group, symmetric, negatives):
  rng = np.random.default_rng(1)
  q, p = unit(rng, 6, 8), unit(rng, 6 * (1 + negatives), 8)
  group = np.array([0, 1, 0, 2, 1, 0])
  value, metrics = loss.contrastive(
    q,
    p,
    group_B=group,
    temperature=0.1,
    symmetric=symmetric,
    same_group=same_group,
  )
  expected, accuracy = reference(
    q, p, group, 0.1, same_group=same_group, symmetric=symmetric
  )
  np.testing.assert_allclose(value, expected, rtol=1e-5)
  np.testing.assert_allclose(metrics["accuracy"], accuracy)


def test_hard_negatives_are_no_positives():
  """A query equal to its hard negative pays for it."""
  rng = np.random.default_rng(2)
  q, positives = unit(rng, 4, 8), unit(rng, 4, 8)
  value = [
    loss.contrastive(
      q,
      np.concatenate([positives, extra]),
      group_B=np.arange(4),
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
    return loss.contrastive(q_BD, p_ND, group_B=group, temperature=0.05)[0]

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


def test_wrong_shapes_and_words_are_refused():
  q, p = np.eye(3, 4), np.eye(4, 4)
  with pytest.raises(ValueError, match="4 passages for 3 queries"):
    loss.contrastive(q, p, group_B=np.arange(3), temperature=1.0)
  with pytest.raises(ValueError, match="'drop' is not one of"):
    loss.contrastive(
      q, q, group_B=np.arange(3), temperature=1.0, same_group="drop"
    )
