"""Being told to end: noted, raised where nothing is lost, at once at last."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from hybridret_jax.ground import told

NUMBERS = (signal.SIGTERM, signal.SIGINT)


def send(number):
  os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_noted_and_handlers_come_back(number):
  before = signal.getsignal(number)
  with pytest.raises(KeyError), told.heeding():
    assert told.number() is None
    send(number)
    assert told.number() == number
    raise KeyError  # What a block ends for itself.
  assert told.number() is None
  assert signal.getsignal(number) is before


def test_what_the_block_did_not_end_for_takes_effect_behind_it():
  seen = []
  before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
  try:
    with told.heeding():
      send(signal.SIGTERM)
      assert seen == []
    assert seen == [signal.SIGTERM]
  finally:
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", NUMBERS)
def test_interruptible_work_is_interrupted(number):
  with (
    pytest.raises(told.ToldToEnd) as raised,
    told.heeding(),
    told.interruptible(),
  ):
    send(number)
    time.sleep(5)
  assert raised.value.number == number
  assert told.status(number) == {15: 143, 2: 130}[number]


def test_what_was_noted_before_is_raised_on_entering():
  with pytest.raises(told.ToldToEnd), told.heeding():
    send(signal.SIGTERM)
    with told.interruptible():
      pytest.fail("was entered")


def test_within_another_block_it_is_raised_behind_the_inner_one():
  reached = []
  with pytest.raises(told.ToldToEnd), told.heeding(), told.interruptible():
    with told.heeding():
      send(signal.SIGTERM)
      reached.append(told.number())
    pytest.fail("went on")
  assert reached == [signal.SIGTERM]
  assert told.number() is None


def test_other_threads_change_nothing():
  before = signal.getsignal(signal.SIGTERM)
  seen = []

  def work():
    with told.heeding():
      seen.append(signal.getsignal(signal.SIGTERM))

  thread = threading.Thread(target=work)
  thread.start()
  thread.join()
  assert seen == [before]


def test_a_second_signal_ends_at_once():
  program = (
    "import os, signal, time\n"
    "from hybridret_jax.ground import told\n"
    "with told.heeding():\n"
    "  os.kill(os.getpid(), signal.SIGINT)\n"
    "  print('noted', flush=True)\n"
    "  os.kill(os.getpid(), signal.SIGTERM)\n"
    "  time.sleep(60)\n"
  )
  done = subprocess.run(
    [sys.executable, "-c", program],
    capture_output=True,
    timeout=50,
    check=False,
  )
  assert (done.returncode, done.stdout) == (143, b"noted\n")


def test_time_runs_out():
  with (
    pytest.raises(told.ToldToEnd),
    told.heeding(),
    told.interruptible(),
    told.within(0.1),
  ):
    time.sleep(20)


def test_time_that_is_left_ends_nothing():
  with told.heeding(), told.within(0.2):
    pass
  time.sleep(0.4)
  assert told.number() is None


@pytest.mark.parametrize(
  ("limit", "begin"), [(3600, 3540), (600, 540), (60, 54), (0, 0)]
)
def test_it_begins_a_minute_or_a_tenth_before(limit, begin):
  assert told.before(limit) == pytest.approx(begin)
