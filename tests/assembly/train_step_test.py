"""What a step does with the token table."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.assembly import train_step
from tests.training import tiny

PAIRS, LENGTH, TOKEN = 32, 8, 7


def rows():
  """The one and the same text in every row."""
  count = 2 * PAIRS
  ids_RL = np.full((count, LENGTH), TOKEN, np.int32)
  row_R = np.arange(count, dtype=np.int32)
  positions_RL = np.broadcast_to(
    np.arange(LENGTH, dtype=np.int32), ids_RL.shape
  )
  text_index_RL = np.broadcast_to(row_R[:, None], ids_RL.shape)
  return ((ids_RL, np.ones_like(ids_RL), positions_RL, text_index_RL, row_R),)


@pytest.mark.parametrize("chunk_tokens", [0, 64])
def test_a_frequent_tokens_gradient_adds_up_in_float32(chunk_tokens):
  """512 tokens add to one row; bfloat16 would keep two digits of the sum."""
  model = tiny.module(dtype="bfloat16", dropout=0.0)
  params = tiny.params(model)
  weight_D = np.random.default_rng(0).normal(size=32).astype(np.float32)
  embed = train_step.pair_embedder(
    model,
    batch_size=PAIRS,
    negatives=0,
    chunk_tokens=chunk_tokens,
    shortest=LENGTH,
  )

  def of_table(params):
    parts = embed(params, {"both": rows()}, jax.random.key(0))
    return sum(jnp.sum(z_BD @ weight_D) for z_BD in parts.values())

  def of_tokens(x_TD):
    z_ND = model.apply(
      {"params": params}, rows(), num_texts=2 * PAIRS, token_vectors=x_TD
    )
    return jnp.sum(jnp.asarray(z_ND) @ weight_D)

  grads = tiny.jit(jax.grad(of_table))(params)
  table_VD = grads["both"]["encoder"]["tokens"]["embedding"]
  each_TD = tiny.jit(jax.grad(of_tokens))(
    params["both"]["encoder"]["tokens"]["embedding"][rows()[0][0].reshape(-1)]
  )
  want_D = np.asarray(each_TD, np.float64).sum(0)
  assert np.abs(want_D).max() > 100 * np.abs(each_TD).max()
  error_D = np.abs(table_VD[TOKEN] - want_D)
  assert error_D.max() < 2e-4 * np.abs(want_D).max()
