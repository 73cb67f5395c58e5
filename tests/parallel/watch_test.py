"""Who of a job is gone, hangs or has ended is named, by all who are left."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from hybridret_jax.parallel import watch

ROOT = pathlib.Path(__file__).parents[2]
# A process of a job that does nothing, or sums with the others, for long.
PROGRAM = """
import sys, time
from hybridret_jax import main
from hybridret_jax.parallel import hosts
try:
  hosts.start()
  import jax.numpy as jnp
  from jax.experimental import multihost_utils
  print("here", flush=True)
  for _ in range(600):
    if sys.argv[1] == "sum":
      multihost_utils.process_allgather(jnp.ones(3))
    time.sleep(0.1)
except BaseException as error:
  main._end(error)
"""


class Store:
  """What JAX's coordination service keeps, in this process."""

  def __init__(self):
    self.values, self.away = {}, threading.Event()

  def key_value_set(self, key, value, allow_overwrite=False):
    if self.away.is_set():
      time.sleep(60)
    assert allow_overwrite
    self.values[key] = value

  def key_value_dir_get(self, key):
    if self.away.is_set():
      time.sleep(60)
    return [x for x in self.values.items() if x[0].startswith(key)]


@pytest.fixture
def job():
  """A function: index -> its watch in a job of three, and what it told."""
  store, made, told = Store(), [], {}

  def join(index):
    told[index] = []
    made.append(
      watch.Watch(store, index, 3, limit=2.0, every=0.1, end=told[index].append)
    )
    made[-1].start()
    return made[-1]

  join.store, join.told = store, told
  yield join
  for one in made:
    one.stop()


def wait_for(condition, seconds=10.0):
  until = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < until, "it did not come"
    time.sleep(0.05)


def test_while_all_sign_nobody_is_missing(job):
  watches = [job(index) for index in range(3)]
  time.sleep(4.0)
  assert [one.missing() for one in watches] == [None] * 3
  assert not any(job.told.values())


def test_one_that_signs_no_more_is_named_by_all(job):
  watches = [job(index) for index in range(3)]
  wait_for(lambda: len(job.store.values) == 3)
  watches[2]._over.set()  # Gone without a word.
  wait_for(lambda: job.told[0] and job.told[1])
  for index in (0, 1):
    (found,) = job.told[index]
    assert found.status == watch.GONE
    assert found.line.startswith(
      f"process 2 of 3 on {socket.gethostname()} gave no sign for 2 s;"
    )


def test_one_that_never_came_is_named(job):
  job(0), job(1)
  wait_for(lambda: job.told[0])
  assert job.told[0][0].line.startswith("process 2 of 3 gave no sign")


def test_one_that_ended_well_is_not_missed(job):
  watches = [job(index) for index in range(3)]
  wait_for(lambda: len(job.store.values) == 3)
  watches[1].stop()
  time.sleep(4.0)
  assert not job.told[0] and not job.told[2]


def test_one_that_failed_is_named_with_what_it_said(job):
  watches = [job(index) for index in range(3)]
  wait_for(lambda: len(job.store.values) == 3)
  watches[1].stop("error: no disk is left")
  wait_for(lambda: job.told[0] and job.told[2], 2.5)
  (found,) = job.told[0]
  assert found.line.endswith("has ended by its own: error: no disk is left")
  assert found.status == 1  # It would come again.


def test_a_first_process_that_does_not_answer_is_named(job):
  job(1)
  wait_for(lambda: job.store.values)
  job.store.away.set()
  wait_for(lambda: job.told[1])
  assert job.told[1][0].line.startswith("process 0 of 3 does not answer")


def test_who_stood_still_itself_accuses_nobody(job):
  one = job(0)
  wait_for(lambda: job.store.values)
  one._seen = dict.fromkeys(range(3), time.monotonic() - 99)
  one._answered = time.monotonic() - 99
  assert one.missing()
  one._forget()
  assert one.missing() is None


@pytest.mark.parametrize("given", ["x", "0", "2", "nan"])
def test_a_limit_that_is_none_is_refused(monkeypatch, given):
  monkeypatch.setenv(watch.LIMIT_VARIABLE, given)
  with pytest.raises(ValueError, match="give seconds, more than 3"):
    watch.limit()


def test_alone_there_is_nobody_to_watch():
  watch.start()
  assert watch._State.watch is None and watch.why() is None
  assert not watch.is_of_another(RuntimeError("Gloo"))


@pytest.mark.parametrize(
  ("number", "lost", "work"),
  [
    (signal.SIGKILL, 0, "sum"),
    (signal.SIGKILL, 1, "sum"),
    (signal.SIGKILL, 0, "rest"),
    (signal.SIGSTOP, 0, "sum"),
    (signal.SIGSTOP, 1, "rest"),
  ],
)
def test_of_two_real_processes_the_other_ends_and_names_it(number, lost, work):
  with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
  processes = [
    subprocess.Popen(
      [sys.executable, "-u", "-c", PROGRAM, work],
      cwd=ROOT,
      env={
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "JAX_COORDINATOR_ADDRESS": f"localhost:{port}",
        "JAX_NUM_PROCESSES": "2",
        "JAX_PROCESS_ID": str(index),
        watch.LIMIT_VARIABLE: "6",
      },
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for index in range(2)
  ]
  try:
    for process in processes:
      assert process.stdout and "here\n" in iter(process.stdout.readline, "")
    time.sleep(0.5)
    processes[lost].send_signal(number)
    _, errors = processes[1 - lost].communicate(timeout=50)
    last = errors.strip().splitlines()[-1]
    assert last.startswith(f"error: process {lost} of 2"), errors[-2000:]
    assert "the same command goes on" in last
    assert processes[1 - lost].returncode == watch.GONE
  finally:
    for process in processes:
      process.kill()
      process.communicate()
