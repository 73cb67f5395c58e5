"""What a compiled train step needs, moves and can reach at most, as a table."""

import collections
import math
from collections.abc import Iterable
from importlib import metadata
from typing import Any

import jax
import ml_collections

from hybridret_jax.assembly import model
from hybridret_jax.models import cost
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.parallel import peaks
from hybridret_jax.preflight import compiled as compiling
from hybridret_jax.preflight import program, topologies

# What `parallel.collectives.Slices` is asked for, by what it moves.
_VECTORS = {"Slices.gather", "Slices.sum_and_split"}
_PARAMETERS = {"Slices.gather_parameters"}
_SUMS = {"Slices.total"}
_ENCODER = {"Encoder.__call__", "Layer.__call__"}
# The loss multiplies float32 at Precision.HIGHEST: six bfloat16 products on a
# TPU (docs.jax.dev, jax.lax.Precision).
_PASSES = 6


def figures(
  config: ml_collections.ConfigDict,
  topology: topologies.Topology,
  texts: compiling.Texts,
  compiled: compiling.Compiled,
  *,
  utilisation: float,
) -> dict[str, Any]:
  """Plain figures of a compiled train step, as docs/preflight.md names them.

  Args:
    config: that was compiled.
    topology: for which.
    texts: what was assumed.
    compiled: what came of it.
    utilisation: share of the peak at which the bound is computed.
  """
  mesh = topology.mesh(**config.mesh)
  module = model.for_mesh(compiling.module(config), mesh, training=True)
  slices = meshes.slices(mesh)
  rows = compiling.rows(config, texts, slices=slices)
  memory = compiled.memory
  return {
    "topology": topology.name,
    "device_kind": topology.kind,
    "devices": len(topology.devices),
    "mesh": dict(mesh.shape),
    "versions": _versions(),
    "model": config.model.init,
    "encoder": {
      key: getattr(module.encoder, key)
      for key in ("dtype", "remat", "attention", "dropout", "attention_dropout")
    },
    "batch_size": config.batches.batch_size,
    "chunk_tokens": config.train.chunk_tokens,
    "chunks": compiled.chunks,
    "rows": {
      name: [list(tier[0].shape) for tier in tiers]
      for name, tiers in rows.items()
    },
    "row_multiple": config.packing.row_multiple,
    "row_multiple_needed": math.lcm(config.packing.row_multiple, slices),
    "assumed": {
      "query_tokens": texts.query,
      "passage_tokens": texts.passage,
      "shortest_text": texts.shortest,
      "rows_full": texts.full,
      "rows_are_given": bool(config.packing.row_counts),
    },
    "fits": fits(topology, compiled),
    "failed": compiled.failed or None,
    "capacity_bytes": topology.memory_bytes,
    "needed_bytes": compiled.needed,
    "memory_bytes": memory
    and {
      "arguments": memory.arguments,
      "outputs": memory.outputs,
      "aliased": memory.aliased,
      "temporaries": memory.temporaries,
    },
    "collectives": moved(
      compiled.collectives,
      batch_size=-(-config.batches.batch_size // slices) * slices,
    ),
    **_arithmetic(config, module, topology, texts, rows, compiled, utilisation),
    "compile_seconds": round(compiled.seconds, 1),
  }


def fits(topology: topologies.Topology, compiled: compiling.Compiled) -> bool:
  """Whether it was not refused and what it needs is there."""
  if compiled.memory is None:
    return False
  # Compilers of some devices let pass what does not fit.
  most = topology.memory_bytes
  return most is None or compiled.needed <= most


def moved(
  found: Iterable[program.Collective], *, batch_size: int
) -> list[dict[str, Any]]:
  """Collectives of one step by purpose and kind, most bytes first.

  Args:
    found: in the program.
    batch_size: B, with padding: what has it as a side, or up to 2 % more, is
      vectors, where the compiler does not say who asked for it.

  Returns:
    {"purpose", "kind", "count", "bytes", "counted"}: how often each device
    takes part, and bytes that it sends; `counted` as in `program.Collective`.
  """
  rows = collections.defaultdict(lambda: [0, 0, True])
  for one in found:
    row = rows[_purpose(one, batch_size), one.kind]
    row[0] += one.times
    row[1] += one.sent_bytes
    row[2] &= one.counted
  return [
    {
      "purpose": purpose,
      "kind": kind,
      "count": count,
      "bytes": sent,
      "counted": counted,
    }
    for (purpose, kind), (count, sent, counted) in sorted(
      rows.items(), key=lambda item: -item[1][1]
    )
  ]


def _purpose(one, batch_size):
  asked = set(one.functions)
  if asked & _VECTORS:
    return "vectors"
  if asked & _PARAMETERS:
    return "parameters" if one.kind == "all-gather" else "gradients"
  if asked & _SUMS:
    return "sums"
  if asked & _ENCODER:
    return "activations"
  if any(_holds(batch_size, side) for shape in one.shapes for side in shape):
    return "vectors"
  return "gradients"


def _holds(batch_size, side):
  """Whether a side is the batch's: libtpu pads some by a hundredth."""
  return batch_size <= side <= 1.02 * batch_size


def _arithmetic(config, module, topology, texts, rows, compiled, utilisation):
  """FLOPs per pair, and the pairs per second that they allow."""
  size = config.batches.batch_size
  slices = meshes.slices(topology.mesh(**config.mesh))
  loss = cost.loss(
    module,
    pairs=size,
    negatives=config.batches.negatives,
    directions=config.loss.directions,
    alignment=bool(config.loss.alignment_weight),
    matryoshka_dims=tuple(config.loss.matryoshka_dims),
    block_size=config.loss.block_size,
  )
  useful = hardware = 0
  for name, kinds in compiling.texts_by_pack(config, texts).items():
    number = round(sum(count for count, _ in kinds))
    work = cost.Work(
      tokens=round(sum(count * mean for count, mean in kinds)),
      # Of equal lengths; others have a little more.
      attended=round(sum(count * mean**2 for count, mean in kinds)),
      texts=number,
    )
    useful += cost.train_step(module, work).model
    # Each slice makes the vectors of all texts, zero where it has none.
    run = cost.executed(rows[name], texts=number * slices)
    chunks = compiled.chunks[name]
    hardware += cost.train_step(module, run, chunks=chunks).hardware
  peak = peaks.of(topology.kind)
  at = peak and peak.at(module.encoder.dtype)
  bound = None
  if peak and at:
    seconds = hardware / at + _PASSES * loss.hardware / peak.bfloat16
    bound = round(size * utilisation * len(topology.devices) / seconds, 1)
  return {
    "flops_per_pair": {
      "model": round((useful + loss.model) / size),
      "hardware": round((hardware + loss.hardware) / size),
    },
    "utilisation": utilisation,
    "pairs_per_second_bound": bound,
  }


def _versions() -> dict[str, str | None]:
  try:
    libtpu = metadata.version("libtpu")
  except metadata.PackageNotFoundError:
    libtpu = None
  return {"jax": jax.__version__, "libtpu": libtpu}
