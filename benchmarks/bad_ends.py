"""Runs under what disks, users, terminals and paths do: done, or one line.

  PYTHONPATH=. python benchmarks/bad_ends.py --out=bad_ends.json

A run of a few steps is started on a full disk, with a cache that cannot be
written or is damaged, without a home, with other encodings and closed outputs,
and in odd paths. It must end with status 0 and what the undisturbed run ends
with, or with a status of its own and one line; then the same command, once the
trouble is over, must end with status 0 and the same. Full and read-only disks
are mounted, which needs a superuser; what cannot be tried says why.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.workers import tiny_run

# Hides the library whose check of an export takes most of the time.
_HOOK = pathlib.Path(__file__).parent / "workers" / "kill_hook"
_NOBODY = 65534
_PATHS = {
  "spaces": "a run of mine",
  "brackets": "run [x] (y)",
  "quotes": 'it\'s a "run"',
  "unicode": "läuft-中-हिन्दी",
  "stars": "*run?",
  "percent": "%20#run&",
  "long": "x" * 200,
  "newline": "a\nrun",
}
_ENCODINGS = {
  "LC_ALL=C": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
  "ascii": {"PYTHONIOENCODING": "ascii"},
  "latin-1": {"PYTHONIOENCODING": "latin-1"},
  "no HOME": {"HOME": None, "XDG_CACHE_HOME": None},
  "HOME=/dev/null": {"HOME": "/dev/null", "XDG_CACHE_HOME": None},
}
_OUTPUTS = (">&-", "2>&-", ">&- 2>&-", ">/dev/full", "| true")
_SIZES = ("64k", "192k", "512k", "1m")


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--only", default="", help="names that begin so")
  parser.add_argument("--folder", help="where the runs lie; else a temporary")
  parser.add_argument("--out", help="JSON file of what was found")
  args = parser.parse_args()
  with tempfile.TemporaryDirectory() as aside:
    folder = pathlib.Path(args.folder or aside).absolute()
    found = try_each(folder, only=args.only)
  if args.out:
    text = json.dumps(found, indent=1)
    pathlib.Path(args.out).write_text(text + "\n", "utf-8")
  bad = [x["name"] for x in found if x.get("ok") is False]
  print(f"{len(found)} tried, {len(bad)} ended otherwise: {', '.join(bad)}")
  sys.exit(bool(bad))


def try_each(folder: pathlib.Path, *, only: str = "") -> list[dict[str, Any]]:
  """What each trial ended with."""
  folder.mkdir(parents=True, exist_ok=True)
  if not (folder / "data").is_dir():
    tiny_run.data(folder / "data")
  whole = folder / "whole"
  if not (whole / "export").is_dir():
    _start(_flags(folder, whole), prefix=(), shell="", env={})
  wanted = tiny_run.outcome(whole)
  found = []
  for name, trial in _trials(folder):
    if not name.startswith(only):
      continue
    place = folder / "trial"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    found.append(_tried(name, trial, place, wanted))
    print(json.dumps(found[-1]), flush=True)
  return found


def _tried(name, trial, place, wanted) -> dict[str, Any]:
  begun = time.monotonic()
  row: dict[str, Any] = {"name": name}
  try:
    done, workdir, again = trial(place)
  except (OSError, subprocess.CalledProcessError) as error:
    return {**row, "not_tried": str(error)}
  said = [x for x in done.stderr.strip().splitlines() if x.strip()]
  row |= {"status": done.returncode, "line": said[-1][:300] if said else ""}
  row["traceback"] = "Traceback" in done.stderr
  if done.returncode:
    row["one_line"] = row["line"].startswith("error: ")
    row["after"] = again().returncode
  row["alike"] = False
  with contextlib.suppress(OSError, ValueError):
    row["alike"] = tiny_run.outcome(workdir) == wanted
  row["ok"] = row["alike"] and not row["traceback"]
  row["ok"] &= row.get("one_line", True) and not row.get("after", 0)
  row["seconds"] = round(time.monotonic() - begun, 1)
  _unmount(place / "disk")
  return row


def _trials(folder: pathlib.Path) -> Iterator[tuple[str, Any]]:
  """Names, and functions of a place.

  These return the finished process, its run's folder, and what runs the same
  command again without the trouble.
  """

  def plain(workdir, *, prefix=(), shell="", cache=None, env=None):
    def again(**changed):
      options = {"prefix": prefix, "shell": shell, "env": env} | changed
      return _start(_flags(folder, workdir, cache), **options)

    return again(), workdir, lambda: again(prefix=(), shell="", env={})

  for name, part in _PATHS.items():
    yield f"path {name}", lambda place, p=part: plain(place / p)
  for name, env in _ENCODINGS.items():
    yield (
      name,
      lambda place, e=env: plain(
        place / "run", env=e, cache="" if "HOME" in e else None
      ),
    )
  for shell in _OUTPUTS:
    yield (
      f"output {shell}",
      lambda place, s=shell: plain(place / "run", shell=s),
    )

  def read_only(place):
    disk = _mount(place / "disk", "8m")
    shutil.copytree(folder / "cache" / "tokens", disk / "tokens")
    _command("mount", "-o", "remount,ro", str(disk))
    return plain(place / "run", cache=str(disk))

  yield "cache read-only", read_only

  def not_ours(place):
    (place / "cache").mkdir(mode=0o755)
    os.chmod(place, 0o777)
    prefix = ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}")
    _command(*prefix, "--clear-groups", sys.executable, "-c", "")
    return plain(
      place / "run",
      cache=str(place / "cache"),
      prefix=(*prefix, "--clear-groups"),
      env={"HOME": "/nonexistent"},
    )

  yield "cache of another user", not_ours

  def full_cache(place):
    return plain(place / "run", cache=str(_mount(place / "disk", "16k")))

  yield "cache full", full_cache

  def damaged(place):
    shutil.copytree(folder / "cache", place / "cache")
    for path in (place / "cache").rglob("*"):
      if path.is_file() and path.suffix in (".npz", ".npy", ".json"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return plain(place / "run", cache=str(place / "cache"))

  yield "cache damaged", damaged
  for size in _SIZES:

    def full(place, size=size):
      disk = _mount(place / "disk", size)
      done, workdir, again = plain(disk / "run")
      _command("mount", "-o", "remount,size=64m", str(disk))
      return done, workdir, again

    yield f"disk of {size}", full


def _start(arguments, *, prefix, shell, env):
  env = {"PYTHONPATH": str(_HOOK), **(env or {})}
  if not shell:
    return tiny_run.run(arguments, prefix=prefix, env=env)
  inner = ("bash", "-c", f'"$0" "$@" {shell}; exit "${{PIPESTATUS[0]}}"')
  return tiny_run.run(arguments, prefix=(*prefix, *inner), env=env)


def _flags(folder, workdir, cache=None) -> list[str]:
  if cache is None:
    cache = folder / "cache"
  made = tiny_run.flags(workdir, folder / "data", pathlib.Path(cache or "."))
  if cache == "":
    made = [x for x in made if not x.startswith("--config.cache=")]
  return made


def _mount(place, size) -> pathlib.Path:
  place.mkdir()
  _command("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
  return place


def _unmount(place) -> None:
  if place.is_mount():
    _command("umount", "-l", str(place))


def _command(*words: str) -> None:
  subprocess.run(words, check=True, capture_output=True)


if __name__ == "__main__":
  main()
