"""One holder at a time: claims, heartbeats, and what happens to the dead."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import hypothesis
import pytest
from hypothesis import strategies

from hybridret_jax.ground import leases

LEASE = 60.0
ROOT = pathlib.Path(__file__).parents[2]


def acquire(folder, lease_seconds=LEASE):
  return leases.acquire(folder, lease_seconds=lease_seconds)


def held(folder, lease_seconds=LEASE):
  return leases.holder(folder, lease_seconds=lease_seconds) is not None


def age(lease, seconds):
  """As if the claim had not been touched for so long."""
  touched = lease.path.stat().st_mtime - seconds
  os.utime(lease.path, (touched, touched))


def python(code, *arguments, **settings):
  """A process of its own that has `leases` and a folder."""
  head = (
    "import pathlib, sys, time\n"
    "from hybridret_jax.ground import leases\n"
    "folder = pathlib.Path(sys.argv[1])\n"
  )
  return subprocess.Popen(
    [sys.executable, "-c", head + code, *map(str, arguments)],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    text=True,
    **settings,
  )


def test_one_has_it_until_it_is_given_back(tmp_path):
  one = acquire(tmp_path / "cell")
  assert leases.is_held(one) and held(tmp_path / "cell")
  assert acquire(tmp_path / "cell") is None
  leases.give_back(one)
  assert not leases.is_held(one) and not held(tmp_path / "cell")
  two = acquire(tmp_path / "cell")
  assert leases.is_held(two)
  assert leases.attempts(tmp_path / "cell") == 2


def test_a_claim_says_whose_it_is(tmp_path):
  acquire(tmp_path)
  claim = leases.holder(tmp_path, lease_seconds=LEASE)
  assert claim["pid"] == os.getpid()
  assert claim["host"] and claim["started"].endswith("+00:00")
  assert held(tmp_path) and not held(tmp_path / "other")


def test_what_was_not_touched_for_a_lease_is_taken_over(tmp_path):
  one = acquire(tmp_path)
  age(one, LEASE - 5)
  assert acquire(tmp_path) is None
  age(one, 10)
  two = acquire(tmp_path)
  assert leases.is_held(two) and not leases.is_held(one)
  # The late one can do nothing any more.
  assert not leases.beat(one)
  assert leases.seal(one) is None
  leases.give_back(one)
  assert leases.is_held(two)
  assert acquire(tmp_path) is None


def test_a_touch_keeps_it(tmp_path):
  one = acquire(tmp_path)
  age(one, 10 * LEASE)
  assert leases.beat(one)
  assert acquire(tmp_path) is None


def test_clocks_of_machines_may_differ(tmp_path, monkeypatch):
  acquire(tmp_path)
  real = time.time
  for hours in (-5, 5):
    monkeypatch.setattr(time, "time", lambda hours=hours: real() + 3600 * hours)
    assert acquire(tmp_path) is None


def test_a_process_that_is_gone_needs_no_lease(tmp_path):
  code = "leases.acquire(folder, lease_seconds=60); sys.exit(3)"
  process = python(code, tmp_path)
  assert process.wait(60) == 3
  assert not held(tmp_path)
  lease = leases.end_of(tmp_path, process.pid)
  assert lease is not None and leases.is_held(lease)
  assert leases.end_of(tmp_path, process.pid + 1) is None
  leases.give_back(lease)
  assert leases.end_of(tmp_path, process.pid) is None
  assert acquire(tmp_path)


def test_a_killed_process_that_nobody_waited_for_is_gone(tmp_path):
  code = "leases.acquire(folder, lease_seconds=60); print(1, flush=True)\n"
  process = python(code + "time.sleep(60)", tmp_path)
  process.stdout.readline()
  assert held(tmp_path)
  assert leases.end_of(tmp_path, process.pid) is None
  process.send_signal(signal.SIGKILL)
  os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
  assert not held(tmp_path)
  process.wait()


def test_a_number_that_another_process_got_later_is_not_its(tmp_path):
  lease = acquire(tmp_path)
  claim = json.loads(lease.path.read_text())
  claim["process_started"] = "1"
  lease.path.write_text(json.dumps(claim))
  assert not held(tmp_path)


def test_of_another_machine_only_the_lease_tells(tmp_path):
  lease = acquire(tmp_path)
  claim = json.loads(lease.path.read_text())
  lease.path.write_text(
    json.dumps({**claim, "machine": "another", "pid": 2**22 + 1})
  )
  assert held(tmp_path)
  assert leases.end_of(tmp_path, 2**22 + 1) is None
  age(lease, LEASE + 1)
  assert not held(tmp_path)


@pytest.mark.parametrize("text", ["", '{"owner": '])
def test_a_claim_that_is_being_written_counts(tmp_path, text):
  path = tmp_path / "claim_0007.json"
  path.write_text(text)
  assert acquire(tmp_path) is None
  os.utime(path, (1, 1))
  assert acquire(tmp_path).number == 8


def test_what_is_sealed_is_this_ones_for_good(tmp_path):
  one = acquire(tmp_path)
  age(one, LEASE + 1)  # It can be taken over from now on.
  sealed = leases.seal(one)
  assert sealed and leases.is_held(sealed)
  assert acquire(tmp_path) is None
  assert leases.attempts(tmp_path) == 1
  leases.clear(tmp_path)
  assert list(tmp_path.iterdir()) == []


def test_a_late_one_does_not_touch_who_came_after_a_clearing(tmp_path):
  late = acquire(tmp_path)
  leases.clear(tmp_path)
  assert not leases.is_held(late)
  new = acquire(tmp_path)
  assert new.number == late.number
  leases.give_back(late)
  assert not leases.beat(late) and leases.seal(late) is None
  assert leases.is_held(new)


def test_a_thread_touches_it_while_the_block_runs(tmp_path):
  one = acquire(tmp_path)
  lost = []
  with leases.beating(one, lease_seconds=0.3, lost=lambda: lost.append(1)):
    time.sleep(1.0)
    assert acquire(tmp_path, lease_seconds=0.3) is None
  assert not lost
  time.sleep(0.5)
  assert acquire(tmp_path, lease_seconds=0.3)


def test_who_lost_it_is_told_once(tmp_path):
  one = acquire(tmp_path)
  told = []
  with leases.beating(one, lease_seconds=0.3, lost=lambda: told.append(1)):
    leases.give_back(one)
    time.sleep(1.0)
  assert told == [1]


def test_of_many_that_see_a_dead_claim_one_takes_it(tmp_path):
  """Four processes, forty dead claims, all at the same moment."""
  rounds = 40
  for number in range(rounds):
    age(acquire(tmp_path / str(number)), LEASE + 1)
  code = f"""
print("ready", flush=True)
while not (folder / "go").exists(): pass
for number in range({rounds}):
  lease = leases.acquire(folder / str(number), lease_seconds={LEASE})
  if lease: print(number, flush=True)
time.sleep(60)
"""
  processes = [python(code, tmp_path) for _ in range(4)]
  try:
    for process in processes:
      assert process.stdout.readline() == "ready\n"
    (tmp_path / "go").touch()
    deadline = time.monotonic() + 60
    while not all(held(tmp_path / str(number)) for number in range(rounds)):
      assert time.monotonic() < deadline
      time.sleep(0.05)
    time.sleep(0.5)
  finally:
    for process in processes:
      process.kill()
  won = [int(x) for p in processes for x in p.communicate()[0].split()]
  assert sorted(won) == list(range(rounds))


def test_turns_do_not_overlap(tmp_path):
  code = """
with leases.in_turn(folder / "turn", lease_seconds=5):
  with (folder / "log").open("a") as log:
    log.write("in "); log.flush()
    time.sleep(0.3)
    log.write("out "); log.flush()
"""
  processes = [python(code, tmp_path) for _ in range(3)]
  assert [process.wait(60) for process in processes] == [0, 0, 0]
  assert (tmp_path / "log").read_text() == "in out " * 3


OPERATIONS = ("acquire", "give_back", "seal", "beat", "age")


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
  strategies.lists(
    strategies.tuples(
      strategies.integers(0, 2), strategies.sampled_from(OPERATIONS)
    ),
    max_size=25,
  )
)
def test_whatever_three_do_one_at_most_holds_it(tmp_path_factory, operations):
  folder = tmp_path_factory.mktemp("lease")
  mine = [None, None, None]
  for who, operation in operations:
    lease = mine[who]
    if operation == "acquire":
      mine[who] = acquire(folder) or lease
    elif lease is not None and operation == "give_back":
      leases.give_back(lease)
    elif lease is not None and operation == "seal":
      mine[who] = leases.seal(lease) or lease
    elif lease is not None and operation == "beat":
      assert leases.beat(lease) == leases.is_held(lease)
    elif lease is not None and operation == "age" and lease.path.exists():
      age(lease, LEASE + 1)
    holders = {x.owner for x in mine if x is not None and leases.is_held(x)}
    assert len(holders) <= 1
    if held(folder):
      assert len(holders) == 1
