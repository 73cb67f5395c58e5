"""Several processes on this machine: started, ended, and training as one."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# A program in the place of Python that does as it is told in its last word.
PROGRAM = """#!/bin/bash
trap 'echo saved; exit 143' TERM
echo "process $JAX_PROCESS_ID of $JAX_NUM_PROCESSES at" \\
  "$JAX_COORDINATOR_ADDRESS"
echo "$@"
case "${!#}" in
  --fail=$JAX_PROCESS_ID) echo "no disk is left"; exit 7 ;;
  --fail=* | --wait) for i in {1..600}; do sleep 0.1; done ;;
esac
"""
SMALL = (
  "--config.model.scratch.hidden_size=32",
  "--config.model.scratch.mlp_size=64",
  "--config.model.tokenizer_size=4000",
  "--config.train.steps=5",
  "--config.train.log_every=1",
  "--config.optimizer.warmup_steps=2",
  "--mode=train",
)


def launch(processes, *flags, **settings):
  return subprocess.Popen(
    ["bash", ROOT / "launch/local_processes.sh", "-n", str(processes), "--"]
    + list(flags),
    cwd=ROOT,
    env={**os.environ, **settings},
    stdin=subprocess.DEVNULL,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


@pytest.fixture
def program(tmp_path):
  path = tmp_path / "program"
  path.write_text(PROGRAM)
  path.chmod(0o755)
  return str(path)


def logs(workdir):
  paths = sorted((workdir / "logs").iterdir())
  return {path.name: path.read_text() for path in paths}


def test_each_process_knows_its_place_and_has_its_log(tmp_path, program):
  workdir = tmp_path / "a run"
  for _ in range(2):
    process = launch(3, f"--workdir={workdir}", "--x=1", PYTHON=program)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    # The first one's output of this time, not of the time before.
    assert out.startswith("process 0 of 3 at localhost:")
    assert len(out.splitlines()) == 2
  found = logs(workdir)
  assert list(found) == [f"process_{index}.log" for index in range(3)]
  addresses = set()
  for index, text in enumerate(found.values()):
    lines = text.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith(f"process {index} of 3 at localhost:")
    assert lines[1] == f"-m hybridret_jax.main --workdir={workdir} --x=1"
    addresses |= {lines[0].rpartition(" ")[2], lines[2].rpartition(" ")[2]}
  assert len(addresses) == 2  # A free port each time.


@pytest.mark.parametrize("index", [0, 2])
def test_one_that_fails_ends_the_others(tmp_path, program, index):
  process = launch(
    3, f"--workdir={tmp_path}/run", f"--fail={index}", PYTHON=program
  )
  out, errors = process.communicate(timeout=60)
  assert process.returncode == 7
  log = f"{tmp_path}/run/logs/process_{index}.log"
  assert f"process {index} ended with status 7; see {log}" in errors
  assert "no disk is left" in (errors if index else out)
  assert not running(program)


def test_one_that_is_killed_ends_the_others(tmp_path, program):
  process = launch(2, f"--workdir={tmp_path}/run", "--wait", PYTHON=program)
  started = wait_for_two(tmp_path / "run", program)
  os.kill(started[0], signal.SIGKILL)
  process.communicate(timeout=60)
  assert process.returncode == 128 + signal.SIGKILL
  assert not running(program)


@pytest.fixture
def interruptible():
  """What is started does not ignore SIGINT, even if this process does."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_ended_processes_may_save_first(tmp_path, program, with_signal):
  process = launch(2, f"--workdir={tmp_path}/run", "--wait", PYTHON=program)
  wait_for_two(tmp_path / "run", program)
  process.send_signal(with_signal)
  out, _ = process.communicate(timeout=60)
  assert process.returncode == 128 + with_signal
  assert not running(program)
  for text in logs(tmp_path / "run").values():
    assert text.endswith("saved\n")


def wait_for_two(workdir, program):
  """Their ids, once both have set their traps."""
  deadline = time.monotonic() + 60
  while time.monotonic() < deadline:
    if (workdir / "logs" / "process_1.log").exists() and all(
      "--wait" in text for text in logs(workdir).values()
    ):
      return running(program)
    time.sleep(0.1)
  raise AssertionError("they did not start")


def running(program):
  """Ids of the processes that run it."""
  found = []
  for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try:
      words = path.read_bytes().split(b"\0")
    except OSError:
      continue
    if program.encode() in words:
      found.append(int(path.parent.name))
  return sorted(found)


@pytest.fixture(scope="module")
def train(tmp_path_factory):
  """A function: number of processes, flags -> the run's folder and output."""
  cache = tmp_path_factory.mktemp("cache")
  trained = []

  def run(processes, *flags):
    workdir = tmp_path_factory.mktemp("runs") / f"in_{processes}"
    if trained:  # It would come out the same.
      shutil.copytree(trained[0] / "tokenizer", workdir / "tokenizer")
    process = launch(
      processes,
      "--config=configs/quickstart.py",
      f"--workdir={workdir}",
      f"--config.cache={cache}",
      *SMALL,
      *flags,
      PYTHON=sys.executable,
    )
    out, errors = process.communicate(timeout=900)
    assert process.returncode == 0, (out[-1000:], errors[-1000:])
    trained.append(workdir)
    return workdir, out

  return run


@pytest.fixture(scope="module")
def alone(train):
  return train(1, "--config.train.evaluate_every=5")


def records(workdir):
  lines = (workdir / "metrics.jsonl").read_text().splitlines()
  return [json.loads(line) for line in lines]


def losses(workdir):
  return {
    record["step"]: record["train/loss"]
    for record in records(workdir)
    if "train/loss" in record
  }


def test_two_processes_train_and_validate_as_one(train, alone):
  workdir, out = train(2, "--config.train.evaluate_every=5")
  one, two = records(alone[0]), records(workdir)
  # Every step once: only the first process has written.
  assert [record["step"] for record in two] == [r["step"] for r in one]
  assert losses(workdir) == pytest.approx(losses(alone[0]), rel=1e-5)
  figure = "eval/cldr_validation/selection"
  found, wanted = [
    [record[figure] for record in run if figure in record] for run in (two, one)
  ]
  assert found[0] == pytest.approx(wanted[0], rel=1e-3)
  # Hardly trained, candidates nearly tie: last bits decide on many ranks.
  assert found[1] == pytest.approx(wanted[1], rel=1e-2)
  assert len(found) == len(wanted) == 2
  assert len(list((workdir / "tensorboard").iterdir())) == 1
  assert (workdir / "checkpoints" / "5").is_dir()
  assert "5/5" in out
  assert "step/s" not in logs(workdir)["process_1.log"]


def test_four_processes_train_as_one(train, alone):
  workdir, _ = train(4, "--config.train.evaluate_every=0")
  assert list(losses(workdir)) == [1, 2, 3, 4, 5]
  assert losses(workdir) == pytest.approx(losses(alone[0]), rel=1e-5)


def test_all_start_again_where_one_is_killed(train, alone, tmp_path):
  """As often as is allowed, from the last checkpoint, to the same losses."""
  workdir = tmp_path / "run"
  shutil.copytree(alone[0] / "tokenizer", workdir / "tokenizer")
  process = launch(
    2,
    "--config=configs/quickstart.py",
    f"--workdir={workdir}",
    f"--config.cache={tmp_path}/cache",
    *SMALL,
    "--config.train.evaluate_every=0",
    "--config.train.checkpoint_every=1",
    PYTHON=sys.executable,
    RESTARTS="1",
  )
  try:
    until = time.monotonic() + 300
    while not (workdir / "checkpoints" / "2").is_dir():
      assert process.poll() is None and time.monotonic() < until
      time.sleep(0.05)
    os.kill(of_job(workdir)[1], signal.SIGKILL)
    _, errors = process.communicate(timeout=600)
  finally:
    process.kill()
  assert process.returncode == 0, errors[-2000:]
  assert "process 1 ended with status 137" in errors
  assert "starting all processes again (1 of 1)" in errors
  assert losses(workdir) == losses(
    train(2, "--config.train.evaluate_every=0")[0]
  )


def of_job(workdir):
  """Process ids by their place in the job."""
  found = {}
  for pid in running(f"--workdir={workdir}"):
    words = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    place = [w for w in words if w.startswith(b"JAX_PROCESS_ID=")]
    if place and b"JAX_COORDINATOR_ADDRESS" in b"".join(words):
      found[int(place[0].partition(b"=")[2])] = pid
  return found
