"""Config to train step, compiled for devices that are not here."""

import dataclasses
import functools
import math
import pathlib
import re
import time
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from hybridret_jax.assembly import model, settled, train_step
from hybridret_jax.data import shapes as row_shapes
from hybridret_jax.data import tokenizer as tokenizers
from hybridret_jax.models import dual_encoder, encoder, known_shapes
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.preflight import program, topologies
from hybridret_jax.training import grad_cache, objective

_ARRAYS = 4  # Of a tier that are [R, L], beside the rows' numbers.
_SAID = 300  # Letters that are kept of a compiler's mistake.
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclasses.dataclass(frozen=True)
class Texts:
  """What is assumed of texts, none of which is read.

  Attributes:
    query: tokens of a query, on average.
    passage: tokens of a passage, on average.
    shortest: tokens of the shortest text.
    full: share of the rows' tokens that belong to texts.
  """

  query: float
  passage: float
  shortest: int = 5
  full: float = 0.95


@dataclasses.dataclass(frozen=True)
class Memory:
  """Bytes of each device, as the compiler lays them out.

  Attributes:
    arguments: the state and the batch.
    outputs: the next state and the figures.
    aliased: of the outputs, what takes the place of arguments.
    temporaries: what lives inside the step.
  """

  arguments: int
  outputs: int
  aliased: int
  temporaries: int

  @property
  def total(self) -> int:
    """All that is there at once."""
    return self.arguments + self.outputs - self.aliased + self.temporaries


@dataclasses.dataclass(frozen=True)
class Compiled:
  """A train step, compiled.

  Attributes:
    memory: None where the compiler refused it for want of memory.
    needed: bytes that it then named.
    collectives: of one step; none where it was refused.
    chunks: of each pack, on each device.
    seconds: that compiling took.
    failed: what the compiler said where a mistake of its own ended it.
  """

  memory: Memory | None
  needed: int
  collectives: list[program.Collective]
  chunks: dict[str, int]
  seconds: float
  failed: str = ""


def module(config: ml_collections.ConfigDict) -> dual_encoder.DualEncoder:
  """The dual encoder of a config, without its tokenizer and weights.

  Raises:
    ValueError: nothing here knows the model's shape.
  """
  config = settled.of(config, download=False)
  wanted = config.model
  changes = {
    key: wanted[key]
    for key in (
      *("dropout", "attention_dropout", "dtype", "param_dtype", "remat"),
      "attention",
    )
  }
  if wanted.init is None:
    raise ValueError(
      "model.init is not set; give a Hugging Face folder or a hub id"
    )
  if wanted.init == model.SCRATCH:
    shape = encoder.EncoderConfig(
      **{key: value for key, value in changes.items() if value is not None},
      **wanted.scratch,
      vocab_size=_vocabulary(wanted),
      position_offset=0,
    )
  else:
    shape = known_shapes.find(wanted.init, **changes)
  return dual_encoder.DualEncoder(
    encoder=shape,
    pooling=wanted.pooling,
    projection=wanted.projection,
    projection_hidden=wanted.projection_hidden,
    tied=wanted.tied,
    truncate_dim=wanted.truncate_dim,
  )


def shape_only(made: dual_encoder.DualEncoder) -> model.Model:
  """A model for a train step, which has no use of a tokenizer or a folder."""
  return model.Model(
    module=made,
    tokenizer=None,  # pyright: ignore
    tokenizer_folder=None,  # pyright: ignore
    folder=None,
    init=functools.partial(model._init, made),
  )


def rows(
  config: ml_collections.ConfigDict, texts: Texts, *, slices: int
) -> dict[str, tuple[tuple[jax.ShapeDtypeStruct, ...], ...]]:
  """Shapes of a batch's packed rows, as a train step takes them.

  Those of `packing.row_counts` with most tokens, if it is set. Otherwise each
  kind of text lies in the shortest rows that hold its mean length, as many rows
  as its tokens fill to the share that is assumed.

  Args:
    config: the whole config.
    texts: what is assumed of them.
    slices: that the rows are split over.

  Raises:
    ValueError: rows that do not split over the slices, or do not hold a mean
      length.
  """
  lengths = tuple(config.packing.row_lengths)
  given = config.packing.row_counts
  shapes = {}
  for pack, kinds in texts_by_pack(config, texts).items():
    if given:
      counts = max(given, key=lambda shape: row_shapes.slots([shape], lengths))
      if any(count % slices for count in counts):
        raise ValueError(
          f"packing.row_counts {tuple(counts)}: each must be a multiple of the"
          f" {slices} slices that rows are split over (mesh data x fsdp)"
        )
    else:
      multiple = math.lcm(config.packing.row_multiple, slices)
      counts = _counts(kinds, lengths, texts.full, multiple)
    shapes[pack] = tuple(
      (
        *(jax.ShapeDtypeStruct((count, length), jnp.int32),) * _ARRAYS,
        jax.ShapeDtypeStruct((count,), jnp.int32),
      )
      for count, length in zip(counts, lengths, strict=True)
      if count
    )
  return shapes


def texts_by_pack(
  config: ml_collections.ConfigDict, texts: Texts
) -> dict[str, list[tuple[float, float]]]:
  """(number, mean tokens) of the kinds of text of a batch, by pack."""
  batches = config.batches
  queries = [(batches.batch_size, texts.query)]
  if batches.parallel_share:
    queries.append((batches.batch_size * batches.parallel_share, texts.query))
  passages = [(batches.batch_size * (1 + batches.negatives), texts.passage)]
  if settled.of(config, download=False).model.tied:
    return {"both": queries + passages}
  return {"query": queries, "passage": passages}


def compile_step(
  config: ml_collections.ConfigDict,
  topology: topologies.Topology,
  texts: Texts,
) -> Compiled:
  """The very step that training runs, compiled for a topology.

  Raises:
    ValueError: a setting that does not fit.
    jax.errors.JaxRuntimeError: the compiler refuses it otherwise than for want
      of memory.
  """
  mesh = topology.mesh(**config.mesh)
  made = module(config)
  step = train_step.make(
    config,
    shape_only(made),
    mesh,
    shortest=texts.shortest,
  )
  packed = rows(config, texts, slices=meshes.slices(mesh))
  size = config.batches.batch_size
  width = made.dimension
  batch = {
    "rows": packed,
    **dict.fromkeys(
      ("group", "text"), jax.ShapeDtypeStruct((size,), jnp.int32)
    ),
    **dict.fromkeys(
      ("negative_group", "negative_text"),
      jax.ShapeDtypeStruct((size, config.batches.negatives), jnp.int32),
    ),
    "parallel": jax.ShapeDtypeStruct((size,), jnp.bool),
    **dict.fromkeys(
      objective.TARGETS,
      jax.ShapeDtypeStruct((size, width), jnp.float32),
    ),
  }
  batch = {name: batch[name] for name in step.batch_shardings}
  begun = time.perf_counter()
  with meshes.use(mesh):
    lowered = step.step.lower(step.abstract, batch)
  memory, needed, collectives, failed = None, 0, [], ""
  try:
    compiled = lowered.compile()
  except jax.errors.JaxRuntimeError as error:
    needed = needed_bytes(str(error))
    if not needed and not str(error).startswith("INTERNAL"):
      raise
    failed = "" if needed else " ".join(str(error).split())[:_SAID]
  else:
    memory = memory_of(compiled.memory_analysis())
    needed = memory.total
    collectives = program.collectives(compiled.as_text())
  return Compiled(
    memory=memory,
    needed=needed,
    collectives=collectives,
    chunks={
      name: grad_cache.chunk_count(
        _of_slice(tiers, meshes.slices(mesh)), config.train.chunk_tokens
      )
      for name, tiers in packed.items()
    },
    seconds=time.perf_counter() - begun,
    failed=failed,
  )


def needed_bytes(message: str) -> int:
  """Bytes that a compiler says it lacks room for; 0 if it says something else.

  Args:
    message: of its error.
  """
  for pattern in (
    r"Used ([\d.]+)([KMGT]) of [\d.]+[KMGT] hbm",
    r"temporaries \(([\d.]+)([KMGT])\) exceeds available HBM",
  ):
    if found := re.search(pattern, message):
      return int(float(found[1]) * _UNITS[found[2]])
  return 0


def memory_of(found: Any) -> Memory:
  """What `jax.stages.Compiled.memory_analysis` found."""
  return Memory(
    arguments=found.argument_size_in_bytes,
    outputs=found.output_size_in_bytes,
    aliased=found.alias_size_in_bytes,
    temporaries=found.temp_size_in_bytes,
  )


def _vocabulary(wanted):
  if wanted.tokenizer == model.TRAIN_TOKENIZER:
    return wanted.tokenizer_size
  return tokenizers.load(pathlib.Path(wanted.tokenizer)).vocab_size


def _counts(kinds, lengths, full, multiple):
  """Rows of each length that hold the texts."""
  tokens = [0.0] * len(lengths)
  for number, mean in kinds:
    fitting = [i for i, length in enumerate(lengths) if mean <= length]
    if not fitting:
      raise ValueError(
        f"texts of {mean:g} tokens on average do not fit rows of"
        f" {lengths[-1]}; set longer packing.row_lengths"
      )
    tokens[fitting[0]] += number * mean
  return [
    -(-math.ceil(tokens[i] / (length * full)) // multiple) * multiple
    for i, length in enumerate(lengths)
  ]


def _of_slice(tiers, slices):
  def share(x):
    return jax.ShapeDtypeStruct((x.shape[0] // slices, *x.shape[1:]), x.dtype)

  return jax.tree.map(share, tiers)
