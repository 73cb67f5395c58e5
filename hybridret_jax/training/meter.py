"""What the steps since the last record add up to, fetched a step behind."""

import collections
import dataclasses
import math
import resource
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from hybridret_jax.training import step as steps

_COMPILED = "/jax/core/compile/backend_compile_duration"
_FROM_CACHE = "/jax/compilation_cache/cache_hits"


@dataclasses.dataclass
class Count:
  """What some steps add up to, over all devices.

  Attributes:
    steps: how many.
    pairs: of their batches.
    tokens: tokens of text in their rows.
    slots: tokens that their rows could hold.
    model_flops: what their texts cost, each product once.
    hardware_flops: what their rows cost, padding and recomputation too.
    negatives: per query, summed over the steps.
    seconds: that they took.
    input_wait_seconds: of it, that this process waited for batches.
    step_compilations: of the train step in this process, in that time.
    compile_seconds: of any compilation in this process, in that time.
  """

  steps: int = 0
  pairs: int = 0
  tokens: int = 0
  slots: int = 0
  model_flops: int = 0
  hardware_flops: int = 0
  negatives: float = 0.0
  seconds: float = 0.0
  input_wait_seconds: float = 0.0
  step_compilations: int = 0
  compile_seconds: float = 0.0

  def add(self, other: "Count") -> None:
    """Adds every figure of `other`."""
    for field in dataclasses.fields(self):
      mine, theirs = getattr(self, field.name), getattr(other, field.name)
      setattr(self, field.name, mine + theirs)

  def rates(
    self, *, devices: int, peak_flops: float | None
  ) -> dict[str, float]:
    """Rates and shares; those of FLOPs only where they were counted.

    `mfu` is the share of all devices' peak that model FLOPs take (Chowdhery et
    al., "PaLM", arXiv 2204.02311, appendix B), `hfu` that of hardware FLOPs.
    """
    seconds = max(self.seconds, 1e-9)
    found = {
      "seconds_per_step": self.seconds / max(self.steps, 1),
      "pairs_per_second": self.pairs / seconds,
      "tokens_per_second": self.tokens / seconds,
      "tokens_per_second_per_device": self.tokens / seconds / devices,
      "padding_share": 1 - self.tokens / max(self.slots, 1),
      "input_wait_share": self.input_wait_seconds / seconds,
    }
    for name, share, flops in (
      ("model", "mfu", self.model_flops),
      ("hardware", "hfu", self.hardware_flops),
    ):
      if flops:
        found[f"{name}_flops_per_second"] = flops / seconds
        if peak_flops:
          found[share] = flops / seconds / (peak_flops * devices)
    return found


class Meter:
  """Collects steps; the newest stays on the device until it is needed.

  Fetching a figure waits for its step. One step behind, the devices always
  have the next one to work on. Compilations are counted while it is entered.

  Attributes:
    skipped: steps so far whose loss or gradient was no number.
  """

  def __init__(
    self,
    *,
    peak_flops: float | None = None,
    step_name: str = "train_step",
    skips: int = 0,
    skipped: int = 0,
  ):
    """Sets the clock.

    Args:
      peak_flops: FLOP/s that one device can do at most; None if not known.
      step_name: of the function whose compilations are counted apart.
      skips: how many steps may be no numbers, and were then skipped.
      skipped: how many were before.
    """
    self._skips, self.skipped = skips, skipped
    self._peak_flops = peak_flops
    self._devices = jax.device_count()
    self._compilations = Compilations(step_name)
    self._waiting: list[tuple[int, str, Any]] = []
    self._total = Count()
    self._steady: dict[str, list[float]] = collections.defaultdict(list)
    self._records = 0
    self._first_step: int | None = None
    self._last_step = 0
    self._count = Count()
    self._born = time.perf_counter()
    self.restart()

  def __enter__(self) -> "Meter":
    self._compilations.listen()
    return self

  def __exit__(self, *error: object) -> None:
    self._compilations.close()

  def restart(self) -> None:
    """Begins a record and sets the clock.

    Steps since the last record stay out of the next; the card has them, with
    the time until they were settled.
    """
    self._close()
    self._total.add(self._count)
    self._count = Count()
    self._losses: dict[str, list[float]] = {}
    self._negatives: list[float] = []
    self._last: dict[str, float] = {}
    self._settled: float | None = None
    self._began = time.perf_counter()
    self._compiled_before = self._compilations.so_far()

  def timed(self, batches: Iterable[Any]) -> Iterator[Any]:
    """The batches; how long each was waited for is counted.

    The devices work on the step before meanwhile, so the time is what input
    may cost at most.
    """
    iterator = iter(batches)
    while True:
      began = time.perf_counter()
      try:
        batch = next(iterator)
      except StopIteration:
        return
      self._count.input_wait_seconds += time.perf_counter() - began
      yield batch

  def add(
    self,
    step: int,
    metrics: dict[str, jax.Array],
    *,
    kind: str,
    pairs: int,
    tokens: int,
    slots: int,
    model_flops: int = 0,
    hardware_flops: int = 0,
    negatives: float = 0.0,
  ) -> None:
    """Counts a step and checks the one before it.

    Args:
      step: steps done, this one included.
      metrics: what the step returned, on the device.
      kind: of its batch.
      pairs: of its batch.
      tokens: tokens of text in its rows.
      slots: tokens that its rows could hold.
      model_flops: see `Count`; 0 if not counted.
      hardware_flops: see `Count`; 0 if not counted.
      negatives: per query, the mean over the batch.

    Raises:
      step.NonFinite: the loss or the gradient of a step is no number.
    """
    if self._first_step is None:
      self._first_step = step - 1
    self._last_step = step
    self._settled = None
    self._count.add(
      Count(
        steps=1,
        pairs=pairs,
        tokens=tokens,
        slots=slots,
        model_flops=model_flops,
        hardware_flops=hardware_flops,
        negatives=negatives,
      )
    )
    if negatives:
      self._negatives.append(negatives)
    self._waiting.append((step, kind, metrics))
    self._fetch(keep=1)

  def settle(self) -> None:
    """Waits for all steps; raises as `add` does."""
    self._fetch(keep=0)
    self._close()

  def window(self) -> dict[str, Any]:
    """What is to be recorded of the steps since the last record; JSON.

    Empty where there is none. Times are not part of it.
    """
    self.settle()
    if not self._losses:
      return {}
    losses = {kind: list(values) for kind, values in self._losses.items()}
    return {"losses": losses, "negatives": list(self._negatives)}

  def go_on(self, window: Mapping[str, Any]) -> None:
    """Takes up a `window` that another process began; empty takes nothing."""
    for kind, losses in window.get("losses", {}).items():
      self._losses[kind] = list(losses)
    self._negatives += window.get("negatives", [])

  def record(self) -> dict[str, float]:
    """Figures of the steps since the last record; counting starts anew."""
    self.settle()
    count = self._count
    losses = [x for of_kind in self._losses.values() for x in of_kind]
    steps = max(len(losses), 1)
    rates = count.rates(devices=self._devices, peak_flops=self._peak_flops)
    self._note(rates)
    figures = {f"train/{key}": value for key, value in self._last.items()}
    figures |= {f"train/{key}": value for key, value in rates.items()}
    figures |= {
      "train/loss": sum(losses) / steps if losses else math.nan,
      "train/monolingual_share": len(self._losses.get("monolingual", ()))
      / steps,
      "train/input_wait_seconds": count.input_wait_seconds,
      "train/step_compilations": count.step_compilations,
      "train/compile_seconds": count.compile_seconds,
      "train/peak_memory_bytes": peak_memory()[0],
    }
    if self._skips:
      figures["train/skipped_steps"] = self.skipped
    if self._negatives:
      mean = sum(self._negatives) / len(self._negatives)
      figures["train/negatives_per_query"] = mean
    for kind, of_kind in self._losses.items():
      figures[f"train/loss_{kind}"] = sum(of_kind) / len(of_kind)
    self.restart()
    return figures

  def card(self) -> dict[str, Any]:
    """What the steps so far cost; docs/results_schema.md has the fields."""
    self.settle()
    total = dataclasses.replace(self._total)
    total.add(self._count)
    memory_bytes, memory_of = peak_memory()
    device = jax.devices()[0]
    return {
      "first_step": self._first_step or 0,
      "last_step": self._last_step,
      "devices": {
        "kind": device.device_kind,
        "count": self._devices,
        "processes": jax.process_count(),
        "peak_flops": self._peak_flops,
      },
      "wall_seconds": time.perf_counter() - self._born,
      "total": dataclasses.asdict(total),
      "steady": {
        "records": max((len(x) for x in self._steady.values()), default=0),
        **{key: statistics.median(x) for key, x in self._steady.items()},
      },
      "compilations": self._compilations.so_far(),
      "flops_per_pair": total.model_flops / max(total.pairs, 1),
      "negatives_per_query": total.negatives / max(total.steps, 1),
      "peak_memory": {"bytes": memory_bytes, "of": memory_of},
    }

  def _fetch(self, *, keep: int) -> None:
    while len(self._waiting) > keep:
      step, kind, metrics = self._waiting.pop(0)
      found = {k: float(v) for k, v in jax.device_get(metrics).items()}
      loss, norm = found["loss"], found.get("gradient_norm", 0.0)
      found.pop("skipped", None)
      if not (math.isfinite(loss) and math.isfinite(norm)):
        if self.skipped < self._skips:
          self.skipped += 1
          continue
        raise steps.NonFinite(step, kind, loss, norm)
      self._last = found
      self._losses.setdefault(kind, []).append(loss)

  def _close(self) -> None:
    """Ends the counted time, if steps came since it was last ended."""
    if not self._count.steps or self._settled is not None:
      return
    self._settled = time.perf_counter()
    before, now = self._compiled_before, self._compilations.so_far()
    self._count.seconds = self._settled - self._began
    self._count.step_compilations = now["step"] - before["step"]
    self._count.compile_seconds = now["seconds"] - before["seconds"]

  def _note(self, rates: dict[str, float]) -> None:
    """Keeps the rates of a record in which nothing started or was compiled."""
    self._records += 1
    if self._records > 1 and not self._count.step_compilations:
      for key, value in rates.items():
        self._steady[key].append(value)


class Compilations:
  """Counts what XLA compiles or loads from the cache, in this process."""

  def __init__(self, step_name: str):
    self._step = f"jit({step_name})"
    self._found = {"step": 0, "all": 0, "from_cache": 0}
    self._seconds = {"step_seconds": 0.0, "seconds": 0.0}
    self._listening = False

  def listen(self) -> None:
    """Begins to count."""
    jax.monitoring.register_event_listener(self._on_event)
    jax.monitoring.register_event_duration_secs_listener(self._on_duration)
    self._listening = True

  def close(self) -> None:
    """Counts no more."""
    if self._listening:
      jax.monitoring.unregister_event_listener(self._on_event)
      jax.monitoring.unregister_event_duration_listener(self._on_duration)
      self._listening = False

  def so_far(self) -> dict[str, Any]:
    """Programs: of the train step, all, those of all that the cache had; and
    the seconds of the first two, without tracing."""
    return {**self._found, **self._seconds}

  def _on_event(self, event: str, **_: Any) -> None:
    if event == _FROM_CACHE:
      self._found["from_cache"] += 1

  def _on_duration(
    self, event: str, duration_secs: float, **kwargs: str | int
  ) -> None:
    if event != _COMPILED:
      return
    self._found["all"] += 1
    self._seconds["seconds"] += duration_secs
    if kwargs.get("fun_name") == self._step:
      self._found["step"] += 1
      self._seconds["step_seconds"] += duration_secs


def negatives_per_query(
  label_B: np.ndarray, negative_label_BK: np.ndarray
) -> float:
  """Passages that a query is held against, the mean over a batch.

  Args:
    label_B: of each pair; passages of one label are no negatives of its query.
    negative_label_BK: of each pair's hard negatives, which count for all.
  """
  everything = np.concatenate([label_B, negative_label_BK.reshape(-1)])
  labels, sizes = np.unique(everything, return_counts=True)
  same_B = sizes[np.searchsorted(labels, label_B)]
  return float(len(everything) - same_B.mean())


def peak_memory() -> tuple[int, str]:
  """Most bytes held so far, and by what.

  By a "device" of this process (that which held most), where it says so, else
  by the "process" in main memory.
  """
  found = [device.memory_stats() or {} for device in jax.local_devices()]
  peaks = [x["peak_bytes_in_use"] for x in found if "peak_bytes_in_use" in x]
  if peaks:
    return max(peaks), "device"
  # Linux counts kibibytes, macOS bytes.
  unit = 1 if sys.platform == "darwin" else 1024
  held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return held * unit, "process"
