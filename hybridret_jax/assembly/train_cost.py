"""FLOPs of a run's steps, from its config and the rows of a batch."""

from collections.abc import Callable, Mapping
from typing import Any

import ml_collections
from jax.sharding import Mesh

from hybridret_jax.data import pipeline
from hybridret_jax.models import cost, dual_encoder
from hybridret_jax.parallel import mesh as meshes


def counter(
  config: ml_collections.ConfigDict,
  module: dual_encoder.DualEncoder,
  mesh: Mesh,
) -> Callable[[pipeline.Batch, Mapping[str, Any]], dict[str, int]]:
  """(batch, its rows as global arrays) -> what `Meter.add` takes of FLOPs."""
  batches, slices = config.batches, meshes.slices(mesh)
  texts = batches.batch_size * (2 + batches.negatives)
  made = texts + batches.batch_size * (batches.parallel_share > 0)
  of_loss = cost.loss(
    module,
    pairs=batches.batch_size,
    negatives=batches.negatives,
    directions=config.loss.directions,
    alignment=config.loss.alignment_weight > 0,
    matryoshka_dims=config.loss.matryoshka_dims,
    block_size=config.loss.block_size,
  )

  def count(batch, rows):
    there = texts + int(batch.parallel.sum())
    useful = cost.Work(batch.tokens, batch.attended, there)
    # Each slice makes the vectors of all texts, zero where it has none.
    run = cost.train_step(module, cost.Work(0, 0, made * slices)) + of_loss
    for tiers in rows.values():
      work = cost.executed(tiers, texts=0)
      chunked = 0 < config.train.chunk_tokens < work.tokens / slices
      run += cost.train_step(module, work, chunks=2 if chunked else 1)
    model = cost.train_step(module, useful) + of_loss
    return {"model_flops": model.model, "hardware_flops": run.hardware}

  return count
