"""What the launchers have other machines do: tpu_worker.sh and slurm_job.sh."""

import pathlib
import shlex
import shutil
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).parents[1]
ARRAY = ROOT / "tests/fixtures/launch/array.flags"
# A run that goes on until it is ended, or fails.
RUN = """#!/bin/bash
echo "$@"
trap 'echo saved; exit 143' TERM
[[ $3 != --fail ]] || exit 1
if [[ $3 == --lose=* ]] && (($(wc -l <lost.txt) < 2)); then
  echo lost >>lost.txt
  exit "${3#--lose=}"
fi
for i in {1..600}; do sleep 0.1; done
"""
# Prints what it is given, and what JAX is told of accelerators.
SRUN = """#!/bin/bash
printf '%s\\n' "JAX_LOCAL_DEVICE_IDS=${JAX_LOCAL_DEVICE_IDS-}" "$@"
[[ $SRUN_CPUS_PER_TASK == 6 ]] || exit 9
for ((i = 0; i < ${STEP:-0}; i++)); do sleep 0.1; done
exit ${STATUS:-0}
"""
SCONTROL = """#!/bin/bash
echo "$@" >>scontrol.txt
"""


def write(path, text):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(text)
  path.chmod(0o755)


@pytest.fixture
def worker(tmp_path):
  """A function that has a TPU VM's worker do something, from elsewhere."""
  root = tmp_path / "hybridret_jax"
  shutil.copytree(ROOT / "launch", root / "launch")
  write(root / ".venv/bin/python", RUN)

  def do(*words):
    return subprocess.run(
      ["bash", "hybridret_jax/launch/tpu_worker.sh", *words],
      cwd=tmp_path,
      env={"PATH": "/usr/bin:/bin", "SECONDS_TO_FAIL": "0.5"},
      stdin=subprocess.DEVNULL,
      capture_output=True,
      text=True,
      timeout=60,
      check=False,
    )

  do.log = root / "logs" / "run.log"
  yield do
  do("stop")


def test_a_run_goes_on_without_the_connection_until_it_is_stopped(worker):
  assert "no run" in worker("status").stdout
  # It returns at once, so nothing holds the connection.
  started = worker("run", "none", "--workdir=a b")
  assert started.returncode == 0 and "started" in started.stdout
  assert "running; -m hybridret_jax.main --workdir=a b" in (
    worker("status").stdout
  )
  again = worker("run", "none", "--workdir=a b")
  assert again.returncode == 1
  assert "a run is going on here" in again.stderr
  assert "stop it first" in again.stderr
  assert worker("stop").returncode == 0
  assert "no run; saved" in worker("status").stdout
  assert worker("stop").returncode == 0
  assert worker("run", "none", "--workdir=a b").returncode == 0
  assert worker.log.read_text().count("'--workdir=a b'") == 2


def test_a_run_that_ends_at_once_is_told(worker):
  done = worker("run", "none", "--fail")
  assert done.returncode == 1
  assert "-m hybridret_jax.main --fail" in done.stderr
  assert "error: it ended at once" in done.stderr


@pytest.mark.parametrize("status", [69, 137])
def test_a_run_that_lost_a_process_starts_again(worker, status):
  (worker.log.parents[1] / "lost.txt").touch()
  assert worker("run", "none", f"--lose={status}").returncode == 0
  text = worker.log.read_text()
  assert text.count(f"-m hybridret_jax.main --lose={status}\n") == 3
  assert f"a process was lost (status {status}); starting again, 2" in text
  assert "running" in worker("status").stdout
  assert worker("stop").returncode == 0
  assert "no run; saved" in worker("status").stdout


@pytest.fixture
def job(tmp_path):
  """A function that starts slurm_job.sh as sbatch does: a copy, elsewhere."""
  write(
    tmp_path / "spool/slurm_script", (ROOT / "launch/slurm_job.sh").read_text()
  )
  write(tmp_path / "bin/srun", SRUN)
  write(tmp_path / "bin/scontrol", SCONTROL)
  (tmp_path / "submitted").mkdir()

  def start(*words, **settings):
    return subprocess.Popen(
      [tmp_path / "spool/slurm_script", *words],
      cwd="/",
      env={
        "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
        "SLURM_SUBMIT_DIR": str(tmp_path / "submitted"),
        "SLURM_JOB_ID": "17",
        "SLURM_GPUS_ON_NODE": "4",
        "SLURM_CPUS_PER_TASK": "6",
        **settings,
      },
      stdout=subprocess.PIPE,
      text=True,
    )

  start.folder = tmp_path / "submitted"
  return start


def test_a_job_runs_the_flags_in_a_step(job):
  flags = ["--workdir=a b", "--config.x=('a',)"]
  for per, devices in (("gpu", ""), ("node", "0,1,2,3")):
    process = job(per, "-", *flags)
    lines = process.communicate(timeout=60)[0].splitlines()
    assert process.returncode == 0
    assert lines[1] == f"JAX_LOCAL_DEVICE_IDS={devices}"
    assert lines[2:] == [
      *(".venv/bin/python", "-m", "hybridret_jax.main"),
      *flags,
    ]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_job_of_an_array_takes_its_line(job, index):
  process = job(
    "gpu", str(ARRAY), "--mode=train", SLURM_ARRAY_TASK_ID=str(index)
  )
  lines = process.communicate(timeout=60)[0].splitlines()
  line = ARRAY.read_text().splitlines()[index]
  assert lines[5:] == [*shlex.split(line), "--mode=train"]


def test_a_job_of_cells_takes_its_cell(job):
  process = job(
    "gpu", "cell", "--mode=study", "--workdir=a b", SLURM_ARRAY_TASK_ID="2"
  )
  lines = process.communicate(timeout=60)[0].splitlines()
  assert lines[5:] == ["--mode=study", "--workdir=a b", "--cell=2"]


def test_a_job_passes_the_status_of_its_step_on(job):
  process = job("gpu", "-", "--x=1", STATUS="3")
  process.communicate(timeout=60)
  assert process.returncode == 3


@pytest.mark.parametrize(
  ("status", "restarts", "again"),
  [
    ("69", "0", True),
    ("137", "4", True),
    ("69", "5", False),
    *((status, "0", False) for status in ("0", "1", "130", "143")),
  ],
)
def test_a_job_that_lost_a_process_is_queued_again(
  job, status, restarts, again
):
  process = job(
    "gpu", "-", "--x=1", STATUS=status, SLURM_RESTART_COUNT=restarts
  )
  process.communicate(timeout=60)
  assert process.returncode == int(status)
  assert (job.folder / "scontrol.txt").exists() is again


def test_before_the_time_limit_the_job_is_queued_again(job):
  process = job("gpu", "-", "--x=1", STEP="20")
  for line in process.stdout:
    if line == "--x=1\n":
      break
  process.send_signal(signal.SIGUSR1)
  begun = time.monotonic()
  process.communicate(timeout=60)
  assert (job.folder / "scontrol.txt").read_text() == "requeue 17\n"
  # The step went on meanwhile: SLURM is who ends it.
  assert process.returncode == 0 and time.monotonic() - begun > 1
