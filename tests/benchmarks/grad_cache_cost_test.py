"""Gradient caching beside plain steps: the same losses, every way compared."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


def test_all_ways_take_the_same_steps(tiny_config, tmp_path):
  out = tmp_path / "cost.json"
  done = subprocess.run(
    [
      *(sys.executable, "benchmarks/grad_cache_cost.py", "--steps=2"),
      *(f"--config={tiny_config}", f"--out={out}"),
      *("--chunk_tokens=96", "--chunk_tokens=192"),
    ],
    cwd=ROOT,
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
  )
  assert not done.returncode, done.stderr[-3000:]
  saved = json.loads(out.read_text("utf-8"))
  first, *others = (
    [step["loss"] for step in way["steps"]] for way in saved["steps"]
  )
  assert len(others) == 3 and first[0] != first[1]
  for losses in others:
    assert losses == pytest.approx(first, rel=1e-4)
  ratios = {row["step"]: row["to kept"] for row in saved["rows"]}
  assert ratios["whole, kept"] == 1 and ratios["chunks"] > 0
  assert "to computed twice" in done.stdout
