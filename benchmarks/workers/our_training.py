"""Train steps of this package on request, timed one by one."""

import time
from typing import Any

import jax
import numpy as np

from benchmarks.workers import our_setup, pipe
from hybridret_jax.assembly import devices, train_step, training_data
from hybridret_jax.data import pipeline
from hybridret_jax.parallel import hosts
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import meter


class Training:
  """A run of a config whose steps are asked for."""

  def start(self, config: dict[str, Any]) -> dict[str, Any]:
    """Reads the corpus and the model; what the other side needs to know.

    Args:
      config: all settings, as JSON has them.
    """
    self.config = our_setup.read_config(config)
    devices.start(self.config)
    self.mesh = meshes.make(**self.config.mesh)
    corpus = training_data.read(self.config)
    self.made = our_setup.pretrained_model(self.config)
    self.data = training_data.make(self.config, corpus, self.made.tokenizer)
    self.prepared = train_step.make(
      self.config, self.made, self.mesh, shortest=self.data.layout.shortest
    )
    self.state = None
    self.compilations = meter.Compilations("train_step")
    self.compilations.listen()
    return {
      "device": our_setup.device_kind(),
      "folder": str(self.made.folder),
      "row_lengths": self.data.layout.row_lengths,
      "shapes": self.data.layout.shapes,
      "versions": our_setup.versions("jax", "jaxlib", "flax", "optax"),
    }

  def batches(self, number: int) -> list[dict[str, Any]]:
    """The first batches: their shape, and their texts as they are encoded."""
    found = []
    for step in range(number):
      plan = self.data.composer.plan(self.config.seed, step)
      found.append(
        {
          "shape": str(self._shape(self._build(step))),
          "kind": plan.kind,
          "queries": self._texts("query", plan.query_row),
          "passages": self._texts("passage", plan.passage_row),
        }
      )
    return found

  def reset(self) -> None:
    """Begins again with the pretrained parameters and a fresh optimizer."""
    self.state = None  # Given up first, so that no two are held.
    self.state = self.prepared.create(
      self.made.pretrained(seed=self.config.seed)
    )
    jax.block_until_ready(self.state)

  def step(self, step: int) -> dict[str, Any]:
    """One step over batch `step`.

    Returns:
      "input_seconds", to compose and pack the batch of cached tokens;
      "seconds", of the step itself; the loss before it; tokens of text, and
      the slots of the rows that hold them; programs compiled meanwhile;
      "device_peak_bytes", so far.
    """
    compiled = self.compilations.so_far()["all"]
    begun = time.perf_counter()
    batch = self._build(step)
    built = time.perf_counter()
    with meshes.use(self.mesh):
      self.state, figures = self.prepared.step(self.state, self._place(batch))
      jax.block_until_ready(self.state)
    loss = float(figures["loss"])
    ended = time.perf_counter()
    return {
      "input_seconds": built - begun,
      "seconds": ended - built,
      "loss": loss,
      "tokens": batch.tokens,
      "slots": batch.slots,
      "programs_compiled": self.compilations.so_far()["all"] - compiled,
      "device_peak_bytes": our_setup.peak_bytes(),
    }

  def _build(self, step):
    data = self.data
    return pipeline.build_batch(
      data.composer,
      data.tokens,
      data.labels,
      data.layout,
      seed=self.config.seed,
      step=step,
    )

  def _shape(self, batch):
    return {
      pack: [len(tier[0]) for tier in tiers]
      for pack, tiers in batch.rows.items()
    }

  def _place(self, batch):
    return {
      name: hosts.to_global(getattr(batch, name), sharding)
      for name, sharding in self.prepared.batch_shardings.items()
    }

  def _texts(self, side, rows):
    corpus = self.data.corpus
    column = corpus.query_row if side == "query" else corpus.passage_row
    prefix = self.config.data[f"{side}_prefix"]
    return [
      prefix + corpus.texts[text].strip()
      for text in np.asarray(column)[rows].tolist()
    ]


if __name__ == "__main__":
  pipe.serve(Training())
