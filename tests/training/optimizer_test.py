"""The schedule, the clip, what decays, how fast layers learn, what does not."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import checkpoint, optimizer, state

LAYERS, VOCAB, WIDTH = 3, 16, 8
EMBEDDINGS = ("tokens", "positions", "types", "norm")
CASES = [
  {},
  {"clip_norm": 0.0},
  {"layer_decay": 0.7},
  {"frozen": ("embeddings",)},
  {"frozen": ("tokens", "layers:1"), "layer_decay": 0.7},
  {"frozen": ("layers:2",), "clip_norm": 0.0},
  {"frozen": ("layers:3", "layers:1"), "layer_decay": 0.5},
  {"frozen": ("embeddings", "layers:3")},
]


def boxed(key, towers=("both",)):
  """Parameters of the model, drawn, in boxes of axis names."""
  keys = iter(jax.random.split(key, 100))

  def box(shape, *names):
    value = jax.random.normal(next(keys), shape)
    return nn.LogicallyPartitioned(value, names=names)

  def norm(*lead):
    names = ("layers",) if lead else ()
    return {
      name: box((*lead, WIDTH), *names, "embed") for name in ("scale", "bias")
    }

  def tower():
    encoder = {
      "tokens": {"embedding": box((VOCAB, WIDTH), "vocab", None)},
      "positions": {"embedding": box((4, WIDTH), None, None)},
      "types": {"embedding": box((1, WIDTH), None, None)},
      "norm": norm(),
      "layers": {
        "query": {
          "kernel": box((LAYERS, WIDTH, 4), "layers", "embed", "heads"),
          "bias": box((LAYERS, 4), "layers", "heads"),
        },
        "attention_norm": norm(LAYERS),
      },
    }
    dense = {"kernel": box((WIDTH, 2), "embed", None), "bias": box((2,), None)}
    return {"encoder": encoder, "projection": dense}

  return {name: tower() for name in towers}


def parameters(towers=("both",)):
  model = meshes.unbox(boxed(jax.random.key(0), towers))
  return {"model": model, "loss": {"log_scale": jnp.float32(3.0)}}


def gradients(params, step):
  """Large enough to be clipped at some steps and small enough at others."""
  rng = np.random.default_rng(step)
  size = [0.02, 1.0, 0.05, 3.0, 0.02][step % 5]
  return jax.tree.map(
    lambda x: jnp.asarray(size * rng.normal(size=x.shape), x.dtype), params
  )


def rows(tree):
  """{path: float64 array}, the stacked layers taken apart."""
  found = {}
  for path, leaf in jax.tree.leaves_with_path(tree):
    name = jax.tree_util.keystr(path, simple=True, separator="/")
    if "/layers/" in name:
      for i, x in enumerate(np.asarray(leaf, np.float64)):
        found[name.replace("layers", f"layer{i}")] = x
    else:
      found[name] = np.asarray(leaf, np.float64)
  return found


def rate_share(name, decay):
  for i, share in enumerate([decay**2, decay, 1.0]):
    if f"/layer{i}/" in name:
      return share
  embedded = any(f"encoder/{part}/" in name for part in EMBEDDINGS)
  return decay**LAYERS if embedded else 1.0


def still(name, frozen):
  prefixes = []
  for what in frozen:
    if what == "embeddings":
      prefixes += [f"encoder/{part}/" for part in EMBEDDINGS]
    elif what == "tokens":
      prefixes.append("encoder/tokens/")
    else:
      count = int(what.removeprefix("layers:"))
      prefixes += [f"encoder/layer{i}/" for i in range(count)]
  return any(prefix in name for prefix in prefixes)


def reference(params, rate, *, clip_norm=1.0, layer_decay=1.0, frozen=()):
  """Five steps of AdamW in float64, array by array, straight from the paper."""
  b1, b2, eps, weight_decay = 0.8, 0.95, 1e-6, 0.1
  values = rows(params)
  learning = [name for name in values if not still(name, frozen)]
  first = dict.fromkeys(learning, 0.0)
  second = dict.fromkeys(learning, 0.0)
  for t in range(5):
    grads = rows(gradients(params, t))
    norm = np.sqrt(sum(np.sum(grads[name] ** 2) for name in learning))
    shrink = min(1.0, clip_norm / norm) if clip_norm else 1.0
    for name in learning:
      g = shrink * grads[name]
      first[name] = b1 * first[name] + (1 - b1) * g
      second[name] = b2 * second[name] + (1 - b2) * g**2
      update = first[name] / (1 - b1 ** (t + 1))
      update /= np.sqrt(second[name] / (1 - b2 ** (t + 1))) + eps
      if name.endswith(("kernel", "embedding")):
        update += weight_decay * values[name]
      update *= float(rate(t)) * rate_share(name, layer_decay)
      values[name] = values[name] - update
  return values


def five_steps(params, tx):
  opt_state = tx.init(params)

  @jax.jit
  def step(params, opt_state, grads):
    updates, opt_state = tx.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state

  for t in range(5):
    params, opt_state = step(params, opt_state, gradients(params, t))
  return params, opt_state


def configured(**settings):
  return optimizer.make(
    total_steps=5,
    learning_rate=0.02,
    warmup_steps=2,
    weight_decay=0.1,
    b1=0.8,
    b2=0.95,
    eps=1e-6,
    **settings,
  )


@pytest.mark.parametrize("towers", [("both",), ("query", "passage")])
@pytest.mark.parametrize("case", CASES)
def test_five_steps_equal_plain_adamw(case, towers):
  params = parameters(towers)
  tx, rate = configured(**case)
  found, _ = five_steps(params, tx)
  expected = reference(params, rate, **case)
  before = rows(params)
  for name, value in rows(found).items():
    np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-6)
    assert still(name, case.get("frozen", ())) == np.array_equal(
      value, before[name]
    ), name


def plain(rate, clip_norm):
  """What the optimizer is without layers' shares and frozen parts."""

  def decays(params):
    return jax.tree_util.tree_map_with_path(
      lambda path, _: path[-1].key in ("kernel", "embedding"), params
    )

  return optax.chain(
    *([optax.clip_by_global_norm(clip_norm)] if clip_norm else []),
    optax.adamw(rate, b1=0.8, b2=0.95, eps=1e-6, weight_decay=0.1, mask=decays),
  )


@pytest.mark.parametrize("clip_norm", [0.0, 1.0])
def test_the_defaults_keep_the_tree_of_earlier_checkpoints(clip_norm):
  tx, rate = configured(clip_norm=clip_norm, layer_decay=1.0, frozen=())
  found, expected = (
    jax.eval_shape(x.init, parameters()) for x in (tx, plain(rate, clip_norm))
  )
  assert jax.tree.structure(found) == jax.tree.structure(expected)
  assert jax.tree.leaves(found) == jax.tree.leaves(expected)


def test_the_defaults_add_nothing_to_the_program():
  tx, rate = configured(clip_norm=0.0, layer_decay=1.0, frozen=())
  params = parameters()
  found, expected = (
    jax.jit(x.update).lower(params, x.init(params), params).as_text()
    for x in (tx, plain(rate, 0.0))
  )
  assert found == expected


def test_frozen_leaves_have_no_moments_on_a_mesh():
  """Boxes of axis names go through, and nothing of a frozen leaf is left."""
  mesh = meshes.make(fsdp=4)
  tx, _ = configured(frozen=("tokens", "layers:1"), layer_decay=0.7)
  first, shardings = state.create(
    boxed, tx, mesh, seed=0, learnable_temperature=0.05
  )
  layout = state.abstract(boxed, tx, mesh, learnable_temperature=0.05)
  assert jax.tree.structure(layout) == jax.tree.structure(first)

  def name(path):
    keys = [x.key for x in path if isinstance(x, jax.tree_util.DictKey)]
    return "/".join(keys).removeprefix("learns/")

  placed = {
    name(path): leaf.sharding
    for path, leaf in jax.tree.leaves_with_path(first.params)
  }
  moments = {"mu": 0, "nu": 0}
  for path, leaf in jax.tree.leaves_with_path(first.opt_state):
    kind = {getattr(entry, "name", None) for entry in path} & {*moments}
    if kind:
      moments[kind.pop()] += 1
      assert leaf.sharding == placed[name(path)]
    assert leaf.shape != (VOCAB, WIDTH)
  # All but the token table.
  assert set(moments.values()) == {len(jax.tree.leaves(first.params)) - 1}
  kernel = first.params["model"]["both"]["encoder"]["layers"]["query"]["kernel"]
  assert len(kernel.sharding.device_set) == 8
  assert not kernel.sharding.is_fully_replicated

  update = jax.jit(
    tx.update,
    in_shardings=(shardings.params, shardings.opt_state, shardings.params),
    out_shardings=(shardings.params, shardings.opt_state),
  )
  grads = jax.device_put(gradients(first.params, 0), shardings.params)
  found = rows(update(grads, first.opt_state, first.params)[0])
  on_one = jax.device_get((grads, first.opt_state, first.params))
  expected = rows(jax.jit(tx.update)(*on_one)[0])
  for part, value in found.items():
    np.testing.assert_allclose(value, expected[part], rtol=1e-5, err_msg=part)


def test_a_frozen_run_goes_on_from_its_checkpoint(tmp_path):
  tx, _ = configured(frozen=("embeddings", "layers:1"))
  params, opt_state = five_steps(parameters(), tx)
  with checkpoint.open_folder(tmp_path / "c") as checkpoints:
    checkpoint.save(checkpoints, (params, opt_state), step=5)
  fresh = parameters()
  with checkpoint.open_folder(tmp_path / "c") as checkpoints:
    found = checkpoint.restore(checkpoints, (fresh, tx.init(fresh)))
  assert jax.tree.structure(found) == jax.tree.structure((params, opt_state))
  jax.tree.map(np.testing.assert_array_equal, found, (params, opt_state))


@pytest.mark.parametrize("form", ["arrays", "boxes", "shapes"])
@pytest.mark.parametrize(
  ("frozen", "expected"),
  [
    ((), set()),
    (("tokens",), {"tokens"}),
    (("embeddings",), {*EMBEDDINGS}),
    (("layers:2",), set()),
    (("layers:3", "tokens"), {"layers", "tokens"}),
  ],
)
def test_whole_frozen_leaves_are_named(frozen, expected, form):
  params = {"model": boxed(jax.random.key(0), ("query", "passage")), "loss": {}}
  if form != "boxes":
    params = meshes.unbox(params)
  if form == "shapes":
    params = jax.eval_shape(lambda: params)
  leaves = optimizer.frozen_leaves(params, frozen)
  assert leaves["loss"] == {}
  for tower in ("query", "passage"):
    for part, found in leaves["model"][tower]["encoder"].items():
      assert {*jax.tree.leaves(found)} == {part in expected}, part
    assert not any(jax.tree.leaves(leaves["model"][tower]["projection"]))


def test_what_is_not_finite_in_frozen_layers_stays_there():
  tx, _ = configured(frozen=("layers:1",))
  params = parameters()
  grads = gradients(params, 0)
  kernel = grads["model"]["both"]["encoder"]["layers"]["query"]["kernel"]
  broken = jax.tree.map(lambda x: x, grads)
  broken["model"]["both"]["encoder"]["layers"]["query"]["kernel"] = kernel.at[
    0
  ].set(jnp.inf)
  update = jax.jit(tx.update)
  found, _ = update(broken, tx.init(params), params)
  expected, _ = update(grads, tx.init(params), params)
  jax.tree.map(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize(
  ("frozen", "tables"), [((), 3), (("tokens",), 1), (("embeddings",), 1)]
)
def test_a_frozen_table_costs_its_own_bytes_only(frozen, tables):
  """Neither moments nor a gradient nor a copy of it is ever held."""
  table = 100_000 * WIDTH * 4
  tx, _ = configured(frozen=frozen, layer_decay=0.7)
  params = parameters()
  encoder = params["model"]["both"]["encoder"]
  encoder["tokens"]["embedding"] = jnp.ones((100_000, WIDTH))

  def objective(params, ids_T):
    params = jax.tree.map(
      lambda x, stop: jax.lax.stop_gradient(x) if stop else x,
      params,
      optimizer.frozen_leaves(params, frozen),
    )
    encoder = params["model"]["both"]["encoder"]
    x_TD = encoder["tokens"]["embedding"][ids_T]
    return jnp.sum((x_TD @ encoder["layers"]["query"]["kernel"][0]) ** 2)

  def step(params, opt_state, ids_T):
    grads = jax.grad(objective)(params, ids_T)
    updates, opt_state = tx.update(grads, opt_state, params)
    return (
      optax.apply_updates(params, updates),
      opt_state,
      optax.tree.norm(grads),
    )

  opt_state = tx.init(params)
  compiled = (
    jax.jit(step, donate_argnums=(0, 1))
    .lower(params, opt_state, jnp.arange(9))
    .compile()
  )
  memory = compiled.memory_analysis()
  # Arguments are the parameters and the moments; all of them are updated in
  # place, and only a table that learns has a gradient beside them.
  assert memory.argument_size_in_bytes == pytest.approx(tables * table, rel=0.1)
  assert memory.alias_size_in_bytes == pytest.approx(tables * table, rel=0.1)
  assert memory.temp_size_in_bytes < (1.1 if tables > 1 else 0.1) * table


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


def test_wrong_settings_are_refused():
  with pytest.raises(ValueError, match="schedule 'step'"):
    optimizer.make(total_steps=10, schedule="step")
  with pytest.raises(ValueError, match="warmup_steps 11 is not in 0…10"):
    optimizer.make(total_steps=10, warmup_steps=11)
  with pytest.raises(ValueError, match="layer_decay 0 is not above 0"):
    optimizer.make(total_steps=10, layer_decay=0)
  with pytest.raises(ValueError, match="layer_decay 1.5 is not"):
    optimizer.make(total_steps=10, layer_decay=1.5)


@pytest.mark.parametrize("name", ["layers", "layers:0", "layers:-1", "head"])
def test_unknown_parts_are_refused(name):
  known = f"frozen '{name}' is not one of embeddings, tokens, layers:N"
  with pytest.raises(ValueError, match=known):
    optimizer.make(total_steps=10, frozen=("tokens", name))


def test_what_does_not_fit_the_parameters_is_refused():
  with pytest.raises(ValueError, match=r"give \('tokens',\)"):
    optimizer.make(total_steps=10, frozen="tokens")
  tx, _ = optimizer.make(total_steps=10, frozen=("layers:4",))
  with pytest.raises(ValueError, match="more than the 3 layers of model/both"):
    tx.init(parameters())
  headless = parameters()
  headless["loss"] = {}
  del headless["model"]["both"]["projection"]
  with pytest.raises(ValueError, match="leaves nothing that learns"):
    optimizer.frozen_leaves(headless, ("embeddings", "layers:3"))
  other = {"kernel": jnp.ones(2)}
  with pytest.raises(ValueError, match="no encoder/layers"):
    optimizer.frozen_leaves(other, ("tokens",))
  tx, _ = optimizer.make(total_steps=10, layer_decay=0.9)
  with pytest.raises(ValueError, match="no encoder/layers"):
    tx.update(other, tx.init(other), other)
