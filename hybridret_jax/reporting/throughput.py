"""What training runs cost: throughput.json, and a table of runs."""

import json
import operator
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from hybridret_jax.ground import faults, reading, writing
from hybridret_jax.reporting import documents, training_log

FILE = "throughput.json"
SCHEMA = 1
NOTE = (
  "Rates are medians over the records of the training log, without the first"
  " and those in which the step was compiled. Model FLOPs count each product of"
  " the texts once: no padding, no recomputation; the share of the peak is"
  " theirs. Training time has no evaluations. What a run that was stopped had"
  " done after its last checkpoint is not in it."
)
# What a card's steady state and the log's records have, the latter with
# "train/" before it.
_RATES = (
  "pairs_per_second",
  "tokens_per_second_per_device",
  "padding_share",
  "input_wait_share",
  "model_flops_per_second",
  "mfu",
)


def save(folder: str | os.PathLike, card: dict[str, Any]) -> pathlib.Path:
  """Writes a card into a run's throughput.json and says where that is.

  A run that was stopped and went on has a part for each time: cards of earlier
  steps stay, one that began at the same step or later is replaced. A card
  without steps changes nothing.

  Args:
    folder: of the run.
    card: of the training so far, as docs/results_schema.md describes a part.
  """
  path = pathlib.Path(folder) / FILE
  if card["total"]["steps"]:
    parts = [x for x in load(folder) if x["first_step"] < card["first_step"]]
    whole = {"schema": SCHEMA, "parts": [*parts, card]}
    writing.write(path, json.dumps(whole, indent=2, allow_nan=False) + "\n")
  return path


def load(folder: str | os.PathLike) -> list[dict[str, Any]]:
  """The parts of a run's throughput.json; [] where there is none.

  Raises:
    Fault: it is not what `save` writes.
  """
  path = pathlib.Path(folder) / FILE
  if not path.is_file():
    return []
  found = reading.document(path, mend="delete the file")
  schema, parts = found.get("schema"), found.get("parts")
  if schema != SCHEMA or not parts or not isinstance(parts, list):
    raise faults.Fault(
      path,
      f"schema {reading.shown(schema)}, or no parts",
      f"this version reads schema {SCHEMA}: delete the file",
    )
  for number, part in enumerate(parts):
    if not isinstance(part, dict) or not isinstance(
      part.get("first_step"), int
    ):
      raise faults.Fault(
        path, f"part {number} has no first_step", "delete the file"
      )
  return parts


def of_run(folder: str | os.PathLike) -> dict[str, Any]:
  """What `summary` makes of a run's folder; raises as `load` does."""
  parts, records = load(folder), training_log.read(folder)
  try:
    return summary(parts, records)
  except (KeyError, TypeError, ValueError, AttributeError) as error:
    raise faults.Fault(
      pathlib.Path(folder) / FILE,
      f"a part is not laid out as it is written ({error!r})",
      "delete the file",
    ) from error


def summary(
  parts: Sequence[dict[str, Any]], records: Sequence[dict[str, Any]]
) -> dict[str, Any]:
  """A run's figures by name; what is not known is None.

  Without parts, as runs of older versions are, rates are those of the log.

  Args:
    parts: what `load` returned.
    records: what `training_log.read` returned.
  """
  if not parts:
    steps = max((record["step"] for record in records), default=None)
    return {"steps": steps, **_rates_of_log(records)}
  longest = max(parts, key=lambda part: part["steady"]["records"])
  memory = max(
    (part["peak_memory"] for part in parts), key=operator.itemgetter("bytes")
  )
  pairs = sum(part["total"]["pairs"] for part in parts)
  flops = sum(part["total"]["model_flops"] for part in parts)
  return {
    "devices": ", ".join(dict.fromkeys(map(_devices, parts))),
    "steps": parts[-1]["last_step"],
    "seconds": sum(part["total"]["seconds"] for part in parts),
    **{key: longest["steady"].get(key) for key in _RATES},
    "flops_per_pair": flops / pairs if flops else None,
    "step_compilations": sum(x["compilations"]["step"] for x in parts),
    "compile_seconds": sum(x["compilations"]["step_seconds"] for x in parts),
    "negatives_per_query": longest["negatives_per_query"] or None,
    "peak_memory_bytes": memory["bytes"],
    "peak_memory_of": memory["of"],
  }


def table(
  runs: Mapping[str, dict[str, Any]],
) -> tuple[list[str], list[list[str]]]:
  """Heads and one row of texts per run, without columns that no run has.

  Args:
    runs: name -> `summary`.
  """
  kept = {
    head: text
    for head, (key, text) in _COLUMNS.items()
    if any(run.get(key) is not None for run in runs.values())
  }
  rows = [
    [
      name,
      *(
        "–" if run.get(_COLUMNS[head][0]) is None else text(run)
        for head, text in kept.items()
      ),
    ]
    for name, run in runs.items()
  ]
  return ["Run", *kept], rows


def markdown(runs: Mapping[str, dict[str, Any]]) -> str:
  """`table` in Markdown, and what its figures are; "" without any figure."""
  heads, rows = table(runs)
  if len(heads) == 1:
    return ""
  return f"## Training cost\n\n{NOTE}\n\n{documents.tabulated(heads, rows)}\n"


def _rates_of_log(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
  trained = [x for x in records if "train/loss" in x]
  steady = [x for x in trained[1:] if not x.get("train/step_compilations")]
  found = {}
  for key in _RATES:
    values = [x.get(f"train/{key}") for x in steady]
    there = [value for value in values if value is not None]
    found[key] = median(there) if there else None
  return found


def _devices(part: dict[str, Any]) -> str:
  return f"{part['devices']['count']} × {part['devices']['kind']}"


def count(value: float | None) -> str:
  """Three digits of a number that may be large; a dash where there is none."""
  if value is None:
    return "–"
  return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _scaled(value: float) -> str:
  for power, letter in ((15, "P"), (12, "T"), (9, "G"), (6, "M")):
    if value >= 10**power:
      return f"{count(value / 10**power)} {letter}"
  return count(value)


def _share(value: float) -> str:
  return f"{100 * value:.1f} %"


def duration(seconds: float | None) -> str:
  """Seconds in hours, minutes or seconds; a dash where there are none."""
  if seconds is None:
    return "–"
  for size, unit in ((3600, "h"), (60, "min")):
    if seconds >= 2 * size:
      return f"{count(seconds / size)} {unit}"
  return f"{count(seconds)} s"


def _plain(key: str, text: Callable[[float], str]):
  return key, lambda run: text(run[key])


# Head -> the figure without which it stays empty, and its text.
_COLUMNS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
  "Devices": ("devices", lambda run: run["devices"]),
  "Steps": _plain("steps", count),
  "Training time": _plain("seconds", duration),
  "Pairs/s": _plain("pairs_per_second", count),
  "Tokens/s a device": _plain("tokens_per_second_per_device", count),
  "Padding": _plain("padding_share", _share),
  "Input wait": _plain("input_wait_share", _share),
  "Model FLOP/s": _plain("model_flops_per_second", _scaled),
  "Share of peak": _plain("mfu", _share),
  "FLOPs a pair": _plain("flops_per_pair", _scaled),
  "Steps compiled": (
    "step_compilations",
    lambda run: (
      f"{run['step_compilations']} in {duration(run['compile_seconds'])}"
    ),
  ),
  "Negatives a query": _plain("negatives_per_query", count),
  "Peak memory": (
    "peak_memory_bytes",
    lambda run: (
      f"{count(run['peak_memory_bytes'] / 2**30)} GiB a {run['peak_memory_of']}"
    ),
  ),
}
