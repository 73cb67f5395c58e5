"""Training knows no architecture: meshes, chunks, remat, dropout, for each."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.parallel import mesh as meshes
from tests.training import tiny

MESHES = [(8, 1, 1), (2, 2, 2)]
# Losses of some nine: seven digits of float32.
close = functools.partial(tiny.assert_close, loss=5e-6)
every = pytest.mark.parametrize("name", tiny.ARCHITECTURES)


def module(name, **other):
  return tiny.module(**{**tiny.ARCHITECTURES[name], **other})


@every
def test_gradients_on_eight_devices_equal_one_device(name):
  batch, model = tiny.batch(0), module(name)
  one = tiny.gradients(tiny.mesh_of(), model, batch)
  for layout in MESHES:
    many = tiny.gradients(tiny.mesh_of(*layout), model, batch)
    close(many, one)


@every
def test_two_adamw_steps_on_eight_devices_equal_one_device(name):
  def stepped(mesh, model):
    state, step = tiny.setup(mesh, model)
    with meshes.use(mesh):
      for t in range(3):  # The rate warms up from 0.
        state, _ = step(state, tiny.place(tiny.batch(t), mesh))
      gather = jax.jit(lambda x: x, out_shardings=meshes.replicated(mesh))
      return jax.device_get(gather(state.params))

  with jax.enable_x64(True):
    model = module(name, dtype="float64")
    one, many = (
      stepped(tiny.mesh_of(*layout), model) for layout in [(1, 1, 1), (2, 2, 2)]
    )
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-8), one, many
  )


@every
def test_chunks_and_remat_change_nothing(name):
  mesh, batch = tiny.mesh_of(), tiny.batch(0)
  plain = tiny.gradients(mesh, module(name), batch)
  for remat in ("dense", "full"):
    close(tiny.gradients(mesh, module(name, remat=remat), batch), plain)
  chunked = tiny.gradients(
    mesh, module(name, remat="dense"), batch, chunk_tokens=128
  )
  close(chunked, plain)


@every
def test_what_a_row_drops_follows_from_its_number(name):
  model = module(name)
  if not model.encoder.attention_dropout:
    pytest.skip("has no dropout")
  params, batch = tiny.params(model), tiny.batch(0)
  tiers = batch["rows"]["both"]
  # The same rows behind others of padding.
  behind = tuple(
    tuple(
      np.concatenate([np.full((8, *x.shape[1:]), fill, x.dtype), x])
      for x, fill in zip(tier, (1, 0, 0, 2 * tiny.BATCH, 7), strict=True)
    )
    for tier in tiers
  )

  def embed(rows, seed):
    return model.apply(
      {"params": params},
      rows,
      num_texts=2 * tiny.BATCH,
      deterministic=False,
      rngs={"dropout": jax.random.key(seed)},
    )

  z_ND = tiny.jit(embed)(tiers, 0)
  np.testing.assert_allclose(tiny.jit(embed)(behind, 0), z_ND, atol=1e-5)
  assert np.abs(tiny.jit(embed)(tiers, 1) - z_ND).max() > 1e-2


@every
def test_bfloat16_stays_close(name):
  model, batch = module(name), tiny.batch(0)
  params, rows = tiny.params(model), batch["rows"]["both"]
  half = model.clone(
    encoder=dataclasses.replace(model.encoder, dtype="bfloat16")
  )
  full_ND, half_ND = (
    tiny.jit(lambda rows, m=m: m.apply({"params": params}, rows, num_texts=32))(
      rows
    )
    for m in (model, half)
  )
  assert half_ND.dtype == jnp.float32
  assert np.sum(full_ND * half_ND, -1).min() > 0.998
