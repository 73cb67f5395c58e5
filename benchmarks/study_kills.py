"""Kills a study at random moments, and compares its report with a whole one's.

  PYTHONPATH=. python benchmarks/study_kills.py --out=study_kills.json

Runs the quickstart's study once undisturbed, then again in another folder where
its worker and all that it started are killed at random moments, until it is
done. What the two report must be the same but for times and costs.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--config", default="configs/study/quickstart.py")
  parser.add_argument("--kills", type=int, default=10)
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument("--folder", help="where the studies lie, and stay")
  parser.add_argument("--out", help="JSON file of what was found")
  args = parser.parse_args()
  with tempfile.TemporaryDirectory() as aside:
    folder = pathlib.Path(args.folder or aside)
    found = compare(
      folder, config=args.config, kills=args.kills, seed=args.seed
    )
  text = json.dumps(found, indent=2)
  print(text)
  if args.out:
    pathlib.Path(args.out).write_text(text + "\n", "utf-8")
  sys.exit(not found["identical"])


def compare(
  folder: pathlib.Path, *, config: str, kills: int, seed: int
) -> dict[str, Any]:
  """Both runs, and whether their reports are the same.

  A kill comes at a moment between none and twice the seconds that a cell took
  in the undisturbed run, after each start.
  """
  command = [
    *(sys.executable, "-m", "hybridret_jax.main", "--mode=study"),
    *(f"--config={config}", f"--config.run.cache={folder / 'cache'}"),
  ]
  begun = time.monotonic()
  subprocess.run([*command, f"--workdir={folder / 'whole'}"], check=True)
  whole_seconds = time.monotonic() - begun
  cells = len(done(folder / "whole"))
  generator = random.Random(seed)
  moments, finished_twice = [], []
  killed = folder / "killed"
  known: dict[str, str] = {}
  for _ in range(kills):
    process = subprocess.Popen(
      [*command, f"--workdir={killed}"], start_new_session=True
    )
    seconds = generator.uniform(0, 2 * whole_seconds / cells)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = done(killed)
    finished_twice += [k for k, v in known.items() if finished.get(k) != v]
    known |= finished
    moments.append({"seconds": round(seconds, 1), "finished": len(finished)})
  subprocess.run([*command, f"--workdir={killed}"], check=True)
  reports = [report(folder / name) for name in ("whole", "killed")]
  finished_twice += [k for k, v in known.items() if done(killed).get(k) != v]
  return {
    "config": config,
    "seed": seed,
    "cells": cells,
    "kills": moments,
    "whole_seconds": round(whole_seconds, 1),
    "finished_twice": finished_twice,
    "attempts": sum(json.loads(x)["attempts"] for x in done(killed).values()),
    "differing": [k for k in reports[0] if reports[0][k] != reports[1].get(k)],
    "identical": reports[0] == reports[1] and not finished_twice,
  }


def done(workdir: pathlib.Path) -> dict[str, str]:
  """done.json of each finished cell."""
  paths = workdir.glob("cells/*/done.json")
  return {path.parent.name: path.read_text("utf-8") for path in paths}


def report(workdir: pathlib.Path) -> dict[str, Any]:
  """What a study reports, but for times and costs."""
  text = (workdir / "report" / "study.json").read_text("utf-8")
  return {k: v for k, v in json.loads(text).items() if k != "costs"}


if __name__ == "__main__":
  main()
