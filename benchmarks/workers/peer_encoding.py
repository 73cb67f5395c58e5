"""Encodes texts through sentence-transformers on request, and times it."""

import time
from typing import Any

import numpy as np

from benchmarks.workers import peer_model, pipe


class Encoding:
  """A model and texts that wait to be encoded."""

  def start(
    self,
    folder: str,
    precision: str,
    attention: str,
    texts: dict[str, list[str]],
    max_lengths: dict[str, int],
    device: str = "cpu",
  ) -> dict[str, Any]:
    """Loads the model.

    Args:
      folder: Hugging Face folder of the model.
      precision: "float32"; "autocast", which multiplies in bfloat16; or
        "bfloat16", whose parameters are.
      attention: "sdpa" or "eager".
      texts: by side, as they are encoded.
      max_lengths: tokens at which they are cut, by side.
      device: "cpu" or "cuda".
    """
    dtype = "bfloat16" if precision == "bfloat16" else "float32"
    self.model = peer_model.load(
      folder, attention=attention, dtype=dtype, device=device
    )
    if precision == "autocast":
      peer_model.autocast(self.model)
    self.texts, self.max_lengths = texts, max_lengths
    return {"versions": peer_model.versions()}

  def warm_up(self, texts: int) -> None:
    """Encodes a few texts of each side."""
    for some in self.texts.values():
      self.model.encode(some[:texts], show_progress_bar=False)

  def encode(
    self, batch_size: int, vectors: str | None = None, every: int = 1
  ) -> dict[str, Any]:
    """Encodes the texts, which the library sorts by their length.

    Args:
      batch_size: texts at a time.
      vectors: file to keep them in, questions first.
      every: which text is encoded; 1 takes all.

    Returns:
      "seconds", from texts to vectors; tokens of text, and the slots of the
      padded matrices that hold them; "device_peak_bytes", so far.
    """
    counts = {"tokens": 0, "slots": 0}

    def count(_, inputs):
      mask = inputs[0]["attention_mask"]
      counts["tokens"] += int(mask.sum())
      counts["slots"] += mask.numel()

    hook = self.model[0].register_forward_pre_hook(count)
    begun = time.perf_counter()
    found = []
    for side, texts in self.texts.items():
      self.model.max_seq_length = self.max_lengths[side]
      found.append(
        self.model.encode(
          texts[::every],
          batch_size=batch_size,
          normalize_embeddings=True,
          show_progress_bar=False,
        )
      )
    seconds = time.perf_counter() - begun
    hook.remove()
    if vectors:
      np.save(vectors, np.concatenate(found).astype(np.float32))
    return {
      "seconds": seconds,
      **counts,
      "device_peak_bytes": peer_model.peak_bytes(self.model.device.type),
    }


if __name__ == "__main__":
  pipe.serve(Encoding())
