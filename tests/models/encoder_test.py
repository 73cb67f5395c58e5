"""Packing, pooling and numerics of the encoder."""

import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.models import dual_encoder, encoder, layers
from tests.models import parity_test
from tests.training import tiny


def embed(module, params, packed, count):
  apply = tiny.jit(functools.partial(module.apply, num_texts=count))
  return np.asarray(apply({"params": params}, (packed.arrays(),)))


def packed_and_alone(module):
  """Vectors of texts that share rows, and of one text a row."""
  rng = np.random.default_rng(0)
  params = jax.device_get(tiny.params(module))
  # Spread-out weights, so that a leak between segments would show.
  params = jax.tree.map(lambda x: x * 5, params)
  lengths = rng.integers(2, 16, 20)
  ids = rng.integers(5, 200, (20, 16))
  packed = parity_test.pack(ids, lengths, 32)
  alone = [
    parity_test.pack(ids[i : i + 1], lengths[i : i + 1], 32) for i in range(20)
  ]
  assert len(packed.ids_RL) < 10
  together = embed(module, params, packed, 20)
  single = np.concatenate([embed(module, params, p, 1) for p in alone])
  return together, single


@pytest.mark.parametrize("pooling", dual_encoder.POOLINGS)
def test_packed_equals_one_text_a_row(pooling):
  module = dual_encoder.DualEncoder(tiny.module().encoder, pooling=pooling)
  together, single = packed_and_alone(module)
  np.testing.assert_allclose(together, single, rtol=0, atol=1e-5)
  np.testing.assert_allclose(np.linalg.norm(single, axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", tiny.ARCHITECTURES)
def test_windows_and_rotations_stay_inside_a_text(name):
  together, single = packed_and_alone(tiny.module(**tiny.ARCHITECTURES[name]))
  np.testing.assert_allclose(together, single, rtol=0, atol=1e-5)


def test_a_number_without_tokens_gives_zero_and_finite_gradients():
  module = tiny.module(dropout=0.0)
  params = tiny.params(module)
  packed = parity_test.pack(np.full((1, 4), 7), np.array([4]), 8)

  def total(params):
    z_ND = module.apply({"params": params}, (packed.arrays(),), num_texts=3)
    return z_ND.sum(), z_ND

  grads, z_ND = tiny.jit(jax.grad(total, has_aux=True))(params)
  np.testing.assert_array_equal(z_ND[1:], 0)
  assert all(np.isfinite(g).all() for g in jax.tree.leaves(grads))


def test_two_lengths_of_rows_equal_one():
  """Texts in rows of two lengths get the vectors that one length gives them."""
  rng = np.random.default_rng(0)
  module = tiny.module(dropout=0.0)
  params = tiny.params(module)
  params = jax.tree.map(lambda x: x * 5, params)
  lengths = rng.integers(3, 16, 20)
  ids = rng.integers(5, 200, (20, 16))
  together = embed(module, params, parity_test.pack(ids, lengths, 32), 20)
  rows = tiny.pack(
    lengths, [x[:n] for x, n in zip(ids, lengths, strict=True)], num_texts=20
  )
  assert len({tier[0].shape[1] for tier in rows}) == 2
  apply = tiny.jit(functools.partial(module.apply, num_texts=20))
  tiers = apply({"params": params}, rows)
  np.testing.assert_allclose(tiers, together, rtol=0, atol=1e-5)


def test_bfloat16_stays_close_and_returns_float32():
  params = tiny.params(tiny.module())
  rng = np.random.default_rng(0)
  packed = parity_test.pack(
    rng.integers(5, 200, (6, 12)), rng.integers(3, 12, 6), 16
  )
  full = embed(tiny.module(), params, packed, 6)
  half = embed(tiny.module(dtype="bfloat16"), params, packed, 6)
  assert half.dtype == np.float32
  assert np.sum(full * half, -1).min() > 0.999


def test_dropout_keeps_its_share_and_its_rows():
  x_RLD = jnp.ones((64, 16, 32))
  key = jax.random.key(0)
  dropped = np.asarray(layers.drop_rows(x_RLD, 0.25, key, jnp.arange(64)))
  assert abs((dropped == 0).mean() - 0.25) < 0.01
  np.testing.assert_allclose(dropped[dropped > 0], 1 / 0.75, rtol=1e-6)
  half = layers.drop_rows(x_RLD[32:], 0.25, key, jnp.arange(32, 64))
  np.testing.assert_array_equal(half, dropped[32:])


def gradients(module, params, packed, count):
  """Vectors under dropout, and what comes back from them to the parameters."""

  def total(params):
    z_ND = module.apply(
      {"params": params},
      (packed.arrays(),),
      num_texts=count,
      deterministic=False,
      rngs={"dropout": jax.random.key(3)},
    )
    weights_ND = jnp.cos(jnp.arange(z_ND.size, dtype=z_ND.dtype))
    return (z_ND * weights_ND.reshape(z_ND.shape)).sum(), z_ND

  return tiny.jit(jax.grad(total, has_aux=True))(params)


def rows_and_params(module):
  rng = np.random.default_rng(0)
  params = jax.tree.map(lambda x: x * 5 + 0.05, tiny.params(module))
  lengths = rng.integers(2, 16, 20)
  packed = parity_test.pack(rng.integers(5, 200, (20, 16)), lengths, 32)
  return params, packed


@pytest.mark.parametrize("name", ["bert", *tiny.ARCHITECTURES])
@pytest.mark.parametrize("remat", encoder.REMATS)
def test_layers_one_by_one_are_the_loop(name, remat):
  """With the same dropout, forward and back."""
  shape = {"dropout": 0.2} | tiny.ARCHITECTURES.get(name, {})
  module = tiny.module(**shape, remat=remat)
  params, packed = rows_and_params(module)
  changed = dataclasses.replace(module.encoder, unrolled=True)
  results = [
    gradients(one, params, packed, 20)
    for one in (module, module.clone(encoder=changed))
  ]
  loop, unrolled = map(jax.tree.leaves, results)
  most = max(np.abs(x).max() for x in loop)  # Some are zero but for rounding.
  for x, y in zip(loop, unrolled, strict=True):
    np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6 * most)


def test_narrow_products_cost_no_more_than_their_type():
  module = tiny.module(dtype="bfloat16", dropout=0.0)
  params, packed = rows_and_params(module)
  changes = {"exact": {"dtype": "float32"}, "wide": {}}
  changes["narrow"] = {"narrow_products": True}
  grads, wide_products = {}, {}
  for name, change in changes.items():
    shape = dataclasses.replace(module.encoder, **change)
    one = module.clone(encoder=shape)
    grads[name], _ = gradients(one, params, packed, 20)
    apply = functools.partial(one.apply, num_texts=20)
    text = (
      jax.jit(apply).lower({"params": params}, (packed.arrays(),)).as_text()
    )
    found = re.findall(r"dot_general.*-> tensor<.*x(\w+)>", text)
    wide_products[name] = found.count("f32")
  # All that is left of a layer's are attention's two, which stay as they are.
  assert wide_products["narrow"] == 2 < wide_products["wide"]

  def error(found):
    pairs = zip(*map(jax.tree.leaves, (found, grads["exact"])), strict=True)
    return [
      float(np.linalg.norm(x - y)) / float(np.linalg.norm(y) + 1e-6)
      for x, y in pairs
    ]

  # Sums are no worse: a rounding more, not an accumulation in 8 bits.
  narrow, wide = (np.median(error(grads[x])) for x in ("narrow", "wide"))
  assert narrow < 1.5 * wide < 0.2


def test_unknown_poolings_and_remats_are_refused():
  with pytest.raises(ValueError, match="remat 'some' is not one of"):
    encoder.EncoderConfig(remat="some")
  module = dual_encoder.DualEncoder(tiny.module().encoder, pooling="max")
  with pytest.raises(ValueError, match="pooling 'max' is not one of"):
    tiny.init(module, jax.random.key(0))
