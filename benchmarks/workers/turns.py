"""Two programs that take turns at the same work, and what their times say."""

import json
import os
import pathlib
import platform
import re
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.workers import pipe

PAUSE = 0.5  # Seconds between turns, in which threads that still spin stop.
# Of workers: no more words than are needed.
_QUIET = {
  "HF_HUB_DISABLE_PROGRESS_BARS": "1",
  "TF_CPP_MIN_LOG_LEVEL": "2",
  "TF_ENABLE_ONEDNN_OPTS": "0",  # TensorFlow only feeds; with 1 it says so.
  "TOKENIZERS_PARALLELISM": "true",
  "TQDM_DISABLE": "1",
  "TRANSFORMERS_VERBOSITY": "error",
}
_ENVIRONMENTS = {
  "cpu": {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"},
  # Both sides have the one device, so neither takes all of its memory.
  "cuda": {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
}
DEVICES = tuple(_ENVIRONMENTS)


def environment(device: str) -> dict[str, str]:
  """Variables of workers on a device of `DEVICES`."""
  return {**_QUIET, **_ENVIRONMENTS[device]}


def use_processors(number: int) -> list[int]:
  """Keeps this process and those it starts on some of its processors.

  Args:
    number: how many; 0 takes all.

  Returns:
    Their numbers.

  Raises:
    ValueError: there are fewer.
  """
  free = sorted(os.sched_getaffinity(0))
  if not 0 <= number <= len(free):
    raise ValueError(
      f"threads is {number}, but this process has {len(free)} processor(s);"
      f" use 1 to {len(free)}, or 0 for all"
    )
  os.sched_setaffinity(0, free[: number or len(free)])
  return free[: number or len(free)]


def alternate(
  workers: Mapping[str, pipe.Worker],
  method: str,
  rounds: Sequence[Mapping[str, Mapping[str, Any]]],
) -> dict[str, list[dict[str, Any]]]:
  """The answers of all workers to each round, one working at a time.

  Who goes first changes from round to round, so that a machine that gets
  slower or faster favours nobody.

  Args:
    workers: by name.
    method: of the workers; answers with a dictionary that has "seconds".
    rounds: for each round the arguments of each worker.

  Returns:
    The answers of each worker, by round, each also with "processor_seconds",
    of all its threads; "cores", how many processors it kept busy; and
    "others_cores", what the others did though they should sleep.
  """
  answers: dict[str, list[dict[str, Any]]] = {name: [] for name in workers}
  for number, arguments in enumerate(rounds):
    names = list(workers)
    for name in names if number % 2 == 0 else names[::-1]:
      time.sleep(PAUSE)
      before = {n: w.processor_seconds() for n, w in workers.items()}
      begun = time.perf_counter()
      answer = workers[name].ask(method, **arguments[name])
      seconds = time.perf_counter() - begun
      used = {n: w.processor_seconds() - before[n] for n, w in workers.items()}
      answer["processor_seconds"] = used.pop(name)
      answer["cores"] = answer["processor_seconds"] / seconds
      answer["others_cores"] = sum(used.values()) / seconds
      answers[name].append(answer)
  return answers


def summary(
  answers: Sequence[Mapping[str, Any]], *, items: int
) -> dict[str, Any]:
  """What the answers of one side say.

  Args:
    answers: of `alternate`, each with "seconds", "tokens" and "slots".
    items: pairs or texts of a round.
  """
  seconds = [answer["seconds"] for answer in answers]
  slots = sum(answer["slots"] for answer in answers)
  return {
    "seconds": spread(seconds),
    "items_per_second": spread([items / x for x in seconds]),
    "tokens": statistics.mean(answer["tokens"] for answer in answers),
    "padding_share": 1 - sum(answer["tokens"] for answer in answers) / slots,
    "processor_seconds": spread([x["processor_seconds"] for x in answers]),
    "cores": statistics.median(answer["cores"] for answer in answers),
    "others_cores": max(answer["others_cores"] for answer in answers),
  }


def spread(values: Sequence[float]) -> dict[str, float]:
  """{"median", "low", "high"}: the quartiles; of one value, that value."""
  if len(values) == 1:
    return dict.fromkeys(("low", "median", "high"), values[0])
  low, median, high = statistics.quantiles(values, n=4, method="inclusive")
  return {"low": low, "median": median, "high": high}


def times_faster(
  theirs: Sequence[float], ours: Sequence[float]
) -> dict[str, float]:
  """`spread` of theirs / ours, seconds of the same work round by round.

  Work that differs from round to round so does not widen the spread.
  """
  return spread([a / b for a, b in zip(theirs, ours, strict=True)])


def machine(processors: Sequence[int]) -> dict[str, Any]:
  """What the figures were measured on, and how busy it was before."""
  with open("/proc/cpuinfo", encoding="utf-8") as file:
    found = re.search(r"model name\s*:\s*(.+)", file.read())
  return {
    "processor": found[1].strip() if found else platform.machine(),
    "processors": len(processors),
    "load_before": os.getloadavg()[0],
    "system": f"{platform.system()} {platform.machine()}",
  }


def save(saved: Mapping[str, Any], path: str | None) -> None:
  """Writes figures as JSON, where a file is named."""
  if path:
    text = json.dumps(saved, indent=1, ensure_ascii=False)
    pathlib.Path(path).write_text(text + "\n", "utf-8")


def cell(found: Mapping[str, float], form: str = "{:.2f}") -> str:
  """A median with its quartiles, for a table."""
  low, median, high = (form.format(found[k]) for k in ("low", "median", "high"))
  return f"{median} ({low}–{high})"
