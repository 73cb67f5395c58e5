"""Plans for devices that are not here, as a user makes them."""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from hybridret_jax import preflight
from tests.preflight import compiled_test

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = """
from tests.preflight import compiled_test

def get_config():
  return compiled_test.settings(**{"batches.batch_size": 16, "mesh.fsdp": 2})
"""
needs_libtpu = pytest.mark.skipif(
  importlib.util.find_spec("libtpu") is None,
  reason="libtpu is not installed: pip install '.[tpu]'",
)


@pytest.fixture
def command(tmp_path):
  """Runs the command line as a user would, with a tiny config."""
  path = tmp_path / "tiny.py"
  path.write_text(CONFIG)

  def run(*arguments):
    return subprocess.run(
      [sys.executable, "-m", "hybridret_jax.main", "--mode=plan"]
      + [f"--config={path}", *arguments],
      cwd=ROOT,
      env={
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
      },
      capture_output=True,
      text=True,
    )

  return run


def test_the_command_line_plans_without_a_workdir_or_data(command, tmp_path):
  done = command("--topology=cpu:2", "--mean_tokens=18,44")
  assert done.returncode == 0, done.stderr[-2000:]
  lines = done.stdout.splitlines()
  assert lines[0] == "cpu:2: 2 x cpu, mesh data 1 x fsdp 2 x tensor 1"
  for part in (
    *("queries of 18 and passages of 44 tokens on average, rows 95% full",),
    *("temporaries", "fits: ", "parameters  all-gather", "GFLOP a pair"),
  ):
    assert part in done.stdout
  assert not list(tmp_path.glob("**/*.json"))


@pytest.mark.parametrize(
  ("arguments", "mend"),
  [
    ((), "--topology is missing; give one such as v5e:4x4"),
    (("--topology=cpu:2", "--mean_tokens=a,b"), "give QUERY,PASSAGE"),
  ],
)
def test_a_wrong_flag_is_told_with_its_mend(command, arguments, mend):
  done = command(*arguments)
  assert done.returncode == 1
  assert mend in done.stderr + done.stdout
  assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
  ("settings", "mend"),
  [
    ({"topology": "cpu4"}, "give one such as v5e:4x4"),
    ({"topology": "cpu:3"}, "does not cover the 3 device(s)"),
    ({"mean_tokens": (9,)}, "give two numbers"),
    ({"mean_tokens": (9, 99)}, "data.passage_length 64"),
    ({"shortest": 0}, "give 1 or more"),
    ({"utilisation": 1.5}, "above 0 and at most 1"),
  ],
)
def test_what_cannot_be_planned_is_refused(settings, mend):
  config = compiled_test.settings()
  with pytest.raises(ValueError, match=re.escape(mend)):
    preflight.plan(config, **{"topology": "cpu:4", **settings})


def test_other_modes_still_want_a_workdir(command):
  done = command("--mode=train")
  assert done.returncode == 1
  assert "--workdir is missing" in done.stderr + done.stdout


def test_a_search_tries_prints_and_keeps_the_best(tmp_path, capsys):
  config = compiled_test.settings(
    **{"batches.batch_size": 64, "mesh.fsdp": 2, "train.chunk_tokens": 0}
  )
  assert preflight.plan(config, tmp_path, topology="cpu:2", search="chunk")
  saved = json.loads((tmp_path / preflight.FILE).read_text())
  tried = [trial["chunk_tokens"] for trial in saved["trials"]]
  # A CPU has no capacity that is known: the largest chunk of all is the best.
  assert tried == [2048, 0]
  assert saved["figures"] == saved["trials"][-1]
  smaller = saved["trials"][0]["memory_bytes"]["temporaries"]
  assert smaller < saved["figures"]["memory_bytes"]["temporaries"]
  out = capsys.readouterr().out
  assert out.count("batch_size 64, chunk_tokens") == len(tried)
  # The config itself is as it was.
  assert config.train.chunk_tokens == 0


@needs_libtpu
def test_a_tpu_slice_says_what_fits_and_what_does_not(command):
  fitting = command("--topology=v5e:1x2")
  assert fitting.returncode == 0, fitting.stderr[-2000:]
  assert "of 15.75 GiB" in fitting.stdout and "pairs/s" in fitting.stdout
  large = command(
    "--topology=v5e:1x2",
    "--config.batches.batch_size=131072",
    "--config.model.scratch.hidden_size=1024",
    "--config.train.chunk_tokens=0",
  )
  assert large.returncode == 1, large.stderr[-2000:]
  assert "DOES NOT FIT: " in large.stdout


@needs_libtpu
def test_a_tpu_s_step_has_the_tpu_s_kernel(command, tmp_path):
  done = command(
    *("--topology=v5e:1x2", f"--workdir={tmp_path}"),
    *("--config.model.attention=auto", "--config.packing.row_lengths=(128,)"),
  )
  assert done.returncode == 0, done.stderr[-2000:]
  saved = json.loads((tmp_path / "preflight.json").read_text("utf-8"))
  assert saved["figures"]["encoder"]["attention"] == "splash"
