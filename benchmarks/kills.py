"""Kills a run at each file that it writes; the same command must end alike.

  PYTHONPATH=. python benchmarks/kills.py --kills=200 --out=kills.jsonl

A run of a few steps lists what it writes, in its folder and in its cache. Then
it is begun anew in folders of its own and killed just before or just after one
of these writes, or at a moment by chance, in which native code may be writing,
and the same command is run again: it must end with status 0, the same figures
and the same bytes in the export and the results. What was tried stands in
--out, a line each; the same command goes on with what is left.
"""

import argparse
import concurrent.futures
import json
import os
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

HOOK = pathlib.Path(__file__).parent / "workers" / "kill_hook"
_BY_CHANCE = 0.2  # Share of the kills at a moment by chance.


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--kills", type=int, default=200)
  parser.add_argument("--processes", type=int, default=2)
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument("--folder", help="where the runs lie; else a temporary")
  parser.add_argument("--out", default="kills.jsonl", help="what was tried")
  args = parser.parse_args()
  with tempfile.TemporaryDirectory() as aside:
    folder = pathlib.Path(args.folder or aside).absolute()
    tried = kill_each(
      folder,
      pathlib.Path(args.out),
      kills=args.kills,
      processes=args.processes,
      seed=args.seed,
    )
  wrong = [x for x in tried if not x["alike"]]
  seconds = sum(x["seconds"] for x in tried) / max(len(tried), 1)
  print(
    f"{len(tried)} kills of {len({tuple(x['at'][:2]) for x in tried})} writes,"
    f" {sum(x['killed'] for x in tried)} of them met; {len(wrong)} ended"
    f" otherwise; {seconds:.1f} s each"
  )
  for row in wrong:
    print(json.dumps(row))
  sys.exit(bool(wrong))


def kill_each(
  folder: pathlib.Path,
  out: pathlib.Path,
  *,
  kills: int,
  processes: int = 1,
  seed: int = 0,
) -> list[dict[str, Any]]:
  """Tries what `out` does not say was tried; returns all that was."""
  folder.mkdir(parents=True, exist_ok=True)
  if not (folder / "data").is_dir():
    tiny_run.data(folder / "data")
  writes, seconds, wanted = _undisturbed(folder)
  chosen = choose(writes, seconds, kills=kills, seed=seed)
  tried = _read(out)
  done = {json.dumps(x["at"]) for x in tried}
  left = [at for at in chosen if json.dumps(at) not in done]
  with concurrent.futures.ThreadPoolExecutor(processes) as pool:
    futures = [
      pool.submit(_try, folder, number, at, wanted)
      for number, at in enumerate(left, start=len(tried))
    ]
    for future in concurrent.futures.as_completed(futures):
      tried.append(future.result())
      with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(tried[-1]) + "\n")
  return tried


def choose(
  writes: list[list[Any]], seconds: float, *, kills: int, seed: int
) -> list[list[Any]]:
  """Which writes to be killed at: each path first, then the others by chance.

  Args:
    writes: [operation, path, how often before and with this one].
    seconds: of an undisturbed run.
    kills: how many.
    seed: of the choice.

  Returns:
    [operation, path, number, "before" or "after"], or ["time", "", 0, seconds].
  """
  generator = random.Random(seed)
  by_chance = [
    ["time", "", 0, round(generator.uniform(0.1, 1) * seconds, 2)]
    for _ in range(int(kills * _BY_CHANCE))
  ]
  each = [[*write, when] for write in writes for when in ("before", "after")]
  generator.shuffle(each)
  seen: set[tuple[Any, ...]] = set()
  first, others = [], []
  for at in each:
    key = (at[0], at[1], at[3])
    (others if key in seen else first).append(at)
    seen.add(key)
  return [*(first + others)[: kills - len(by_chance)], *by_chance]


def _undisturbed(folder):
  """(what a run writes, its seconds, how it ends), kept in the folder."""
  path = folder / "undisturbed.json"
  if not path.is_file():
    whole = folder / "whole"
    shutil.rmtree(whole, ignore_errors=True)
    # The first run fills the cache of compiled programs.
    _run(folder, whole / "warm")
    listed = folder / "writes.jsonl"
    listed.unlink(missing_ok=True)
    begun = time.monotonic()
    done = _run(folder, whole / "listed", KILL_LIST=str(listed))
    if done.returncode:
      raise RuntimeError(done.stderr[-2000:])
    found = {
      "writes": [json.loads(x) for x in listed.read_text().splitlines()],
      "seconds": time.monotonic() - begun,
      "outcome": tiny_run.outcome(whole / "listed" / "run"),
    }
    path.write_text(json.dumps(found), "utf-8")
  found = json.loads(path.read_text("utf-8"))
  return found["writes"], found["seconds"], found["outcome"]


def _try(folder, number, at, wanted) -> dict[str, Any]:
  """One kill and what came of it."""
  begun = time.monotonic()
  place = folder / f"kill_{number}"
  shutil.rmtree(place, ignore_errors=True)
  if at[0] == "time":
    status = _killed_after(folder, place, at[3])
  else:
    status = _run(folder, place, KILL_AT=json.dumps(at)).returncode
  again = _run(folder, place)
  row = {"at": at, "killed": status == -signal.SIGKILL}
  row |= {"status": again.returncode, "alike": False}
  if again.returncode:
    row["said"] = again.stderr[-500:]
  else:
    found = tiny_run.outcome(place / "run")
    row["alike"] = found == wanted
    row["differing"] = [k for k, v in wanted.items() if found.get(k) != v]
  row["left"] = sorted(
    str(x.relative_to(place))
    for x in place.rglob(".hybridret-*")
    if "compiled" not in x.parts
  )
  row["alike"] &= not row["left"]
  row["seconds"] = round(time.monotonic() - begun, 1)
  if row["alike"]:
    shutil.rmtree(place, ignore_errors=True)
  return row


def _run(folder, place, **environment) -> subprocess.CompletedProcess[str]:
  return tiny_run.run(
    _flags(folder, place), env=_environment(place, **environment)
  )


def _killed_after(folder, place, seconds) -> int:
  environment = {**os.environ, **tiny_run.QUICK, **_environment(place)}
  environment["JAX_PLATFORMS"] = "cpu"
  environment["PYTHONPATH"] += f":{tiny_run.ROOT}"
  process = subprocess.Popen(
    [sys.executable, "-m", "hybridret_jax.main", *_flags(folder, place)],
    cwd=tiny_run.ROOT,
    env=environment,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
  )
  try:
    return process.wait(timeout=seconds)
  except subprocess.TimeoutExpired:
    process.kill()
    return process.wait()


def _environment(place, **more):
  roots = os.pathsep.join(map(str, (place / "run", place / "cache")))
  return {"PYTHONPATH": str(HOOK), "KILL_ROOTS": roots, **more}


def _flags(folder, place) -> list[str]:
  compiled = folder / "compiled"
  compiled.mkdir(exist_ok=True)
  (place / "cache").mkdir(parents=True, exist_ok=True)
  link = place / "cache" / "compiled"
  if not link.is_symlink():
    link.symlink_to(compiled)
  return tiny_run.flags(place / "run", folder / "data", place / "cache")


def _read(out: pathlib.Path) -> list[dict[str, Any]]:
  if not out.is_file():
    return []
  return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


if __name__ == "__main__":
  main()
