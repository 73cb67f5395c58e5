"""Gradient caching is the plain step, in the memory of a chunk."""

import jax
import numpy as np
import pytest

from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import grad_cache
from tests.training import tiny


def tokens(batch):
  return sum(tier[0].size for tier in batch["rows"]["both"])


@pytest.mark.parametrize("chunks", [2, 3, 5])
@pytest.mark.parametrize("learnable", [None, 0.1])
def test_equals_the_plain_step_with_dropout_on(chunks, learnable):
  """The same negatives, temperature and masks, whatever the chunks."""
  batch = tiny.batch(0, negatives=1)
  mesh, model = tiny.mesh_of(), tiny.module(dropout=0.2)
  settings = {"negatives": 1, "learnable": learnable}
  plain = tiny.gradients(mesh, model, batch, **settings)
  budget = -(-tokens(batch) // chunks)
  rows = batch["rows"]["both"]
  found = grad_cache.chunk_count(rows, budget)
  assert found >= chunks
  cached = tiny.gradients(mesh, model, batch, chunk_tokens=budget, **settings)
  tiny.assert_close(cached, plain)
  if learnable:
    assert abs(cached[1]["loss"]["log_scale"]) > 1e-3


@pytest.mark.parametrize(
  "settings", [{"tied": False}, {"pooling": "cls_dense_tanh"}]
)
def test_other_towers(settings):
  batch = tiny.batch(0, tied=settings.get("tied", True))
  mesh, model = tiny.mesh_of(4, 2), tiny.module(**settings)
  plain = tiny.gradients(mesh, model, batch)
  cached = tiny.gradients(mesh, model, batch, chunk_tokens=40)
  tiny.assert_close(cached, plain)


def test_five_adamw_steps_in_float64():
  with jax.enable_x64(True):
    model, mesh = tiny.module(dtype="float64"), tiny.mesh_of()
    ends = []
    for chunk_tokens in (0, 200):
      state, step = tiny.setup(mesh, model, chunk_tokens=chunk_tokens)
      with meshes.use(mesh):
        for t in range(5):
          state, _ = step(state, tiny.batch(t))
      ends.append(jax.device_get(state.params))
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-8), *ends
  )


def temporary_memory(pairs, chunk_tokens):
  """Bytes of temporaries of a compiled gradient over many rows of 64 tokens."""
  model = tiny.module(
    hidden_size=128, mlp_size=512, max_positions=64, dropout=0.1
  )
  mesh = tiny.mesh_of()
  state, _ = tiny.setup(mesh, model)
  rows = pairs  # Two texts of 32 tokens in each.
  shape = jax.ShapeDtypeStruct((rows, 64), np.int32)
  tier = (shape,) * 4 + (jax.ShapeDtypeStruct((rows,), np.int32),)
  batch = {
    "rows": {"both": (tier,)},
    **dict.fromkeys(
      ("group", "text"), jax.ShapeDtypeStruct((pairs,), np.int32)
    ),
    **dict.fromkeys(
      ("negative_group", "negative_text"),
      jax.ShapeDtypeStruct((pairs, 0), np.int32),
    ),
  }
  minimised = tiny.make_objective(
    mesh,
    model,
    jax.tree.map(lambda x: x.sharding, state),
    size=pairs,
    chunk_tokens=chunk_tokens,
    block_size=64,
  )
  lowered = tiny.jit(jax.grad(minimised, has_aux=True)).lower(
    state.params, batch, jax.random.key(0)
  )
  return lowered.compile().memory_analysis().temp_size_in_bytes


def test_memory_is_flat_in_the_number_of_chunks():
  rows = 32
  four, sixty_four = (
    temporary_memory(pairs=rows * chunks, chunk_tokens=rows * 64)
    for chunks in (4, 64)
  )
  plain = temporary_memory(pairs=rows * 4, chunk_tokens=0)
  assert sixty_four == pytest.approx(four, rel=0.1)
  assert four < plain / 2


def test_a_chunk_holds_at_most_its_tokens():
  rows = [np.zeros((7, 24)), np.zeros((5, 8))]
  count = grad_cache.chunk_count([(x,) for x in rows], 70)
  slots = sum(-(-len(x) // count) * x.shape[1] for x in rows)
  assert slots <= 70
  assert grad_cache.chunk_count([(x,) for x in rows], 0) == 1
  assert grad_cache.chunk_count([(x,) for x in rows], 10_000) == 1
  with pytest.raises(ValueError, match="use 32 or more"):
    grad_cache.chunk_count([(x,) for x in rows], 31)
