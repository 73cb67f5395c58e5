"""The objective on many devices against the loss written out pair by pair."""

import functools

import jax
import numpy as np
import optax
import pytest

from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import state
from tests.training import tiny

TAU, WEIGHT, NEGATIVES = 0.05, 3.0, 2
# Thirteen pairs leave padding on four slices; groups meet across slices.
GROUPS = [0, 1, 2, 0, 3, 4, 5, 5, 6, 7, 8, 9, 0]


def spread(model, key):
  """Parameters that tell texts apart, as a fresh model's hardly do."""
  return jax.tree.map(lambda x: 4 * x, tiny.init(model, key))


def pair_by_pair(z_ND):
  """One-way loss in float64: hard negatives are WEIGHT of a query's own."""
  z_ND = z_ND.astype(np.float64)
  count = len(GROUPS)
  queries, positives = z_ND[:count], z_ND[count : 2 * count]
  hard = z_ND[2 * count :].reshape(count, NEGATIVES, -1)
  losses = []
  for i, query in enumerate(queries):
    own = np.exp(query @ positives[i] / TAU)
    everything = own
    for j in range(count):
      if GROUPS[j] != GROUPS[i]:
        everything += np.exp(query @ positives[j] / TAU)
      for negative in hard[j]:
        often = WEIGHT if j == i else 1.0
        everything += often * np.exp(query @ negative / TAU)
    losses.append(np.log(everything / own))
  return np.mean(losses)


@functools.cache
def expected():
  """The loss of the vectors that one device gives without an objective."""
  model = tiny.module(dropout=0.0)
  made = batch()
  count = len(GROUPS) * (2 + NEGATIVES)
  first, _ = state.create(
    functools.partial(spread, model), optax.sgd(0.1), tiny.mesh_of(), seed=0
  )
  embed = tiny.jit(functools.partial(model.apply, num_texts=count))
  z_ND = embed({"params": first.params["model"]}, made["rows"]["both"])
  return pair_by_pair(np.asarray(z_ND))


def batch():
  return tiny.batch(3, negatives=NEGATIVES, groups=GROUPS, size=len(GROUPS))


@pytest.mark.parametrize("chunk_tokens", [0, 64])
def test_equals_pair_by_pair(chunk_tokens):
  """Every query meets every passage of the batch, at τ, masked by its group."""
  mesh, model = tiny.mesh_of(2, 2), tiny.module(dropout=0.0)
  first, shardings = state.create(
    functools.partial(spread, model), optax.sgd(0.1), mesh, seed=0
  )
  minimised = tiny.make_objective(
    mesh,
    model,
    shardings,
    negatives=NEGATIVES,
    temperature=TAU,
    size=len(GROUPS),
    chunk_tokens=chunk_tokens,
    hard_negative_weight=WEIGHT,
  )
  with meshes.use(mesh):
    value, _ = tiny.jit(minimised)(
      first.params, tiny.place(batch(), mesh), jax.random.key(0)
    )
  np.testing.assert_allclose(value, expected(), rtol=1e-5)


def test_a_steps_figures_are_those_of_one_device():
  found = []
  for layout in [(1, 1), (2, 2)]:
    mesh = tiny.mesh_of(*layout)
    first, step = tiny.setup(mesh, tiny.module())
    with meshes.use(mesh):
      _, figures = step(first, tiny.place(tiny.batch(0), mesh))
    found.append(jax.device_get(figures))
  one, many = found
  assert one.keys() == many.keys() >= {"loss", "accuracy", "gradient_norm"}
  for name, value in one.items():
    np.testing.assert_allclose(many[name], value, rtol=1e-5, err_msg=name)
