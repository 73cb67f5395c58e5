"""A study of two cells: whole, killed, shared, and what it refuses."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from hybridret_jax.ground import leases
from hybridret_jax.study import design, ledger, worker
from tests.fixtures.study import tiny

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = ROOT / "tests" / "fixtures" / "study" / "tiny.py"
KILLS = 2  # At random moments; benchmarks/study_kills.py has ten.
LEASE = 6
STARTED = []


@pytest.fixture(scope="module", autouse=True)
def nothing_goes_on():
  """Ends what a failed test has left."""
  yield
  for process in STARTED:
    if process.poll() is None:
      os.killpg(process.pid, signal.SIGKILL)


def start(workdir, cache, *flags):
  """A worker with a process group of its own, as a user would start it."""
  workdir.mkdir(parents=True, exist_ok=True)
  with (workdir / "worker.log").open("ab") as log:
    process = subprocess.Popen(
      [
        *(sys.executable, "-m", "hybridret_jax.main", "--mode=study"),
        f"--config={CONFIG}",
        f"--workdir={workdir}",
        f"--config.run.cache={cache}",
        *flags,
      ],
      cwd=ROOT,
      env={
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
      },
      stdout=log,
      stderr=log,
      start_new_session=True,
    )
  STARTED.append(process)
  return process


def said(workdir):
  return (workdir / "worker.log").read_text()


def wait_for(what, *, seconds=600):
  """The first value of `what` that is true."""
  deadline = time.monotonic() + seconds
  while not (found := what()):
    assert time.monotonic() < deadline, what
    time.sleep(0.05)
  return found


def finished(workdir):
  """done.json of each finished cell."""
  return {
    path.parent.name: path.read_text()
    for path in workdir.glob("cells/*/done.json")
  }


def holder(workdir):
  """(folder, process id) of a cell that is claimed and alive."""
  for folder in workdir.glob("cells/*"):
    claim = leases.holder(folder, lease_seconds=60)
    if claim:
      return folder, claim["pid"]
  return None


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
  return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, cache):
  """The study as it comes out when nothing happens; and the seconds it took."""
  workdir = tmp_path_factory.mktemp("studies") / "whole"
  begun = time.monotonic()
  assert start(workdir, cache).wait(1200) == 0, said(workdir)[-3000:]
  return workdir, time.monotonic() - begun


def figures(workdir):
  """All that cells found and the report says, but for times and costs."""
  found = {}
  for path in sorted(workdir.glob("cells/*/results/*/*")):
    name = str(path.relative_to(workdir))
    if path.name == "results.json":
      results = json.loads(path.read_text())
      # Kept out: seconds, and the folder that this very study lies in.
      found[name] = results["systems"], results["model"]
    elif path.suffix == ".gz":
      found[name] = path.read_bytes()
  report = json.loads((workdir / "report" / "study.json").read_text())
  del report["costs"]
  found["report"] = report
  for path in sorted(workdir.glob("cells/*/metrics.jsonl")):
    records = [json.loads(line) for line in path.read_text().splitlines()]
    losses = [(record["step"], record["train/loss"]) for record in records]
    found[str(path.relative_to(workdir))] = losses
  return found


def test_a_study_ends_in_a_report(whole, cache):
  workdir, _ = whole
  cells = design.cells(tiny.get_config())
  assert {cell.key for cell in cells} == set(finished(workdir))
  for cell in cells:
    folder = ledger.place(workdir, cell)
    assert json.loads((folder / "cell.json").read_text())["key"] == cell.key
    assert json.loads((folder / "done.json").read_text())["attempts"] == 1
    task = folder / "results" / "cldr_validation"
    assert (task / "results.json").is_file()
    assert list(task.glob("per_query_*"))
    for gone in ("checkpoints", "claim_*", "results/*/*.png", "*/*/run_*"):
      assert not list(folder.glob(gone)), gone
    assert "begins or goes on" in (folder / "log.txt").read_text()
  report = json.loads((workdir / "report" / "study.json").read_text())
  assert report["finished"] == 3 and report["missing"] == []
  assert len(report["claims"]) == 1
  assert (workdir / "report" / "index.html").is_file()
  assert "3 cells: 3 done" in said(workdir)
  # Of the start's vectors only: one store a side.
  assert len(list((cache / "vectors").iterdir())) == 2


def test_again_nothing_is_run(whole, cache, tmp_path):
  workdir = shutil.copytree(whole[0], tmp_path / "again")
  before = finished(workdir), (workdir / "report/study.json").stat().st_mtime
  process = start(workdir, cache)
  assert process.wait(300) == 0, said(workdir)[-3000:]
  after = finished(workdir), (workdir / "report/study.json").stat().st_mtime
  assert before == after
  assert "waiting" not in said(workdir).removeprefix(said(whole[0]))


def test_killed_and_shared_it_ends_as_if_nothing_had_happened(
  whole, cache, tmp_path
):
  workdir = tmp_path / "killed"
  once = {}  # done.json as it was first seen.

  def look():
    for key, text in finished(workdir).items():
      assert once.setdefault(key, text) == text, "a finished cell ran again"
    return len(once)

  # A cell's process alone: it is named, and the worker goes on.
  process = start(workdir, cache)
  folder, pid = wait_for(lambda: holder(workdir))
  os.kill(pid, signal.SIGKILL)
  failed = folder / "failed.json"
  wait_for(failed.is_file)
  assert "SIGKILL" in json.loads(failed.read_text())["error"]
  # The worker, told to end in the midst of training: its cell is given back.
  wait_for(lambda: list(workdir.glob("cells/*/checkpoints/2")))
  folder, _ = holder(workdir)
  process.send_signal(signal.SIGTERM)
  assert process.wait(120) == 143
  assert leases.holder(folder, lease_seconds=1e9) is None
  newest = sorted(folder.glob("claim_*.json"))[-1]
  assert json.loads(newest.read_text())["owner"] is None
  assert not (folder / "failed.json").exists()
  assert failed.is_file() and look() == 0
  # All of it, at any moment.
  generator = random.Random(0)
  for _ in range(KILLS):
    if look() > 1:
      break
    process = start(workdir, cache)
    moment = time.monotonic() + generator.uniform(0, whole[1] / 2)
    # Before the last cell is finished, however fast this one is.
    wait_for(lambda moment=moment: time.monotonic() > moment or look() > 1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

  # One worker stops as machines do; another takes its cell over.
  wait_for(lambda: not holder(workdir))  # A killed process may take a moment.
  lease = f"--config.lease_seconds={LEASE}"
  stopped = start(workdir, cache, lease)
  wait_for(lambda: holder(workdir) or stopped.poll() is not None)
  assert stopped.poll() is None, said(workdir)[-3000:]
  folder, _ = holder(workdir)
  os.killpg(stopped.pid, signal.SIGSTOP)
  other = start(workdir, cache, lease)
  assert other.wait(1200) == 0, said(workdir)[-3000:]
  assert look() == 3
  # What wakes up publishes nothing.
  os.killpg(stopped.pid, signal.SIGCONT)
  assert stopped.wait(120) == 0, said(workdir)[-3000:]
  assert "taken this cell over" in (folder / "log.txt").read_text()
  assert look() == 3
  found, wanted = figures(workdir), figures(whole[0])
  assert found.keys() == wanted.keys()
  for name, value in wanted.items():
    assert found[name] == value, name


def here(cache, **changes):
  """The tiny study, changed, for this process and its eight devices."""
  config = tiny.get_config()
  config.run.cache = str(cache)
  config.update_from_flattened_dict(changes)
  return config


def test_a_cell_that_fails_is_named(cache, tmp_path):
  config = here(cache, **{"run.data.sources": ("nowhere",)})
  name = "strategies/strategy=hybrid/seed=0"
  with pytest.raises(SystemExit) as ended:
    worker.study(config, tmp_path, cell=name)
  assert ended.value.code == 1
  cell = design.find(design.cells(config), name)
  folder = ledger.place(tmp_path, cell)
  failed = json.loads((folder / "failed.json").read_text())
  assert failed["error"].startswith("ValueError: ")
  assert "nowhere: no such file or folder" in failed["error"]
  assert "Traceback" in failed["traceback"]
  standing = ledger.states(config, [cell], tmp_path)
  assert standing == {cell.key: "failed"}
  assert leases.holder(folder, lease_seconds=60) is None
  # A worker leaves it to the next time that the study is started.
  assert worker.study(config, tmp_path, cell="next", shard="2/3") == worker.BUSY
  ledger.begin(tmp_path, cell)
  assert not (folder / "failed.json").exists()


def test_a_cell_that_another_has_is_left_to_it(cache, tmp_path):
  config = here(cache)
  cell = design.cells(config)[0]
  folder = ledger.place(tmp_path, cell)
  leases.acquire(folder, lease_seconds=60)
  assert worker.study(config, tmp_path, cell="0") == worker.BUSY
  (folder / "done.json").write_text("{}")
  assert worker.study(config, tmp_path, cell=cell.key) == 0


def test_a_dry_run_lists_the_cells(cache, tmp_path, capsys):
  config = here(cache)
  assert worker.study(config, tmp_path, dry_run=True) == 0
  lines = capsys.readouterr().out.splitlines()
  cells = design.cells(config)
  assert lines[0].split() == ["#", "key", "state", "cell", "sets"]
  for index, cell in enumerate(cells):
    words = lines[index + 1].split()
    assert words[:4] == [str(index), cell.key, "waiting", cell.name]
  assert lines[2].endswith("batches.strategy='cross_lingual'")
  assert lines[4] == "3 cells: 3 waiting"
  assert not (tmp_path / "cells").exists()


def test_a_cell_without_enough_blocks_is_named_before_anything_runs(
  cache, tmp_path
):
  config = here(cache)
  levels = (
    ("two", (("batches.batch_size", 2000), ("data.languages", ("de", "en")))),
    ("few", (("batches.batch_size", 16),)),
  )
  config.grids.strategies.axes += (("size", levels),)
  config.claims = ()
  config.tests.compare = ()
  with pytest.raises(ValueError) as error:
    worker.study(config, tmp_path, dry_run=True)
  problems = str(error.value).splitlines()
  assert len(problems) == 4 and "size=few" not in str(error.value)
  # Alike in two cells: said once.
  assert "strategy=cross_lingual/size=two/seed=0, " in problems[1]
  assert "a cross-lingual batch needs 2000" in problems[1]
  for line, language in zip(sorted(problems[2:]), ("de", "en"), strict=True):
    assert f"strategy=hybrid/size=two/seed=0: language {language} has" in line
    assert "leave it out of languages, or use batch_size" in line


def test_wrong_configs_are_told_with_their_cells(cache, tmp_path):
  config = here(cache, **{"run.loss.temperature": 0.0})
  with pytest.raises(ValueError) as error:
    worker.study(config, tmp_path, dry_run=True)
  assert "start, strategies/strategy=cross_lingual/seed=0" in str(error.value)
  assert "loss.temperature is 0.0" in str(error.value)


def test_another_study_is_refused_once_a_cell_was_begun(cache, tmp_path):
  config = here(cache)
  cells = design.cells(config)
  ledger.claim(config, cells, tmp_path)
  changed = here(cache, **{"run.train.steps": 7})
  ledger.claim(changed, design.cells(changed), tmp_path)
  ledger.begin(tmp_path, cells[0])
  with pytest.raises(ValueError, match=r"run.train.steps was 7 and is 6"):
    ledger.claim(config, cells, tmp_path)
  # It may grow, and be judged by other claims on another machine.
  grown = here(
    cache / "b",
    **{"run.train.steps": 7, "grids.strategies.seeds": (0, 1), "claims": ()},
  )
  ledger.claim(grown, design.cells(grown), tmp_path)
  with pytest.raises(ValueError, match="seed=1 .* are gone"):
    ledger.claim(changed, design.cells(changed), tmp_path)


def test_a_report_needs_a_finished_cell(cache, tmp_path):
  with pytest.raises(ValueError, match="no finished cell"):
    worker.study(here(cache), tmp_path, report_only=True)


@pytest.mark.parametrize(
  ("flags", "problem"),
  [
    ({"shard": "3/3"}, "write I/N"),
    ({"shard": "one"}, "write I/N"),
    ({"cell": "nothing"}, "no cell 'nothing'"),
    ({"cell": "0", "dry_run": True}, "exclude one another"),
    ({"join": ["elsewhere"]}, "goes with --report_only"),
    ({"join": ["elsewhere"], "report_only": True}, r"elsewhere has no study"),
  ],
)
def test_flags_that_mean_nothing_are_refused(flags, problem, cache, tmp_path):
  with pytest.raises(ValueError, match=problem):
    worker.study(here(cache), tmp_path, **flags)


def test_a_shard_takes_its_share(cache):
  cells = design.cells(here(cache))
  shares = [worker._share(cells, f"{index}/2") for index in (0, 1)]
  assert shares == [[cells[0], cells[2]], [cells[1]]]


def test_a_config_of_a_study_goes_with_its_mode(tmp_path):
  for config, mode in (
    (CONFIG, "train"),
    (ROOT / "configs" / "quickstart.py", "study"),
  ):
    done = subprocess.run(
      [
        *(sys.executable, "-m", "hybridret_jax.main", f"--mode={mode}"),
        f"--config={config}",
        f"--workdir={tmp_path / 'none'}",
      ],
      cwd=ROOT,
      capture_output=True,
      text=True,
      check=False,
    )
    assert done.returncode != 0
    assert "goes with study" in done.stdout + done.stderr
  assert not (tmp_path / "none").exists()
