"""What the steps since the last record add up to, fetched a step behind."""

import math
import time
from typing import Any

import jax


class Meter:
  """Collects steps; the newest stays on the device until it is needed.

  Fetching a figure waits for its step. One step behind, the devices always
  have the next one to work on.
  """

  def __init__(self):
    self._waiting: list[tuple[int, str, Any]] = []
    self.restart()

  def restart(self) -> None:
    """Begins a record; what was counted is forgotten, the clock is set."""
    self._began = time.perf_counter()
    self._pairs = self._tokens = self._slots = 0
    self._losses: dict[str, list[float]] = {}
    self._last: dict[str, float] = {}

  def add(
    self,
    step: int,
    metrics: dict[str, jax.Array],
    *,
    kind: str,
    pairs: int,
    tokens: int,
    slots: int,
  ) -> None:
    """Counts a step and checks the one before it.

    Args:
      step: steps done, this one included.
      metrics: what the step returned, on the device.
      kind: of its batch.
      pairs: of its batch.
      tokens: tokens of text in its rows.
      slots: tokens that its rows could hold.

    Raises:
      FloatingPointError: the loss of a step is no number; the step is named.
    """
    self._pairs += pairs
    self._tokens += tokens
    self._slots += slots
    self._waiting.append((step, kind, metrics))
    self.settle(keep=1)

  def settle(self, *, keep: int = 0) -> None:
    """Fetches all steps but the newest `keep`; raises as `add` does."""
    while len(self._waiting) > keep:
      step, kind, metrics = self._waiting.pop(0)
      self._last = {k: float(v) for k, v in jax.device_get(metrics).items()}
      loss = self._last["loss"]
      if not math.isfinite(loss):
        raise FloatingPointError(
          f"the loss of step {step} is {loss} (a {kind} batch); the last"
          " checkpoint is kept. Lower optimizer.learning_rate or raise"
          " loss.temperature"
        )
      self._losses.setdefault(kind, []).append(loss)

  def record(self) -> dict[str, float]:
    """Figures of the steps since the last record; counting starts anew."""
    self.settle()
    seconds = time.perf_counter() - self._began
    losses = [x for of_kind in self._losses.values() for x in of_kind]
    steps = max(len(losses), 1)
    figures = {f"train/{key}": value for key, value in self._last.items()}
    figures |= {
      "train/loss": sum(losses) / steps,
      "train/pairs_per_second": self._pairs / seconds,
      "train/tokens_per_second": self._tokens / seconds,
      "train/padding_share": 1 - self._tokens / max(self._slots, 1),
      "train/monolingual_share": len(self._losses.get("monolingual", ()))
      / steps,
    }
    for kind, of_kind in self._losses.items():
      figures[f"train/loss_{kind}"] = sum(of_kind) / len(of_kind)
    self.restart()
    return figures
