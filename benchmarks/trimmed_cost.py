"""What a step costs with a whole vocabulary and with a trimmed one, in turn.

  PYTHONPATH=. python benchmarks/trimmed_cost.py --whole=MODEL \
      --trimmed=runs/me5_small_trimmed --study=runs/trimmed --data=DATA

Trains a few steps of configs/study/trimmed.py from each, one after the other in
a process of its own, `--turns` times, and prints a JSON line of each: the
median of a step's seconds without the first record, the process's peak memory,
and what a checkpoint takes.
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import pathlib
import statistics
import tempfile

import hybridret_jax as hr
from hybridret_jax import shipped
from hybridret_jax.study import design

_GIB = 2**30


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--whole", required=True)
  parser.add_argument("--trimmed", required=True)
  parser.add_argument("--study", required=True, help="with the study's data")
  parser.add_argument("--data", required=True, help="folder of the tasks")
  parser.add_argument("--frozen", default="embeddings")
  parser.add_argument("--steps", type=int, default=25)
  parser.add_argument("--turns", type=int, default=2)
  args = parser.parse_args()
  for _ in range(args.turns):
    for name in ("whole", "trimmed"):
      with concurrent.futures.ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn")
      ) as process:
        found = process.submit(
          trained,
          getattr(args, name),
          args.study,
          args.data,
          args.steps,
          args.frozen,
        ).result()
      print(json.dumps({"model": name, "frozen": args.frozen, **found}))


def trained(
  model: str, study: str, data: str, steps: int, frozen: str
) -> dict[str, float]:
  """Seconds of a step, peak memory and bytes of a checkpoint."""
  config = shipped.get_config("study/trimmed").run.copy_and_resolve_references()
  place = str(pathlib.Path(study).absolute())
  with config.unlocked():
    config.model.init = model
    config.data.folder = data
    config.data.sources = tuple(
      name.replace(design.STUDY, place) for name in config.data.sources
    )
    config.evaluation.tasks = ()
    config.optimizer.frozen = tuple(x for x in frozen.split(",") if x)
    config.train.steps, config.train.log_every = steps, 5
  with tempfile.TemporaryDirectory() as folder:
    run = hr.train(config, folder)
    lines = (run / "metrics.jsonl").read_text("utf-8").splitlines()
    files = (run / "checkpoints" / str(steps)).rglob("*")
    size = sum(path.stat().st_size for path in files if path.is_file())
  records = [json.loads(line) for line in lines][1:]
  return {
    "seconds_per_step": statistics.median(
      record["train/seconds_per_step"] for record in records
    ),
    "peak_gib": max(x["train/peak_memory_bytes"] for x in records) / _GIB,
    "checkpoint_mb": size / 1e6,
  }


if __name__ == "__main__":
  main()
