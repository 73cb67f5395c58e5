"""A tiny dual encoder and batches for the training tests."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from hybridret_jax.data import packing
from hybridret_jax.models import dual_encoder, encoder
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import optimizer, state, step

BATCH = 16
ROWS, LENGTH = 24, 24


def module(*, dtype="float32", dropout=0.1, tied=True, remat="none"):
  return dual_encoder.DualEncoder(
    encoder.EncoderConfig(
      vocab_size=200,
      hidden_size=32,
      num_layers=2,
      num_heads=4,
      mlp_size=64,
      max_positions=40,
      position_offset=0,
      dropout=dropout,
      attention_dropout=dropout,
      dtype=dtype,
      param_dtype=dtype,
      remat=remat,
    ),
    tied=tied,
  )


def init(model, key):
  row = jnp.zeros((1, 8), jnp.int32)
  return model.init(key, row, row, row, row, num_texts=1, method="every_tower")[
    "params"
  ]


def batch(seed, *, negatives=0, groups=None):
  """Packed rows of random texts; `groups` defaults to distinct ones."""
  rng = np.random.default_rng(seed)
  count = BATCH * (2 + negatives)
  lengths = rng.integers(3, 10, count)
  offsets = np.concatenate([[0], np.cumsum(lengths)])
  packed = packing.pack(
    rng.integers(5, 200, offsets[-1]),
    offsets,
    np.arange(count),
    row_length=LENGTH,
    row_count=ROWS * (1 + negatives),
    pad_id=1,
  )
  group = np.arange(BATCH) if groups is None else np.asarray(groups)
  return {
    "rows": {"both": packed.arrays()},
    "group": group.astype(np.int32),
  }


def embedder(model, negatives):
  def embed(params, rows, key):
    z_ND = model.apply(
      {"params": params},
      *rows["both"],
      num_texts=BATCH * (2 + negatives),
      deterministic=False,
      rngs={"dropout": key},
    )
    return z_ND[:BATCH], z_ND[BATCH:]

  return embed


def setup(mesh, model, *, negatives=0, learnable=None, **loss):
  """(state, step function) on a mesh."""
  tx, rate = optimizer.make(
    total_steps=50, learning_rate=1e-3, warmup_steps=2, weight_decay=0.01
  )
  first, shardings = state.create(
    functools.partial(init, model),
    tx,
    mesh,
    seed=0,
    learnable_temperature=learnable,
  )
  train_step = jax.jit(
    functools.partial(
      step.train_step,
      embed=embedder(model, negatives),
      tx=tx,
      rate=rate,
      seed=0,
      temperature=0.1,
      **loss,
    ),
    in_shardings=(
      shardings,
      {"rows": meshes.rows_sharding(mesh), "group": meshes.replicated(mesh)},
    ),
    out_shardings=(shardings, meshes.replicated(mesh)),
  )
  return first, train_step


def mesh_of(data, fsdp):
  """A mesh over the first data x fsdp devices."""
  devices = np.array(jax.devices()[: data * fsdp]).reshape(data, fsdp)
  return jax.sharding.Mesh(
    devices,
    ("data", "fsdp"),
    axis_types=(jax.sharding.AxisType.Auto,) * 2,
  )
