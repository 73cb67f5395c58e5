"""Tells a run to end at moments by chance; it must save, and go on to the same.

  PYTHONPATH=. python benchmarks/preemptions.py --signals=100

A run is told to end (SIGTERM, every fourth time SIGINT) while it starts,
compiles, trains, evaluates or exports, and the same command is run again, until
one gets to its end undisturbed. Each signal must find every step that was done
in a checkpoint, and what comes out at last must be what an undisturbed run
gives: the same figures and the same bytes. Every signal stands in --out, a line
each; the same command goes on with what is left.
"""

import argparse
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.workers import tiny_run
from hybridret_jax.reporting import training_log
from hybridret_jax.training import checkpoint

STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}
_SIGINTS = 4  # Every fourth.
_LONGEST = 300.0  # Seconds that an end may take.


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--signals", type=int, default=100)
  parser.add_argument("--in_a_row", type=int, default=4, help="of one run")
  parser.add_argument("--steps", type=int, default=60, help="of the run")
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument("--folder", help="where the runs lie; else a temporary")
  parser.add_argument("--out", default="signals.jsonl", help="what was tried")
  args = parser.parse_args()
  with tempfile.TemporaryDirectory() as aside:
    rows = tell_each(
      pathlib.Path(args.folder or aside).absolute(),
      pathlib.Path(args.out),
      signals=args.signals,
      in_a_row=args.in_a_row,
      steps=args.steps,
      seed=args.seed,
    )
  wrong = [row for row in rows if not is_right(row)]
  seconds = sorted(row["seconds_to_end"] for row in rows)
  print(
    f"{len(rows)} signals, {sum(r['lost'] for r in rows)} steps lost,"
    f" {len(wrong)} not as asked; seconds to the end: median"
    f" {seconds[len(seconds) // 2]:.1f}, longest {seconds[-1]:.1f}"
  )
  for row in wrong:
    print(json.dumps(row))
  sys.exit(bool(wrong))


def is_right(row: dict[str, Any]) -> bool:
  """Whether a signal did what it is to do."""
  # Before a process heeds signals, and behind its last word, they end it.
  unheeded = row["status"] == -signal.Signals[row["kind"]]
  known = unheeded or row["status"] in (*STATUS.values(), 0)
  return known and not row["lost"] and row["alike"] is not False


def tell_each(
  folder: pathlib.Path,
  out: pathlib.Path,
  *,
  signals: int,
  in_a_row: int = 4,
  steps: int = 60,
  seed: int = 0,
) -> list[dict[str, Any]]:
  """Sends what `out` does not say was sent; returns all.

  Args:
    folder: where the runs lie.
    out: a row for each signal: `kind`, `after` (seconds), `status`, `step`
      (the last one that was logged), `saved` (the newest checkpoint), `lost`,
      `seconds_to_end`; in the last one of a run, `alike`.
    signals: how many.
    in_a_row: how many a run gets before it is left alone.
    steps: of the run.
    seed: of the moments.
  """
  folder.mkdir(parents=True, exist_ok=True)
  if not (folder / "data").is_dir():
    tiny_run.data(folder / "data")
  begun, whole = time.monotonic(), folder / "whole"
  if not (whole / "run" / "export").is_dir():
    _run(folder, whole, steps)
  seconds = time.monotonic() - begun
  wanted = tiny_run.outcome(whole / "run")
  rows = _read(out)
  while len(rows) < signals:
    some = range(len(rows), min(len(rows) + in_a_row, signals))
    place = folder / "told"
    shutil.rmtree(place, ignore_errors=True)
    made = [_tell(folder, place, steps, seed, n, max(seconds, 8)) for n in some]
    _run(folder, place, steps)
    made[-1]["alike"] = tiny_run.outcome(place / "run") == wanted
    with out.open("a", encoding="utf-8") as file:
      file.writelines(json.dumps(row) + "\n" for row in made)
    rows += made
  return rows


def _tell(folder, place, steps, seed, number, seconds) -> dict[str, Any]:
  generator = random.Random(f"{seed} {number}")
  kind = signal.SIGINT if number % _SIGINTS == _SIGINTS - 1 else signal.SIGTERM
  after = generator.uniform(0.1, 1.0) * seconds
  process = _start(folder, place, steps)
  try:
    status = process.wait(timeout=after)
    told = time.monotonic()  # It was faster.
  except subprocess.TimeoutExpired:
    told = time.monotonic()
    process.send_signal(kind)
    status = process.wait(timeout=_LONGEST)
  saved = checkpoint.saved(place / "run" / "checkpoints")
  done = max(
    (row["step"] for row in training_log.read(place / "run")), default=0
  )
  newest = saved[-1].step if saved else 0
  return {
    "kind": kind.name,
    "after": round(after, 2),
    "status": status,
    "step": done,
    "saved": newest,
    "lost": max(done - newest, 0),
    "seconds_to_end": round(time.monotonic() - told, 2),
    "alike": None,
  }


def _start(folder, place, steps) -> subprocess.Popen:
  return tiny_run.start(
    tiny_run.flags(
      place / "run",
      folder / "data",
      folder / "cache",
      f"--config.train.steps={steps}",
      "--config.train.log_every=1",
      "--config.train.evaluate_every=10",
      "--config.train.checkpoint_every=25",
    ),
  )


def _run(folder, place, steps) -> None:
  process = _start(folder, place, steps)
  if process.wait():
    raise RuntimeError(f"an undisturbed run ended with {process.returncode}")


def _read(out: pathlib.Path) -> list[dict[str, Any]]:
  if not out.is_file():
    return []
  return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


if __name__ == "__main__":
  main()
