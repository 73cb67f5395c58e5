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
# Hard negatives that are passages of groups that stand in other slices.
FALSE = np.full((len(GROUPS), NEGATIVES), -1)
FALSE[[0, 2, 5, 9, 12], [1, 0, 0, 1, 0]] = [8, 0, 5, 4, 1]


def spread(model, key):
  """Parameters that tell texts apart, as a fresh model's hardly do."""
  return jax.tree.map(lambda x: 4 * x, tiny.init(model, key))


def pair_by_pair(z_ND):
  """One-way loss in float64 and its gradient, with no matrix of scores.

  A query's own hard negatives count WEIGHT times; those that FALSE says are
  passages of its group do not count.
  """
  z_ND = z_ND.astype(np.float64)
  count = len(GROUPS)
  queries, positives = z_ND[:count], z_ND[count : 2 * count]
  losses, gradient_ND = [], np.zeros_like(z_ND)
  for i, query in enumerate(queries):
    terms = {count + i: np.exp(query @ positives[i] / TAU)}
    for j in range(count):
      if GROUPS[j] != GROUPS[i]:
        terms[count + j] = np.exp(query @ positives[j] / TAU)
      for k in range(NEGATIVES):
        if FALSE[j, k] != GROUPS[i]:
          number = 2 * count + j * NEGATIVES + k
          often = WEIGHT if j == i else 1.0
          terms[number] = often * np.exp(query @ z_ND[number] / TAU)
    everything = sum(terms.values())
    losses.append(np.log(everything / terms[count + i]))
    for number, term in terms.items():
      pull = (term / everything - (number == count + i)) / TAU / count
      gradient_ND[i] += pull * z_ND[number]
      gradient_ND[number] += pull * query
  return np.mean(losses), gradient_ND


@functools.cache
def expected():
  """Loss and gradient without an objective: one device's vectors, numpy."""
  model = tiny.module(dropout=0.0)
  made = batch()
  count = len(GROUPS) * (2 + NEGATIVES)
  first, _ = state.create(
    functools.partial(spread, model), optax.sgd(0.1), tiny.mesh_of(), seed=0
  )

  def embed(params):
    return model.apply(
      {"params": params}, made["rows"]["both"], num_texts=count
    )

  @tiny.jit
  def back(params, dz_ND):
    return jax.vjp(embed, params)[1](dz_ND)[0]

  params = first.params["model"]
  value, dz_ND = pair_by_pair(np.asarray(tiny.jit(embed)(params)))
  gradient = back(params, dz_ND.astype(np.float32))
  return value, jax.device_get({"loss": {}, "model": gradient})


def batch():
  return tiny.batch(
    3,
    negatives=NEGATIVES,
    groups=GROUPS,
    size=len(GROUPS),
    negative_group=FALSE,
  )


@pytest.mark.parametrize("layout", [(1, 1), (4, 2)])
@pytest.mark.parametrize("chunk_tokens", [0, 64])
def test_equals_pair_by_pair(layout, chunk_tokens):
  """Every query meets every passage of the batch, at τ, masked by its group."""
  mesh, model = tiny.mesh_of(*layout), tiny.module(dropout=0.0)
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
    (value, _), gradient = tiny.jit(
      jax.value_and_grad(minimised, has_aux=True)
    )(first.params, tiny.place(batch(), mesh), jax.random.key(0))
  tiny.assert_close(
    jax.device_get((value, gradient)), expected(), loss=2e-5, gradient=5e-5
  )


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
