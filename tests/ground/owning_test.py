"""One process a folder: who has it is named, the dead are replaced."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

from hybridret_jax.ground import faults, leases, owning

ROOT = pathlib.Path(__file__).parents[2]
HOLD = (
  "import pathlib, sys, time\n"
  "from hybridret_jax.ground import owning\n"
  "with owning.owned(pathlib.Path(sys.argv[1]), 'trains this run'):\n"
  "  print('has it', flush=True)\n"
  "  time.sleep(60)\n"
)
RACE = (
  "import pathlib, sys, time\n"
  "from hybridret_jax.ground import faults, owning\n"
  "for number in range(int(sys.argv[2])):\n"
  "  folder = pathlib.Path(sys.argv[1], str(number))\n"
  "  while time.time() < float(sys.argv[3]) + number * 0.05: pass\n"
  "  try:\n"
  "    with owning.owned(folder, 'works here'):\n"
  "      print(number, flush=True)\n"
  "      time.sleep(0.04)\n"
  "  except faults.Fault: pass\n"
)


@pytest.fixture
def other(tmp_path):
  """A process that has `tmp_path / "run"`."""
  process = subprocess.Popen(
    [sys.executable, "-c", HOLD, str(tmp_path / "run")],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    text=True,
  )
  assert process.stdout and process.stdout.readline() == "has it\n"
  yield process
  process.kill()
  process.communicate()


def claim_of_elsewhere(folder, touched):
  """As another machine would have claimed the folder."""
  claims = folder / owning.FOLDER
  lease = leases.acquire(claims, lease_seconds=60)
  assert lease
  claim = json.loads(lease.path.read_text())
  claim |= {"host": "far", "machine": "far 1", "pid": 7}
  lease.path.write_text(json.dumps(claim))
  os.utime(lease.path, (touched, touched))
  return lease


def test_a_second_process_is_told_who_has_the_folder(tmp_path, other):
  begun = time.monotonic()
  with (
    pytest.raises(faults.Fault) as told,
    owning.owned(tmp_path / "run", "trains this run"),
  ):
    pass
  assert time.monotonic() - begun < 5
  assert f"process {other.pid} on {os.uname().nodename} trains" in str(
    told.value
  )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_was_killed_is_replaced_at_once(tmp_path, other, number):
  other.send_signal(number)
  other.wait()
  begun = time.monotonic()
  with owning.owned(tmp_path / "run", "trains this run") as owner:
    owner.check()
  assert time.monotonic() - begun < 5


def test_it_is_free_when_the_block_has_ended(tmp_path):
  for _ in range(5):
    with pytest.raises(KeyError), owning.owned(tmp_path, "works here"):
      raise KeyError
  with owning.owned(tmp_path, "works here"):
    pass
  # The last holder's claim and its end; those before are forgotten.
  assert len(os.listdir(tmp_path / owning.FOLDER)) <= 4


def test_one_elsewhere_that_gives_no_sign_is_replaced(tmp_path):
  claim_of_elsewhere(tmp_path, time.time() - 1)
  begun = time.monotonic()
  with owning.owned(tmp_path, "works here", lease_seconds=3.0):
    assert 1 < time.monotonic() - begun < 10


def test_one_elsewhere_that_gives_a_sign_is_named(tmp_path):
  lease = claim_of_elsewhere(tmp_path, time.time() - 1)
  threading.Timer(1.0, os.utime, (lease.path,)).start()
  with (
    pytest.raises(faults.Fault, match="process 7 on far works here"),
    owning.owned(tmp_path, "works here", lease_seconds=30.0),
  ):
    pass


def test_one_that_was_away_too_long_writes_no_more(tmp_path):
  with owning.owned(tmp_path, "works here", lease_seconds=0.6) as owner:
    owner.check()
    newest = max((tmp_path / owning.FOLDER).iterdir())
    number = int(newest.stem.rpartition("_")[2])
    leases._create(tmp_path / owning.FOLDER, number + 1, "another")
    with pytest.raises(faults.Fault, match="another has taken over"):
      owner.check()
  # Nor is the other's claim given back.
  assert leases.holder(tmp_path / owning.FOLDER, lease_seconds=60)


def test_the_other_processes_of_a_job_hold_nothing(tmp_path):
  with owning.owned(tmp_path, "works here", first=False) as owner:
    owner.check()
  assert not list(tmp_path.iterdir())


def test_of_four_that_start_at_once_one_has_each_folder(tmp_path):
  """A hundred races; who comes late may have it after the first."""
  start = time.time() + 3.0
  processes = [
    subprocess.Popen(
      [sys.executable, "-c", RACE, str(tmp_path), "100", str(start)],
      cwd=ROOT,
      stdout=subprocess.PIPE,
      text=True,
    )
    for _ in range(4)
  ]
  for process in processes:
    process.communicate(timeout=120)
    assert process.returncode == 0
  for number in range(100):
    claims = sorted((tmp_path / str(number) / owning.FOLDER).iterdir())
    owners = [json.loads(path.read_text())["owner"] for path in claims]
    # Each claim was given back before the next was made.
    assert owners[-1] is None
    assert all(
      (one is None) != (two is None)
      for one, two in zip(owners, owners[1:], strict=False)
    )


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
  def full(*arguments, **settings):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(leases.json, "dumps", full)
  with (
    pytest.raises(OSError, match=r"No space left.*claim_0001.json"),
    owning.owned(tmp_path, "works here"),
  ):
    pass
  assert not list((tmp_path / owning.FOLDER).iterdir())
