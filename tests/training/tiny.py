"""A tiny dual encoder, its train step and batches for the training tests."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from hybridret_jax.assembly import train_step as assembled
from hybridret_jax.models import dual_encoder, encoder
from hybridret_jax.models.encoders import gemma3, gte, modernbert, qwen3
from hybridret_jax.parallel import collectives
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import objective, optimizer, state, step

# What an encoder may be beside BERT, as settings of `module`.
ARCHITECTURES = {
  "modernbert": {
    # The first layer, two of one kind and one, twice; windows in blocks of 3.
    "num_layers": 7,
    "architecture": modernbert.ModernBert(
      window=3, full=(0, 3, 6), full_theta=500.0, window_theta=100.0
    ),
  },
  "gte": {"architecture": gte.Gte(theta=50.0)},
  "qwen3": {
    "dropout": 0.0,
    "attention_dropout": 0.1,
    "pooling": "last",
    "architecture": qwen3.Qwen3(kv_heads=4, size=8, theta=100.0),
  },
  "gemma3": {
    "num_layers": 7,
    "dropout": 0.0,
    "attention_dropout": 0.1,
    "projection": 16,
    "projection_hidden": 48,
    "architecture": gemma3.Gemma3(
      kv_heads=2,
      size=8,
      window=3,
      full=(2, 5),
      full_theta=500.0,
      window_theta=100.0,
      scalar=16,
    ),
  },
}
BATCH = 16
TIERS = (8, 24)  # Lengths of rows.
SHORTEST = 3
# These programs run once: compiling them is what takes the time.
jit = functools.partial(
  jax.jit,
  compiler_options={
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
  },
)


def module(*, dtype="float32", dropout=0.1, tied=True, remat="none", **other):
  settings = {
    "vocab_size": 200,
    "hidden_size": 32,
    "num_layers": 2,
    "num_heads": 8,
    "mlp_size": 64,
    "max_positions": 36,
    "position_offset": 0,
    "dropout": dropout,
    "attention_dropout": dropout,
    "dtype": dtype,
    "param_dtype": "float32" if dtype == "bfloat16" else dtype,
    "remat": remat,
  }
  head = {
    k: other.pop(k)
    for k in ("pooling", "projection", "projection_hidden")
    if k in other
  }
  return dual_encoder.DualEncoder(
    encoder.EncoderConfig(**settings | other), tied=tied, **head
  )


def init(model, key):
  row = jnp.zeros((1, 8), jnp.int32)
  tier = (row, row, row, row, jnp.zeros(1, jnp.int32))
  return model.init(key, (tier,), num_texts=1, method="every_tower")["params"]


@functools.cache
def start(model):
  """A model's first parameters, as what makes them of any key."""
  made = jax.device_get(jit(functools.partial(init, model))(jax.random.key(0)))
  return lambda key: jax.tree.map(jnp.asarray, made)


def params(model):
  """Its first parameters, without their axis names."""
  return meshes.unbox(start(model)(None))


def pack(lengths, ids, *, num_texts, multiple=24):
  """Texts into rows of two lengths, as many as fit one after another.

  `multiple` is such that all batches of a size have one shape.
  """
  tiers, short = [], TIERS[0]
  for number, length in enumerate(TIERS):
    rows, used = [], length
    for text, size in enumerate(lengths):
      if size and (size > short) == (length > short):
        if used + size > length:
          rows.append([])
          used = 0
        rows[-1].append(text)
        used += size
    count = max(-(-len(rows) // multiple), 1) * multiple
    arrays = [np.full((count, length), fill, np.int32) for fill in (1, 0, 0)]
    arrays.append(np.full((count, length), num_texts, np.int32))
    for row, texts in enumerate(rows):
      at = 0
      for segment, text in enumerate(texts, start=1):
        run = slice(at, at + lengths[text])
        arrays[0][row, run] = ids[text]
        arrays[1][row, run] = segment
        arrays[2][row, run] = np.arange(lengths[text])
        arrays[3][row, run] = text
        at += lengths[text]
    row_R = (number << 20) + np.arange(count, dtype=np.int32)
    tiers.append((*arrays, row_R))
  return tuple(tiers)


def batch(
  seed,
  *,
  negatives=0,
  groups=None,
  parallel=False,
  size=BATCH,
  tied=True,
  **labels,
):
  """Packed rows of random texts; `groups` defaults to distinct ones."""
  rng = np.random.default_rng(seed)
  has_parallel = rng.random(size) < 0.7
  count = size * (2 + negatives + parallel)
  lengths = rng.integers(SHORTEST, 14, count)
  if parallel:
    lengths[-size:] *= has_parallel
  ids = [rng.integers(5, 200, n) for n in lengths]
  group = np.arange(size) if groups is None else np.asarray(groups)
  rows = {"both": pack(lengths, ids, num_texts=count)}
  if not tied:
    rows = {
      "query": pack(lengths[:size], ids[:size], num_texts=size),
      "passage": pack(lengths[size:], ids[size:], num_texts=count - size),
    }
  none = np.full((size, negatives), -1)
  labels = {
    "group": group,
    "text": np.arange(size),
    "negative_group": none,
    "negative_text": none,
  } | labels
  made = {name: np.asarray(x, np.int32) for name, x in labels.items()}
  made["rows"] = rows
  if parallel:
    made["parallel"] = has_parallel
  return made


def make_objective(
  mesh,
  model,
  shardings,
  *,
  negatives=0,
  parallel=False,
  chunk_tokens=0,
  temperature=0.1,
  size=BATCH,
  distilled=0.0,
  lora=None,
  **loss,
):
  slices = collectives.Slices(mesh)
  return objective.Objective(
    embed=assembled.pair_embedder(
      model,
      batch_size=size,
      negatives=negatives,
      parallel=parallel,
      chunk_tokens=chunk_tokens,
      shortest=SHORTEST,
    ),
    slices=slices,
    specs=slices.parameter_specs(shardings.params),
    temperature=temperature,
    loss=loss,
    distilled=distilled,
    lora=lora,
  )


def setup(
  mesh,
  model,
  *,
  learnable=None,
  tx=None,
  frozen=(),
  average=0.0,
  lora=None,
  **settings,
):
  """(state, step function) on a mesh."""
  frozen = (*frozen, optimizer.ENCODER) if lora else frozen
  made, rate = optimizer.make(
    total_steps=50,
    learning_rate=1e-3,
    warmup_steps=2,
    weight_decay=0.01,
    frozen=frozen,
  )
  tx = tx or made
  first, shardings = state.create(
    start(model),
    tx,
    mesh,
    seed=0,
    learnable_temperature=learnable,
    averaged=bool(average),
    lora=lora,
  )
  train_step = jit(
    functools.partial(
      step.train_step,
      objective=make_objective(mesh, model, shardings, lora=lora, **settings),
      tx=tx,
      rate=rate,
      seed=0,
      frozen=frozen,
      average_decay=average,
    ),
    out_shardings=(shardings, meshes.replicated(mesh)),
  )
  return first, train_step


def place(batch, mesh):
  """A batch on the devices of a mesh."""
  whole = meshes.replicated(mesh)
  split = meshes.rows_sharding(mesh)

  def put(x, sharding):
    # Every process has the whole batch and gives what its devices hold.
    return jax.make_array_from_callback(x.shape, sharding, lambda at: x[at])

  return {
    name: jax.tree.map(
      lambda leaf, name=name: put(leaf, split if name == "rows" else whole), x
    )
    for name, x in batch.items()
  }


def mesh_of(data=1, fsdp=1, tensor=1):
  """A mesh over the first data x fsdp x tensor devices."""
  shape = (data, fsdp, tensor)
  devices = np.array(jax.devices()[: np.prod(shape)]).reshape(shape)
  return jax.sharding.Mesh(
    devices, meshes.AXES, axis_types=(jax.sharding.AxisType.Auto,) * 3
  )


def gradients(mesh, model, made, *, learnable=None, **settings):
  """(loss, gradients) of a batch, with dropout on, from one set of weights."""
  first, shardings = state.create(
    start(model),
    optax.sgd(0.1),
    mesh,
    seed=0,
    learnable_temperature=learnable,
  )
  minimised = make_objective(mesh, model, shardings, **settings)
  with meshes.use(mesh):
    (value, _), grads = jit(
      jax.value_and_grad(minimised, has_aux=True),
      out_shardings=((None, None), shardings.params),
    )(first.params, place(made, mesh), jax.random.key(5))
  return jax.device_get((value, grads))


def assert_close(found, expected, *, loss=1e-6, gradient=1e-5):
  """Losses to `loss`; each gradient to `gradient` of its norm.

  A key's bias has no gradient but rounding noise, and its own norm is no
  scale: the floor is 1e-4 of the global norm.
  """
  (value, grads), (want, want_grads) = found, expected
  np.testing.assert_allclose(value, want, rtol=0, atol=loss)
  floor = 1e-4 * optax.tree.norm(want_grads)
  there = dict(jax.tree.leaves_with_path(grads))
  for path, leaf in jax.tree.leaves_with_path(want_grads):
    scale = max(np.linalg.norm(leaf), floor)
    error = np.linalg.norm(there[path] - leaf) / scale
    assert error <= gradient, (jax.tree_util.keystr(path), float(error))
