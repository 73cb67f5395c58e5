"""Files of strangers: no code runs, nothing is written, a line for each."""

import json
import os
import pathlib
import pickle
import subprocess
import sys

import pytest

from benchmarks import hostile_files, hostile_kinds

ROOT = pathlib.Path(__file__).parents[2]
# Stands for a file that gets its way.
HARM = """
import pathlib, pickle, sys
from benchmarks import hostile_files, hostile_kinds
def make(folder):
  (folder / "x").write_bytes(pickle.dumps(hostile_kinds.Harm()))
def write(folder):
  (folder.parent.parent / "hostile-file-wrote").touch()
def loop(folder):
  while True: pass
hostile_files.SECONDS = 1
read = {
  "pickle": lambda folder: pickle.loads((folder / "x").read_bytes()),
  "write": write,
  "loop": loop,
  "mistake": lambda folder: {}["x"],
}[sys.argv[1]]
case = hostile_kinds.Case("planted", "x", make, read)
hostile_kinds.cases = lambda: [case]
sys.argv[1:] = []
hostile_files.main()
"""


def run(*arguments, **settings):
  return subprocess.run(
    [sys.executable, *map(str, arguments)],
    cwd=ROOT,
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
    timeout=600,
    check=False,
    **settings,
  )


def test_each_is_refused_in_a_line_or_does_nothing(tmp_path):
  out = tmp_path / "hostile.json"
  canary = pathlib.Path("/tmp/hostile_file_ran")
  canary.unlink(missing_ok=True)
  done = run("benchmarks/hostile_files.py", f"--out={out}")
  assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
  rows = json.loads(out.read_text())
  names = [(row["kind"], row["name"]) for row in rows]
  assert len(names) == len(set(names)) >= 100
  assert not canary.exists()
  refused = [row for row in rows if row["outcome"] == hostile_kinds.REFUSED]
  assert len(refused) >= len(rows) - 5
  for row in refused:
    # A place, what is wrong, and what to do.
    assert row["said"].count(": ") >= 1 and "; " in row["said"], row


@pytest.mark.parametrize(
  ("harm", "seen"),
  [
    ("pickle", "pickle.find_class"),
    ("write", "hostile-file-wrote"),
    ("loop", "mistake of the program: TimeoutError"),
    ("mistake", "mistake of the program: KeyError"),
  ],
)
def test_what_gets_its_way_is_seen(harm, seen):
  done = run("-c", HARM, harm)
  assert done.returncode == 1 and seen in done.stdout, done.stdout + done.stderr
  for path in ("/tmp/hostile-file-wrote", "/tmp/hostile_file_ran"):
    pathlib.Path(path).unlink(missing_ok=True)


def test_what_is_wrong_with_a_row():
  row = {
    "outcome": "refused",
    "wanted": "refused",
    "events": [],
    "seconds": 1.0,
    "grown_bytes": 0,
    "said": "a.jsonl:1: what; mend",
  }
  assert hostile_files.is_right(row)
  for wrong in (
    {"outcome": "read"},
    {"events": ["os.system"]},
    {"seconds": 31.0},
    {"grown_bytes": 2**33},
    {"said": "a mistake of the program: x"},
    {"said": "\x1b[2J"},
    {"said": "x" * 3000},
  ):
    assert not hostile_files.is_right(row | wrong)
  assert pickle.dumps(hostile_kinds.Harm())
