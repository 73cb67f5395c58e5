"""Seconds of a step with gradient caching, beside steps without it.

  PYTHONPATH=. python benchmarks/grad_cache_cost.py --out=grad_cache_cost.json \
      --config.model.init=FOLDER --config.data.folder=DATA

Gradient caching embeds a batch twice, so it is compared with the plain step
that also does: the one whose backward pass computes everything again
(`remat="full"`). The step that keeps everything (`remat="none"`) stands beside.
All take turns at the same batches, from the same weights.
"""

import json
import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

import tabulate
from absl import app, flags
from ml_collections import config_flags

from benchmarks.workers import our_training, turns

# (remat, whether in chunks): in chunks, "none" computes everything twice too.
WAYS = {
  "chunks": ("none", True),
  "whole, computed twice": ("full", False),
  "whole, kept": ("none", False),
}
_CONFIG = config_flags.DEFINE_config_file(
  "config", str(pathlib.Path(__file__).with_name("speed_config.py"))
)
_STEPS = flags.DEFINE_integer("steps", 5, "Steps of each.", 1)
_CHUNK_TOKENS = flags.DEFINE_multi_integer(
  "chunk_tokens", [2048], "Tokens of a chunk; may be repeated."
)
_OUT = flags.DEFINE_string("out", None, "JSON file of all figures.")


def main(argv: Sequence[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument {argv[1]!r}")
  made = {
    (way, tokens): start(remat, tokens)
    for way, (remat, chunked) in WAYS.items()
    for tokens in (_CHUNK_TOKENS.value if chunked else [0])
  }
  batches = next(iter(made.values())).batches(_STEPS.value)
  shapes = [batch["shape"] for batch in batches]
  found: dict[tuple[str, int], list[dict[str, Any]]] = {key: [] for key in made}
  for training in made.values():
    for shape in dict.fromkeys(shapes):  # Compiled before time is taken.
      training.step(shapes.index(shape))
    training.reset()
  for step in range(_STEPS.value):
    for key in list(made) if step % 2 else reversed(made):
      found[key].append(made[key].step(step))
  rows = summary(found)
  print(tabulate.tabulate(rows, "keys", tablefmt="github", floatfmt=".3f"))
  turns.save(
    {
      "machine": turns.machine(turns.use_processors(0)),
      "settings": json.loads(_CONFIG.value.to_json()),
      "rows": rows,
      "steps": [
        {"way": way, "chunk_tokens": tokens, "steps": answers}
        for (way, tokens), answers in found.items()
      ],
    },
    _OUT.value,
  )


def start(remat: str, chunk_tokens: int) -> our_training.Training:
  """A run that waits for its first step."""
  config = _CONFIG.value.copy_and_resolve_references()
  config.update(
    {
      "model": {"remat": remat, "dropout": 0.0, "attention_dropout": 0.0},
      "optimizer": {"schedule": "constant", "warmup_steps": 0},
      "train": {"chunk_tokens": chunk_tokens},
    }
  )
  training = our_training.Training()
  training.start(json.loads(config.to_json()))
  training.reset()
  return training


def summary(
  found: dict[tuple[str, int], list[dict[str, Any]]],
) -> list[dict[str, Any]]:
  """A row a way: seconds, and its ratios to the steps without chunks.

  Raises:
    ValueError: losses differ, or a program was compiled while time was taken.
  """
  whole = [
    [step["seconds"] for step in found[way, 0]]
    for way, (_, chunked) in WAYS.items()
    if not chunked
  ]
  first = {answers[0]["loss"] for answers in found.values()}
  if max(first) - min(first) > 1e-4 * max(first):
    raise ValueError(f"the first losses differ: {sorted(first)}")
  if any(s["programs_compiled"] for steps in found.values() for s in steps):
    raise ValueError("a program was compiled while time was taken")
  rows = []
  for (way, tokens), answers in found.items():
    seconds = [step["seconds"] for step in answers]
    twice, kept = (
      statistics.median(a / b for a, b in zip(seconds, other, strict=True))
      for other in whole
    )
    rows.append(
      {
        "step": way,
        "tokens of a chunk": tokens or "",
        "seconds": statistics.median(seconds),
        "to computed twice": twice,
        "to kept": kept,
      }
    )
  return rows


if __name__ == "__main__":
  app.run(main)
