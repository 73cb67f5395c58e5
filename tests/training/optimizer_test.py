"""The schedule, the clip and what decays."""

import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.training import optimizer


@pytest.mark.parametrize(
  ("schedule", "halfway", "end"),
  [("linear", 0.5, 0.0), ("cosine", 0.5, 0.0), ("constant", 1.0, 1.0)],
)
def test_the_rate_rises_and_falls(schedule, halfway, end):
  _, rate = optimizer.make(
    total_steps=110, learning_rate=2.0, warmup_steps=10, schedule=schedule
  )
  found = [float(rate(step)) for step in (0, 5, 10, 60, 110)]
  expected = [0, 1, 2, 2 * halfway, 2 * end]
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_only_kernels_and_tables_decay():
  tx, _ = optimizer.make(
    total_steps=10, learning_rate=0.1, weight_decay=0.5, schedule="constant"
  )
  params = {
    "dense": {"kernel": jnp.ones(2), "bias": jnp.ones(2)},
    "norm": {"scale": jnp.ones(2)},
    "tokens": {"embedding": jnp.ones(2)},
    "log_scale": jnp.ones(()),
  }
  zero = {
    "dense": {"kernel": jnp.zeros(2), "bias": jnp.zeros(2)},
    "norm": {"scale": jnp.zeros(2)},
    "tokens": {"embedding": jnp.zeros(2)},
    "log_scale": jnp.zeros(()),
  }
  updates, _ = tx.update(zero, tx.init(params), params)
  np.testing.assert_allclose(updates["dense"]["kernel"], -0.05, rtol=1e-6)
  np.testing.assert_allclose(updates["tokens"]["embedding"], -0.05, rtol=1e-6)
  for still in (
    updates["dense"]["bias"],
    updates["norm"]["scale"],
    updates["log_scale"],
  ):
    np.testing.assert_array_equal(still, 0)


def test_large_gradients_are_clipped():
  params = {"kernel": jnp.zeros(4)}
  tx, _ = optimizer.make(total_steps=10, clip_norm=1.0, eps=1.0, b1=0.0)
  clipped, _ = tx.update(
    {"kernel": jnp.full(4, 100.0)}, tx.init(params), params
  )
  same, _ = tx.update({"kernel": jnp.full(4, 0.5)}, tx.init(params), params)
  np.testing.assert_allclose(clipped["kernel"], same["kernel"], rtol=1e-5)


def test_wrong_settings_are_refused():
  with pytest.raises(ValueError, match="schedule 'step'"):
    optimizer.make(total_steps=10, schedule="step")
  with pytest.raises(ValueError, match="warmup_steps 11 is not in 0…10"):
    optimizer.make(total_steps=10, warmup_steps=11)
