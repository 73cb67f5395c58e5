"""Config to train step: state, objective, optimizer, compiled for a mesh."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import optax
from jax.sharding import Mesh

from hybridret_jax.assembly import model
from hybridret_jax.models import dual_encoder
from hybridret_jax.parallel import collectives
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import grad_cache, lora, objective, optimizer
from hybridret_jax.training import state as states
from hybridret_jax.training import step as steps


@dataclasses.dataclass(frozen=True)
class TrainStep:
  """A train step and the state that it takes.

  Attributes:
    step: (state, batch) -> (state, figures), jitted; the state is given up.
    shardings: of the state.
    create: parameters to start from (or None, which draws them) -> state.
    abstract: shapes of the state, with shardings.
    batch_shardings: of what `step` takes, as a prefix of its tree.
    look: (state, batch) -> ((loss, figures), gradients), jitted; the state
      stays.
    vectors: (state, batch) -> parts of the batch by name, each [texts, D], on
      one device, jitted.
  """

  step: Callable[[Any, Any], tuple[states.TrainState, dict[str, jax.Array]]]
  shardings: Any
  create: Callable[[Any], states.TrainState]
  abstract: Any
  batch_shardings: dict[str, Any]
  look: Callable[[Any, Any], Any]
  vectors: Callable[[Any, Any], dict[str, jax.Array]]


def make(
  config: ml_collections.ConfigDict,
  made: model.Model,
  mesh: Mesh,
  *,
  shortest: int,
) -> TrainStep:
  """The train step of a config on a mesh; nothing is computed yet.

  Args:
    config: the whole config.
    made: the model.
    mesh: where it trains.
    shortest: tokens of the shortest text of a batch.
  """
  tx, rate = transformation(config)
  state = state_settings(config)
  abstract = states.abstract(made.init, tx, mesh, **state)
  shardings = jax.tree.map(lambda x: x.sharding, abstract)
  slices = collectives.Slices(mesh)
  loss = dict(config.loss)
  temperature = loss.pop("temperature")
  del loss["learnable_temperature"]
  minimised = objective.Objective(
    embed=pair_embedder(
      model.for_mesh(made.module, mesh, training=True),
      batch_size=config.batches.batch_size,
      negatives=config.batches.negatives,
      parallel=config.batches.parallel_share > 0,
      chunk_tokens=config.train.chunk_tokens,
      shortest=shortest,
    ),
    slices=slices,
    specs=slices.parameter_specs(shardings.params),
    temperature=temperature,
    loss=loss,
    distilled=config.distillation.share,
    lora=adapters(config),
  )
  whole = meshes.replicated(mesh)
  batch = {"rows": meshes.rows_sharding(mesh)}
  batch |= dict.fromkeys(objective.LABELS, whole)
  if config.batches.parallel_share > 0:
    batch["parallel"] = whole
  if config.distillation.share:
    batch |= dict.fromkeys(objective.TARGETS, whole)
  step = jax.jit(
    functools.partial(
      steps.train_step,
      objective=minimised,
      tx=tx,
      rate=rate,
      seed=config.seed,
      frozen=_frozen(config),
      average_decay=config.train.average_decay,
      skips=config.train.skip_nonfinite > 0,
    ),
    in_shardings=(shardings, batch),
    out_shardings=(shardings, whole),
    donate_argnums=0,
  )

  def create(pretrained):
    return states.create(
      made.init, tx, mesh, seed=config.seed, pretrained=pretrained, **state
    )[0]

  look = functools.partial(
    steps.gradients,
    objective=minimised,
    seed=config.seed,
    frozen=_frozen(config),
  )

  def vectors(state, batch):
    key = steps.dropout_key(state, config.seed)
    return minimised.embedded(state.params, batch["rows"], key)

  return TrainStep(
    step, shardings, create, abstract, batch, jax.jit(look), jax.jit(vectors)
  )


def transformation(
  config: ml_collections.ConfigDict,
) -> tuple[optax.GradientTransformation, optax.Schedule]:
  """The optimizer of a config and its learning rate by step."""
  settings: dict[str, Any] = dict(config.optimizer)
  settings["frozen"] = _frozen(config)
  return optimizer.make(**settings, total_steps=config.train.steps)


def state_settings(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """What a config says of the train state, for `state.create`."""
  learnt = config.loss.learnable_temperature
  return {
    "learnable_temperature": config.loss.temperature if learnt else None,
    "averaged": bool(config.train.average_decay),
    "lora": adapters(config),
  }


def adapters(config: ml_collections.ConfigDict) -> lora.Settings | None:
  """Of a config; None where the encoder itself learns.

  Raises:
    ValueError: as `lora.Settings`.
  """
  settings = lora.Settings(**config.lora)
  return settings if settings.rank else None


def _frozen(config) -> tuple[str, ...]:
  """What does not learn: with adapters, nothing that is under them."""
  under = (optimizer.ENCODER,) if adapters(config) else ()
  return (*config.optimizer.frozen, *under)


def pair_embedder(
  module: dual_encoder.DualEncoder,
  *,
  batch_size: int,
  negatives: int,
  parallel: bool = False,
  chunk_tokens: int = 0,
  shortest: int = 1,
) -> objective.Embed:
  """Embeds a batch's packs for the objective.

  Args:
    module: the dual encoder.
    batch_size: B, pairs.
    negatives: K, hard negatives of each.
    parallel: whether pairs may carry a query in a second language.
    chunk_tokens: tokens of a chunk's rows on each device; 0 embeds all at once.
    shortest: tokens of the shortest text of a batch.
  """
  numbers = {"query": batch_size, "passage": batch_size * (1 + negatives)}
  if parallel:
    numbers["parallel"] = batch_size
  packs = {"both": ("query", "passage", "parallel")}
  if not module.tied:
    packs = {"query": ("query", "parallel"), "passage": ("passage",)}

  def embed(params, rows, key):
    keys = dict(zip(packs, jax.random.split(key, len(packs)), strict=True))
    parts = {}
    for pack, names in packs.items():
      sizes = [numbers[name] for name in names if name in numbers]
      z_ND = _embed_pack(
        module,
        "query" if pack == "both" else pack,
        params,
        rows[pack],
        keys[pack],
        num_texts=sum(sizes),
        chunk_tokens=chunk_tokens,
        shortest=shortest,
      )
      for name in names:
        if name in numbers:
          parts[name], z_ND = z_ND[: numbers[name]], z_ND[numbers[name] :]
    return parts

  return embed


def _embed_pack(
  module, side, params, rows, key, *, num_texts, chunk_tokens, shortest
):
  tower = module.tower(side)
  table_VD, rest = _without_table(params[tower])

  def apply(rest, x_TD, rows, key, num_texts):
    return module.apply(
      {"params": {tower: rest}},
      rows,
      num_texts=num_texts,
      side=side,
      deterministic=False,
      rngs={"dropout": key},
      token_vectors=x_TD,
    )

  rows = tuple(tier for tier in rows if tier[0].size)
  chunks = grad_cache.chunk_count(rows, chunk_tokens)
  if chunks == 1:
    ids_T = jax.numpy.concatenate([tier[0].reshape(-1) for tier in rows])
    return apply(rest, table_VD[ids_T], rows, key, num_texts)
  return grad_cache.embed(
    apply,
    table_VD,
    rest,
    rows,
    key,
    num_texts=num_texts,
    chunks=chunks,
    shortest=shortest,
  )


def _without_table(tower):
  encoder = dict(tower["encoder"])
  table_VD = encoder.pop("tokens")["embedding"]
  return table_VD, {**tower, "encoder": encoder}
