"""Runs a part of the accelerator's benchmark and writes what it gives as JSON.

  PYTHONPATH=. python -m benchmarks.accelerator.run PART OUT [--size=toy]

Parts are "attention", "scores", "profile:MODEL" and "train:MODEL", of which
each case is saved as it ends: the same command goes on with what is left.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
from typing import Any

import jax

from benchmarks.accelerator import (
  attention_paths,
  profile_step,
  score_candidates,
  train_steps,
)

_VERSIONS = ("jax", "jaxlib", "flax", "optax", "numpy")


def main() -> None:
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("part")
  parser.add_argument("out", type=pathlib.Path)
  parser.add_argument("--size", choices=("full", "toy"), default="full")
  args = parser.parse_args()
  args.out.mkdir(parents=True, exist_ok=True)
  path = args.out / f"{args.part.replace(':', '_')}.json"
  part, _, name = args.part.partition(":")
  if part == "train":
    train(name, path)
  elif part == "profile":
    save(path, profile_step.measure(name))
  else:
    parts = {"attention": attention_paths, "scores": score_candidates}
    save(path, parts[part].measure(args.size))


def train(name: str, path: pathlib.Path) -> None:
  """Every case of a model that the file does not have yet."""
  rows = json.loads(path.read_text("utf-8"))["rows"] if path.exists() else []
  for pairs, lengths, chunk in train_steps.CASES[name][len(rows) :]:
    rows.append(train_steps.measure(name, (pairs, lengths, chunk)))
    print(rows[-1], flush=True)
    save(path, rows)


def save(path: pathlib.Path, rows: list[dict[str, Any]]) -> None:
  """Writes rows, and what they were measured on and with."""
  device = jax.devices()[0]
  stats = device.memory_stats() or {}
  saved = {
    "device": device.device_kind,
    "platform": device.platform,
    "memory_bytes": stats.get("bytes_limit"),
    "python": platform.python_version(),
    "versions": {name: importlib.metadata.version(name) for name in _VERSIONS},
    "rows": rows,
  }
  new = path.with_suffix(".new")
  new.write_text(json.dumps(saved, indent=1) + "\n", "utf-8")
  os.replace(new, path)


if __name__ == "__main__":
  main()
