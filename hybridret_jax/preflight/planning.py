"""Compiles the train step for devices that are not here: does it fit?"""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import ml_collections

from hybridret_jax.assembly import settled
from hybridret_jax.ground import writing
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.preflight import compiled as compiling
from hybridret_jax.preflight import figures, largest, topologies

FILE = "preflight.json"
_GIB = 2**30
_SEARCHES = {
  "chunk": ("train.chunk_tokens", largest.chunk),
  "batch": ("batches.batch_size", largest.batch),
}


def plan(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path | None = None,
  *,
  topology: str,
  mean_tokens: Sequence[float] = (),
  shortest: int = 5,
  search: str | None = None,
  utilisation: float = 0.4,
) -> bool:
  """Prints what a config needs on a topology; whether it fits.

  No device but the CPU is touched, no data read, no weights loaded.

  Args:
    config: the whole config.
    workdir: where `FILE` is written too, if given.
    topology: see `topologies.of`.
    mean_tokens: of a query and of a passage; empty takes the lengths that they
      are cut at.
    shortest: tokens of the shortest text.
    search: "chunk" looks for the largest train.chunk_tokens that fits, "batch"
      for the largest batches.batch_size; whether any fits is then returned.
    utilisation: share of the peak at which pairs per second are bounded.

  Raises:
    ValueError: a setting or an assumption that cannot be.
  """
  if not 0 < utilisation <= 1:
    raise ValueError(
      f"utilisation {utilisation} is not above 0 and at most 1; use 0.4 or so"
    )
  texts = _texts(config, mean_tokens, shortest)
  slice_ = topologies.of(topology)
  key, find = _SEARCHES[search or "batch"]
  name = key.split(".")[-1]
  trials = []

  def attempt(settings: dict[str, int]) -> bool:
    changed = config.copy_and_resolve_references()
    changed.update_from_flattened_dict(settings)
    compiled = compiling.compile_step(changed, slice_, texts)
    trials.append(
      figures.figures(changed, slice_, texts, compiled, utilisation=utilisation)
    )
    if search:
      print(_trial(trials[-1]), flush=True)
    return trials[-1]["fits"]

  def left(number: int) -> int | None:
    """Bytes that were free with that number, where that is known."""
    trial = next(trial for trial in trials if trial[name] == number)
    most = trial["capacity_bytes"]
    return None if most is None else most - trial["needed_bytes"]

  if search is None:
    attempt({})
    found = trials[0]
  else:
    slices = meshes.slices(slice_.mesh(**config.mesh))
    best = find(config, texts, slices, lambda n: attempt({key: n}), left)
    found = next((t for t in trials if t[name] == best), trials[-1])
  if workdir is not None:
    saved = {"figures": found, "trials": trials}
    writing.write(workdir / FILE, json.dumps(saved, indent=2) + "\n")
  print(text(found), flush=True)
  return found["fits"]


def text(figures: dict[str, Any]) -> str:
  """Figures of one compiled step, to be read."""
  return "\n".join(
    [
      *_what(figures),
      "",
      *_memory(figures),
      "",
      *_moved(figures),
      "",
      *_arithmetic(figures),
    ]
  )


def _texts(config, mean_tokens, shortest):
  config = settled.of(config, download=False)
  if shortest < 1:
    raise ValueError(f"{shortest} tokens of the shortest text; give 1 or more")
  longest = (config.data.query_length, config.data.passage_length)
  means = tuple(mean_tokens) or longest
  if len(means) != 2:
    raise ValueError(
      f"mean_tokens {','.join(map(str, means))}: give two numbers,"
      " QUERY,PASSAGE"
    )
  for side, mean, most in zip(
    ("query", "passage"), means, longest, strict=True
  ):
    if not shortest <= mean <= most:
      raise ValueError(
        f"{mean:g} tokens of a {side} on average are not between the shortest"
        f" text's {shortest} and data.{side}_length {most}"
      )
  return compiling.Texts(*means, shortest=shortest)


def _what(figures):
  mesh = " x ".join(f"{axis} {n}" for axis, n in figures["mesh"].items())
  encoder, assumed = figures["encoder"], figures["assumed"]
  yield (
    f"{figures['topology']}: {figures['devices']} x {figures['device_kind']},"
    f" mesh {mesh}"
  )
  yield (
    f"{figures['model']} in {encoder['dtype']}, remat {encoder['remat']},"
    f" attention {encoder['attention']}"
  )
  for name, tiers in figures["rows"].items():
    rows = " and ".join(f"{count:,} of {length}" for count, length in tiers)
    of = "" if name == "both" else f" ({name})"
    chunks = figures["chunks"][name]
    yield (
      f"{figures['batch_size']:,} pairs in rows: {rows} tokens{of},"
      f" {chunks} chunk(s) of them on each device"
    )
  means = (
    "rows as packing.row_counts gives them"
    if assumed["rows_are_given"]
    else f"queries of {assumed['query_tokens']:g} and passages of"
    f" {assumed['passage_tokens']:g} tokens on average, rows"
    f" {assumed['rows_full']:.0%} full"
  )
  yield f"Assumed: {means}, no text below {assumed['shortest_text']} tokens."
  multiple, needed = figures["row_multiple"], figures["row_multiple_needed"]
  if multiple != needed:
    yield (
      f"To train here, set packing.row_multiple={needed} (it is {multiple}):"
      " rows split over the slices."
    )


def _memory(figures):
  memory, capacity = figures["memory_bytes"], figures["capacity_bytes"]
  if figures["failed"]:
    yield (
      f"DOES NOT COMPILE: the compiler makes a mistake ({figures['failed']});"
      " try another batch or another version of it"
    )
    return
  if memory is None:
    yield "The compiler refuses it; what it says it needs leaves arguments out."
  for name, size in (memory or {}).items():
    yield f"{name:<12}{size / _GIB:>8.2f} GiB on each device"
  there = f" of {capacity / _GIB:.2f} GiB" if capacity else " GiB"
  verdict = "fits" if figures["fits"] else "DOES NOT FIT"
  yield f"{verdict}: {figures['needed_bytes'] / _GIB:.2f}{there}"


def _moved(figures):
  if figures["memory_bytes"] and not figures["collectives"]:
    yield "No device sends anything."
  for row in figures["collectives"]:
    times = (
      f"{row['count']}x" if row["counted"] else f"at least {row['count']}x"
    )
    yield (
      f"{row['purpose']:<12}{row['kind']:<20}{times:>5}"
      f"{row['bytes'] / 1e6:>12,.3f} MB sent by each device a step"
    )


def _arithmetic(figures):
  flops = figures["flops_per_pair"]
  yield (
    f"{flops['model'] / 1e9:,.2f} GFLOP a pair;"
    f" {flops['hardware'] / 1e9:,.2f} with padding and what is computed twice"
  )
  bound = figures["pairs_per_second_bound"]
  if bound:
    yield (
      f"{bound:,.0f} pairs/s if the devices reach"
      f" {figures['utilisation']:.0%} of their peak: a bound by arithmetic, not"
      " a measurement"
    )


def _trial(figures):
  return (
    f"batch_size {figures['batch_size']:,}, chunk_tokens"
    f" {figures['chunk_tokens']:,}: {list(_memory(figures))[-1]}"
    f" ({figures['compile_seconds']:.0f} s)"
  )
