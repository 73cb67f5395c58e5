"""Kills or freezes one of several processes; all must end, name it, and go on.

  PYTHONPATH=. python benchmarks/lost_processes.py --out=lost.jsonl

Each trial is a small training in several processes, started by the launcher
with one restart. In its middle one process gets SIGKILL or SIGSTOP. It is right
if the others end within a minute and name that process, and if the run then
finishes with the losses of an undisturbed one. What was tried stands in --out;
the same command goes on with what is left.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

ROOT = pathlib.Path(__file__).parents[1]
STEPS = 40
FLAGS = (
  "--config=configs/quickstart.py",
  "--config.model.scratch.hidden_size=32",
  "--config.model.scratch.mlp_size=64",
  "--config.model.tokenizer_size=4000",
  f"--config.train.steps={STEPS}",
  "--config.train.log_every=1",
  "--config.train.evaluate_every=0",
  "--config.train.checkpoint_every=5",
  "--config.optimizer.warmup_steps=2",
  "--mode=train",
)
TRIALS = tuple(
  (count, name, index)
  for count in (2, 4)
  for name in ("SIGKILL", "SIGSTOP")
  for index in (0, count - 1)
)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--out", default="lost.jsonl", help="what was tried")
  args = parser.parse_args()
  out = pathlib.Path(args.out)
  rows = (
    [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    if out.is_file()
    else []
  )
  tried = {(row["processes"], row["signal"], row["lost"]) for row in rows}
  wanted: dict[int, dict[int, float]] = {}
  for trial in TRIALS:
    if trial in tried:
      continue
    count = trial[0]
    with tempfile.TemporaryDirectory() as folder:
      if count not in wanted:
        wanted[count] = undisturbed(pathlib.Path(folder, "alone"), count)
      row = lose(pathlib.Path(folder, "run"), *trial, wanted[count])
    print(json.dumps(row), flush=True)
    with out.open("a", encoding="utf-8") as file:
      file.write(json.dumps(row) + "\n")
    rows.append(row)
  sys.exit(not all(is_right(row) for row in rows))


def is_right(row: dict[str, Any]) -> bool:
  """Whether a trial went as it should."""
  return (
    row["status"] == 0
    and row["alike"]
    and row["seconds_to_end"] <= 60
    and (row["signal"] == "SIGKILL" or row["named"])
  )


def undisturbed(workdir: pathlib.Path, count: int) -> dict[int, float]:
  """The losses of a run that nobody disturbs, by step."""
  launched(workdir, count, restarts=0).communicate()
  return losses(workdir)


def lose(
  workdir: pathlib.Path,
  count: int,
  name: str,
  index: int,
  wanted: dict[int, float],
) -> dict[str, Any]:
  """One trial; see the head of this file."""
  job = launched(workdir, count, restarts=1)
  while not (workdir / "checkpoints" / "10").is_dir():
    if job.poll() is not None:
      raise RuntimeError((job.stderr and job.stderr.read()) or "it ended")
    time.sleep(0.05)
  os.kill(processes(workdir)[index], signal.Signals[name])
  begun = time.monotonic()
  others = processes(workdir)
  others.pop(index, None)
  while any(is_there(pid) for pid in others.values()):
    time.sleep(0.1)
  ended = time.monotonic() - begun
  _, errors = job.communicate()
  logs = "".join(
    path.read_text("utf-8", "replace")
    for path in sorted((workdir / "logs").iterdir())
  )
  told = re.findall(r"error: process (\d+) of \d+", logs)
  named = sum(int(number) == index for number in told)
  shutil.rmtree(workdir / "checkpoints")
  return {
    "processes": count,
    "signal": name,
    "lost": index,
    "seconds_to_end": round(ended, 1),
    "named": named,
    "named_wrongly": len(told) - named,
    "restarts": errors.count("starting all processes again"),
    "status": job.returncode,
    "alike": losses(workdir) == wanted,
  }


def launched(
  workdir: pathlib.Path, count: int, *, restarts: int
) -> subprocess.Popen[str]:
  """The launcher with a training of so many processes."""
  return subprocess.Popen(
    [
      *("bash", ROOT / "launch/local_processes.sh", "-n", str(count), "--"),
      *FLAGS,
      f"--workdir={workdir}",
      f"--config.cache={workdir.parent}/cache",
    ],
    cwd=ROOT,
    env={**os.environ, "PYTHON": sys.executable, "RESTARTS": str(restarts)},
    stdin=subprocess.DEVNULL,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.PIPE,
    text=True,
  )


def processes(workdir: pathlib.Path) -> dict[int, int]:
  """Ids of a job's processes by their place in it."""
  found = {}
  for path in pathlib.Path("/proc").glob("[0-9]*"):
    try:
      words = (path / "cmdline").read_bytes().split(b"\0")
      place = re.search(
        rb"(?:^|\0)JAX_PROCESS_ID=(\d+)", (path / "environ").read_bytes()
      )
    except OSError:
      continue
    if place and f"--workdir={workdir}".encode() in words:
      found[int(place[1])] = int(path.name)
  return found


def is_there(pid: int) -> bool:
  """Whether a process runs still."""
  try:
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
  except OSError:
    return False
  return text.rpartition(")")[2].split()[0] not in "ZX"


def losses(workdir: pathlib.Path) -> dict[int, float]:
  """Of each step that was logged."""
  lines = (workdir / "metrics.jsonl").read_text("utf-8").splitlines()
  records = (json.loads(line) for line in lines)
  return {
    record["step"]: record["train/loss"]
    for record in records
    if "train/loss" in record
  }


if __name__ == "__main__":
  main()
