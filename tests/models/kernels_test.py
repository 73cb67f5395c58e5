"""A kernel over split rows and heads: XLA's values and gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from hybridret_jax.models import attention, kernels
from hybridret_jax.parallel import collectives
from hybridret_jax.parallel import mesh as meshes

ROWS, HEADS, LENGTH, UNITS = 8, 4, 128, 32
splash = functools.partial(kernels.splash, interpret=True)


def inputs():
  rng = np.random.default_rng(0)
  shape = (ROWS, HEADS, LENGTH, UNITS)
  q, k, v = (rng.normal(size=shape).astype(np.float32) for _ in range(3))
  segments = np.sort(rng.integers(0, 4, (ROWS, LENGTH)), axis=1)
  scale = rng.normal(size=(1, 1, 1, UNITS)).astype(np.float32)
  return scale, q, k, v, segments


def value_and_gradients(attend, mesh):
  """Of a sum over rows, by a parameter that slices share and by the rest."""
  slices = collectives.Slices(mesh)

  def of_slice(scale_111K, q, k, v, segments):
    mixed = attend(q * slices.varying(scale_111K), k, v, segments)
    return slices.total((mixed**3).sum())

  total = slices.each(
    of_slice, (PartitionSpec(), *[slices.rows_spec()] * 4), PartitionSpec()
  )
  with meshes.use(mesh):
    return jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2, 3)))(*inputs())


@pytest.mark.parametrize(
  "sizes", [(1, 1, 1), (4, 1, 1), (2, 2, 1), (2, 1, 2), (2, 2, 2), (1, 1, 4)]
)
def test_splash_on_every_mesh(sizes):
  devices = np.array(jax.devices()[: np.prod(sizes)]).reshape(sizes)
  mesh = jax.sharding.Mesh(devices, meshes.AXES)
  found = value_and_gradients(functools.partial(kernels.split, splash), mesh)
  want = value_and_gradients(attention.attend, mesh)
  for x, expected in zip(
    jax.tree.leaves(found), jax.tree.leaves(want), strict=True
  ):
    error = jnp.linalg.norm(x - expected)
    assert error < 1e-5 * jnp.linalg.norm(expected)


def test_splash_without_a_mesh():
  _, *rest = inputs()
  found = kernels.split(splash, *rest)
  np.testing.assert_allclose(found, attention.attend(*rest), atol=2e-5)
