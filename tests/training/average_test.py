"""The moving average of parameters against plain numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.training import average


def drawn(seed, dtype=jnp.float32):
  rng = np.random.default_rng(seed)
  return {
    "kernel": jnp.asarray(rng.normal(size=(3, 4)), dtype),
    "norm": {"bias": jnp.asarray(rng.normal(size=4), dtype)},
  }


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.999])
def test_it_equals_numpy(decay):
  found = average.start(drawn(0))
  expected = jax.tree.map(lambda x: np.asarray(x, np.float64), drawn(0))
  for t in range(20):
    found = average.update(found, drawn(t + 1), decay=decay, step=jnp.int32(t))
    d = min(decay, (1 + t) / (10 + t))
    expected = jax.tree.map(
      lambda a, x, d=d: d * a + (1 - d) * np.asarray(x, np.float64),
      expected,
      drawn(t + 1),
    )
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-6),
    found,
    expected,
  )


def test_a_decay_near_one_keeps_its_digits():
  """Late in a run, from 0 towards 1: the share is 1e-5 to six digits."""
  found = average.update(
    {"w": jnp.zeros(2)}, {"w": jnp.ones(2)}, decay=0.99999, step=10**8
  )
  np.testing.assert_allclose(found["w"], 1e-5, rtol=1e-6)


def test_what_does_not_move_is_its_own_average():
  params = drawn(0)
  found = average.start(params)
  for t in range(10):
    found = average.update(found, params, decay=0.9, step=t)
  jax.tree.map(np.testing.assert_array_equal, found, params)


def test_it_is_float32_for_narrow_parameters():
  params = drawn(0, jnp.bfloat16)
  found = average.update(
    average.start(params), drawn(1, jnp.bfloat16), decay=0.9, step=0
  )
  assert {x.dtype for x in jax.tree.leaves(found)} == {jnp.dtype("float32")}
  jax.tree.map(
    lambda a, x, y: np.testing.assert_allclose(
      a, 0.1 * np.asarray(x, np.float32) + 0.9 * np.asarray(y, np.float32), 1e-5
    ),
    found,
    params,
    drawn(1, jnp.bfloat16),
  )


def test_it_is_donated_beside_the_parameters():
  """The first average shares no buffer with the parameters, jit or not."""
  step = jax.jit(
    lambda a, x: (average.update(a, x, decay=0.9, step=0), x),
    donate_argnums=(0, 1),
  )
  for start in (average.start, jax.jit(average.start)):
    params = drawn(0)
    first = start(params)
    found, params = step(first, params)
    assert first["kernel"].is_deleted()
    jax.tree.map(np.testing.assert_array_equal, found, params)


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_out_of_range_is_refused(decay):
  with pytest.raises(ValueError, match=f"decay {decay} is not in"):
    average.update({}, {}, decay=decay, step=0)
