"""How the command ends: done, or in one line, and nothing foreign touched."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from benchmarks import kills
from benchmarks.workers import tiny_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Data and a cache, which all runs here share."""
  folder = tmp_path_factory.mktemp("ends")
  tiny_run.data(folder / "data")
  return folder


def flags(folder, workdir, *more):
  return tiny_run.flags(workdir, folder / "data", folder / "cache", *more)


def run(folder, workdir, *more, **options):
  environment = {"PYTHONPATH": str(kills.HOOK), **options.pop("env", {})}
  return tiny_run.run(flags(folder, workdir, *more), env=environment, **options)


def listed(folder):
  return {
    str(path.relative_to(folder)): path.stat().st_mtime_ns
    for path in folder.rglob("*")
    if path.is_file()
  }


@pytest.fixture(scope="module")
def whole(folder):
  """A run that nothing has disturbed."""
  done = run(folder, folder / "whole")
  assert done.returncode == 0, done.stderr[-2000:]
  return folder / "whole"


def refused(done, said):
  """Whether a command ended in one line that says so."""
  lines = done.stderr.strip().splitlines()
  assert done.returncode == 1, done.stderr[-2000:]
  assert lines[-1].startswith("error: ") and said in lines[-1], lines[-3:]
  assert "Traceback" not in done.stderr


def test_a_finished_run_repeated_trains_nothing(folder, whole):
  before = tiny_run.outcome(whole)
  checkpoints = listed(whole / "checkpoints")
  done = run(folder, whole)
  assert done.returncode == 0
  assert "nothing is left to train" in done.stderr
  assert listed(whole / "checkpoints") == checkpoints
  assert tiny_run.outcome(whole) == before


def test_an_odd_path_and_terminal_end_alike(folder, whole, tmp_path):
  workdir = tmp_path / "läuft [x] 'q' \"中\" *"
  done = run(
    folder,
    workdir,
    env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
    prefix=("bash", "-c", 'exec "$0" "$@" >&-'),
  )
  assert done.returncode == 0, done.stderr[-2000:]
  assert tiny_run.outcome(workdir) == tiny_run.outcome(whole)


@pytest.mark.parametrize(
  "target", ["checkpoints", ".", "../precious", "results/task"]
)
def test_an_export_does_not_replace_what_is_foreign(folder, whole, target):
  (folder / "precious").mkdir(exist_ok=True)
  (folder / "precious" / "thesis.tex").write_text("years of work")
  before = listed(folder)
  done = run(folder, whole, "--mode=export", f"--config.export.folder={target}")
  refused(done, "nothing is written")
  assert listed(folder) == before


def test_a_run_does_not_go_into_a_foreign_folder(folder, tmp_path):
  (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
  before = listed(tmp_path)
  refused(run(folder, tmp_path), "is not a run's config")
  assert listed(tmp_path) == before


def test_files_that_may_not_grow_end_it_in_a_line(folder, whole, tmp_path):
  """As a full disk does; and the same command goes on once there is room."""
  workdir = tmp_path / "run"
  small = ("bash", "-c", 'ulimit -f 24; exec "$0" "$@"')
  done = run(folder, workdir, prefix=small)
  refused(done, str(tmp_path))
  done = run(folder, workdir)
  assert done.returncode == 0, done.stderr[-2000:]
  assert tiny_run.outcome(workdir) == tiny_run.outcome(whole)


def test_an_answer_that_cannot_be_printed_is_an_error(folder, whole):
  before = listed(whole)
  done = run(
    folder,
    whole,
    "--mode=search",
    "which river?",
    prefix=("bash", "-c", 'exec "$0" "$@" >/dev/full'),
  )
  refused(done, "standard output: No space left on device")
  assert listed(whole) == before


def test_an_interrupt_is_a_line(folder, tmp_path):
  workdir = tmp_path / "run"
  environment = {**os.environ, **tiny_run.QUICK, "JAX_PLATFORMS": "cpu"}
  process = subprocess.Popen(
    [
      *(sys.executable, "-m", "hybridret_jax.main", "--mode=train"),
      *flags(folder, workdir, "--config.train.steps=100000"),
    ],
    cwd=tiny_run.ROOT,
    env=environment,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.PIPE,
    text=True,
  )
  deadline = time.monotonic() + 300
  while not (workdir / "checkpoints" / "4").is_dir():
    assert process.poll() is None and time.monotonic() < deadline
    time.sleep(0.05)
  process.send_signal(signal.SIGINT)
  said = process.communicate(timeout=120)[1]
  assert process.returncode == 130
  assert said.splitlines()[-1].startswith("interrupted")
  assert "Traceback" not in said


def test_killed_at_what_it_writes_it_ends_alike(folder, tmp_path):
  tried = kills.kill_each(
    tmp_path / "kills", tmp_path / "kills.jsonl", kills=2, seed=1
  )
  assert len(tried) == 2 and any(x["killed"] for x in tried)
  assert all(x["alike"] for x in tried), tried


@pytest.mark.parametrize(
  ("flag", "of"),
  [
    ("--cell=next", "study"),
    ("--shard=0/2", "study"),
    ("--report_only", "study"),
    ("--join=a,b", "study"),
    ("--runs=a", "report"),
    ("--baseline=a", "report"),
    ("--topology=cpu:1", "plan"),
    ("--mean_tokens=1,2", "plan"),
  ],
)
def test_a_flag_of_another_mode_is_refused(flag, of, folder, tmp_path):
  done = run(folder, tmp_path / "run", flag)
  assert done.returncode == 1
  said = f"{flag.split('=')[0]} (of {of}): a run (no verb) does not use it"
  assert said in done.stdout + done.stderr
  assert not (tmp_path / "run").exists()
