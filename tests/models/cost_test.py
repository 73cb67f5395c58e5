"""FLOPs by hand against XLA's count of the compiled program."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.models import cost, dual_encoder, encoder
from hybridret_jax.models.encoders import bert
from hybridret_jax.training import loss as losses

TEXTS = 64
BERT = bert.Bert()


def module(*, layers=1, remat="none", architecture=BERT, **head):
  # Wide enough that gelu and norms, which are not counted, stay below 2 %.
  return dual_encoder.DualEncoder(
    encoder.EncoderConfig(
      vocab_size=200,
      hidden_size=1024,
      num_layers=layers,
      num_heads=8,
      mlp_size=4096,
      max_positions=2048,
      position_offset=0,
      dropout=0.0,
      attention_dropout=0.0,
      remat=remat,
      architecture=architecture,
    ),
    **head,
  )


def rows_of(*shapes):
  """A tier for each (rows, length), as shapes."""

  def array(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.int32)

  return tuple((*[array(r, n)] * 4, array(r)) for r, n in shapes)


def by_xla(program, *arguments):
  """FLOPs that XLA counts in the compiled program; nothing is run.

  It counts the body of a loop once, however often that goes round.
  """
  counted = jax.jit(program).lower(*arguments).compile().cost_analysis()
  assert counted is not None
  return counted["flops"]


def embedder(model, rows):
  """(parameters, rows) -> vectors, and the parameters' shapes."""
  params = jax.eval_shape(
    lambda rows: nn.unbox(model.init(jax.random.key(0), rows, num_texts=TEXTS)),
    rows,
  )["params"]

  def embed(params, rows):
    return model.apply({"params": params}, rows, num_texts=TEXTS)

  return embed, params


def one_layer(model):
  return model.clone(encoder=dataclasses.replace(model.encoder, num_layers=1))


def test_forward_is_what_xla_counts():
  model = module(pooling="cls_dense_tanh", projection=512)
  rows = rows_of((8, 64), (2, 256))
  embed, params = embedder(model, rows)
  work = cost.executed(rows, texts=TEXTS)
  assert by_xla(embed, params, rows) == pytest.approx(
    cost.forward(model, work), rel=0.03
  )


@pytest.mark.parametrize("remat", encoder.REMATS)
def test_a_step_is_what_xla_counts(remat):
  # Two layers: XLA unrolls a loop of one, and then computes nothing twice.
  # In rows this long a fifth of the work is attention.
  model, rows = module(layers=2, remat=remat), rows_of((2, 1024))
  embed, params = embedder(model, rows)
  way_back = jax.grad(lambda params, rows: embed(params, rows)[:, 0].sum())
  step = cost.train_step(one_layer(model), cost.executed(rows, texts=TEXTS))
  assert by_xla(way_back, params, rows) == pytest.approx(
    step.hardware, rel=0.03
  )


@pytest.mark.parametrize(
  ("negatives", "settings"),
  [
    (2, {}),
    (0, {"directions": "symmetric", "matryoshka_dims": (256,)}),
    (0, {"directions": "four"}),
    (1, {"alignment_weight": 1.0}),
    (0, {"block_size": 128}),
    (0, {"block_size": 128, "alignment_weight": 1.0}),
  ],
)
def test_a_loss_is_what_xla_counts(negatives, settings):
  pairs, blocks = 256, 2 if "block_size" in settings else 1
  vectors_ND = jax.ShapeDtypeStruct((pairs, 2048), jnp.float32)
  passages_ND = jax.ShapeDtypeStruct(
    (pairs * (1 + negatives), 2048), jnp.float32
  )

  def of(q_BD, p_ND, other_BD):
    whole = losses.whole(
      q_BD, p_ND, jnp.arange(pairs), other_BD, jnp.ones(pairs, bool)
    )
    return losses.contrastive(whole, temperature=0.1, **settings)[0]

  ours = cost.loss(
    module(projection=2048),
    pairs=pairs,
    negatives=negatives,
    alignment="alignment_weight" in settings,
    **{k: v for k, v in settings.items() if k != "alignment_weight"},
  )
  counted = by_xla(
    jax.grad(of, argnums=(0, 1, 2)), vectors_ND, passages_ND, vectors_ND
  )
  assert blocks * counted == pytest.approx(ours.hardware, rel=0.03)


def test_layers_add_up():
  work = cost.Work(tokens=1000, attended=50_000, texts=TEXTS)
  head = cost.forward(module(layers=0, projection=8), work)
  one = cost.forward(module(layers=1, projection=8), work)
  assert head == 2 * TEXTS * 1024 * 8
  labse = module(layers=0, pooling="cls_dense_tanh")
  assert cost.forward(labse, work) == 2 * TEXTS * 1024**2
  twelve = cost.forward(module(layers=12, projection=8), work)
  assert twelve - head == 12 * (one - head)


def test_rows_are_run_whole():
  """Packing changes what is run, never what is useful."""
  work = cost.executed(rows_of((2, 16), (3, 64)), texts=20)
  assert work == cost.Work(
    tokens=2 * 16 + 3 * 64,
    attended=2 * 16**2 + 3 * 64**2,
    texts=20,
    rows=((2, 16), (3, 64)),
  )
  lengths = np.array([5, 9, 16, 40])
  useful = cost.Work(int(lengths.sum()), int((lengths**2).sum()), 4)
  assert cost.forward(module(), useful) < cost.forward(module(), work)


def test_recomputation_is_reported_apart():
  work = cost.Work(tokens=300, attended=9000, texts=10)
  scores, once = 2 * 9000 * 1024, cost.forward(module(), work)
  steps = {
    remat: cost.train_step(module(remat=remat), work)
    for remat in encoder.REMATS
  }
  assert steps["none"] == cost.Flops(3 * once, 0)
  assert steps["dense"] == cost.Flops(3 * once, scores)
  assert steps["full"] == cost.Flops(3 * once, once)
  cached = cost.train_step(module(remat="dense"), work, chunks=4)
  assert cached == cost.Flops(3 * once, once + scores)
  assert (cached + steps["full"]).hardware == 3 * once * 2 + once * 2 + scores


def test_a_loss_of_one_direction():
  scores = 100 * 300
  made = cost.loss(module(projection=64), pairs=100, negatives=2)
  assert made == cost.Flops(3 * 2 * scores * 64, 0)
  with pytest.raises(ValueError, match="directions 'both' is not one of"):
    cost.loss(module(), pairs=8, directions="both")
