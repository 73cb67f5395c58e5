"""Everything that reads a run, beside its training: that ends as if alone.

  PYTHONPATH=. python benchmarks/beside_training.py --times=50

A run of some hundred steps saves a checkpoint after each while another process
evaluates, searches, exports, reports and plans in its folder, again and again.
The parameters of its last checkpoint must be, bit by bit, those of the same
training alone, and no reader may fail once there is a checkpoint.
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.workers import tiny_run

os.environ |= {"JAX_PLATFORMS": "cpu", **tiny_run.QUICK}

import jax  # noqa: E402
import numpy as np  # noqa: E402
from orbax.checkpoint import v1 as ocp  # noqa: E402

from configs import quickstart  # noqa: E402
from hybridret_jax import preflight  # noqa: E402
from hybridret_jax.assembly import devices  # noqa: E402
from hybridret_jax.training import checkpoint  # noqa: E402
from hybridret_jax.verbs import (  # noqa: E402
  evaluate,
  export,
  report,
  search,
)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--times", type=int, default=50, help="of each reader")
  parser.add_argument("--steps", type=int, default=300, help="of a training")
  parser.add_argument("--folder", help="where the runs lie; else a temporary")
  parser.add_argument("--out", help="JSON file of what was found")
  args = parser.parse_args()
  # The check of an export by another library takes most of the time.
  sys.modules["sentence_transformers"] = None  # type: ignore[assignment]
  with tempfile.TemporaryDirectory() as aside:
    found = beside(
      pathlib.Path(args.folder or aside).absolute(),
      times=args.times,
      steps=args.steps,
    )
  text = json.dumps(found, indent=1)
  print(text)
  if args.out:
    pathlib.Path(args.out).write_text(text + "\n", "utf-8")
  sys.exit(not found["alike"])


def beside(folder: pathlib.Path, *, times: int, steps: int) -> dict[str, Any]:
  """Trains alone, then beside readers until each has had its turns."""
  folder.mkdir(parents=True, exist_ok=True)
  if not (folder / "data").is_dir():
    tiny_run.data(folder / "data")
  shutil.rmtree(folder / "alone", ignore_errors=True)
  _train(folder, "alone", steps).wait()
  wanted = _last(folder / "alone")
  done: collections.Counter[str] = collections.Counter()
  failed: list[str] = []
  alike, statuses, number = [], [], 0
  begun = time.monotonic()
  while not done or min(done.values()) < times:
    name = f"beside_{number}"
    shutil.rmtree(folder / name, ignore_errors=True)
    training = _train(folder, name, steps)
    readers = _readers(folder, name, steps)
    while training.poll() is None:
      for reader, read in readers.items():
        try:
          _wait_for_a_checkpoint(folder / name, training)
          read()
          done[reader] += training.poll() is None
        except Exception as error:  # What a reader met is what is looked for.
          failed.append(f"{reader}: {type(error).__name__}: {error}")
    statuses.append(training.returncode)
    alike.append(_equal(_last(folder / name), wanted))
    number += 1
    print(f"training {number}: {alike[-1]}, {dict(done)}, {failed[-1:]}")
  return {
    "trainings": number,
    "statuses": statuses,
    "readers": dict(done),
    "failed": failed,
    "alike": all(alike) and not any(statuses) and not failed,
    "seconds": round(time.monotonic() - begun, 1),
  }


def _readers(folder, name, steps) -> dict[str, Callable[[], Any]]:
  config = quickstart.get_config()
  changes = _changes(folder) | {"train.steps": steps}
  with config.unlocked():
    config.update_from_flattened_dict(changes)
  workdir = folder / name
  devices.start(config)
  return {
    "evaluate": lambda: evaluate.evaluate(config, workdir),
    "search": lambda: search.search(config, workdir, "which river?"),
    "export": lambda: export.export(config, workdir),
    "report": lambda: report.report([workdir], folder / f"report_{name}"),
    "plan": lambda: preflight.plan(config, workdir, topology="cpu:1"),
  }


def _changes(folder) -> dict[str, Any]:
  changes = tiny_run.settings(folder / "data", folder / "cache")
  return changes | {"train.checkpoint_every": 1, "train.evaluate_every": 5}


def _train(folder, name, steps) -> subprocess.Popen:
  changes = _changes(folder) | {"train.steps": steps}
  more = [f"--config.{key}={value}" for key, value in changes.items()]
  cache = folder / "cache"
  made = tiny_run.flags(folder / name, folder / "data", cache, *more)
  with (folder / f"{name}.log").open("w") as log:
    return subprocess.Popen(
      [sys.executable, "-m", "hybridret_jax.main", "--mode=train", *made],
      cwd=tiny_run.ROOT,
      stdout=log,
      stderr=log,
    )


def _wait_for_a_checkpoint(workdir, training) -> None:
  while training.poll() is None and not checkpoint.saved(
    workdir / "checkpoints"
  ):
    time.sleep(0.05)


def _last(workdir) -> dict[str, np.ndarray]:
  """All arrays of the newest checkpoint, by their path."""
  newest = checkpoint.saved(workdir / "checkpoints")[-1]
  tree = ocp.load(str(workdir / "checkpoints" / str(newest.step)))
  return {
    jax.tree_util.keystr(path): np.asarray(leaf)
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def _equal(one, other) -> bool:
  return one.keys() == other.keys() and all(
    one[key].tobytes() == other[key].tobytes() for key in one
  )


if __name__ == "__main__":
  main()
