"""Encodes a task's texts through this package on request, and times it."""

import dataclasses
import time
from typing import Any

import jax
import numpy as np

from benchmarks.workers import our_setup, pipe
from hybridret_jax.assembly import devices, encoding, judging, tasks
from hybridret_jax.data import calls
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.training import meter

SIDES = ("query", "passage")


class Encoding:
  """A model as it is before training, and texts that wait to be encoded."""

  def start(
    self, config: dict[str, Any], share: float, seed: int
  ) -> dict[str, Any]:
    """Reads the task and the model; what the other side needs to know.

    Args:
      config: all settings, as JSON has them; the first of its tasks is read.
      share: of the task's distinct texts that are encoded, of each side.
      seed: which share.
    """
    settings = our_setup.read_config(config)
    devices.start(settings)
    mesh = meshes.make(**settings.mesh)
    task = tasks.load(settings, settings.evaluation.tasks[0])
    made = our_setup.pretrained_model(settings)
    # Tokens are made anew in each turn, as on the other side.
    self.encoder = dataclasses.replace(
      judging.encoder(settings, made, mesh), cache=None
    )
    self.params = jax.device_put(
      made.start(seed=settings.seed), meshes.replicated(mesh)
    )
    self.texts = {
      side: thinned(texts, share, seed)
      for side, texts in zip(
        SIDES, (task.query_texts, task.candidate_texts), strict=True
      )
    }
    self.counts = self._counts()
    self.compilations = meter.Compilations("apply")
    self.compilations.listen()
    return {
      "device": our_setup.device_kind(),
      "folder": str(made.folder),
      "texts": {
        side: [self.encoder.prefixes[side] + text.strip() for text in texts]
        for side, texts in self.texts.items()
      },
      "max_lengths": self.encoder.max_lengths,
      "versions": our_setup.versions("jax", "jaxlib", "flax"),
    }

  def encode(self, vectors: str | None = None) -> dict[str, Any]:
    """Encodes all texts.

    Args:
      vectors: file to keep them in, questions first.

    Returns:
      "seconds", from texts to vectors; tokens of text, and the slots of the
      rows that hold them; programs compiled meanwhile; "device_peak_bytes",
      so far.
    """
    compiled = self.compilations.so_far()["all"]
    begun = time.perf_counter()
    found = [
      self.encoder(self.params, texts, side)
      for side, texts in self.texts.items()
    ]
    seconds = time.perf_counter() - begun
    if vectors:
      np.save(vectors, np.concatenate(found))
    return {
      "seconds": seconds,
      **self.counts,
      "programs_compiled": self.compilations.so_far()["all"] - compiled,
      "device_peak_bytes": our_setup.peak_bytes(),
    }

  def _counts(self):
    encoder, tokens, slots = self.encoder, 0, 0
    for side, texts in self.texts.items():
      lengths = encoder.tokenizer.encode(
        sorted(texts),
        prefix=encoder.prefixes[side],
        max_length=encoder.max_lengths[side],
      ).lengths
      tokens += int(lengths.sum())
      slots += sum(
        call.row_count * call.row_length
        for call in calls.plan(
          lengths,
          row_lengths=_tiers(encoder),
          tokens=encoder.tokens_per_call,
          slices=meshes.slices(encoder.mesh),
        )
      )
    return {"tokens": tokens, "slots": slots}


def _tiers(encoder: encoding.TextEncoder) -> list[int]:
  """Lengths of rows that the encoder plans its calls with."""
  longest = max(encoder.max_lengths.values())
  return sorted({min(n, longest) for n in encoder.row_lengths} | {longest})


def thinned(texts, share, seed):
  """A share of the distinct texts, in their order."""
  distinct = list(dict.fromkeys(texts))
  number = max(round(share * len(distinct)), 1)
  chosen = np.random.default_rng(seed).permutation(len(distinct))[:number]
  return [distinct[i] for i in sorted(chosen.tolist())]


if __name__ == "__main__":
  pipe.serve(Encoding())
