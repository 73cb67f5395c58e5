"""The settings for accelerators of Colab and Kaggle are those that fit."""

import os
import pathlib
import subprocess
import sys

import pytest

from hybridret_jax import shipped
from hybridret_jax.models import attention
from tests.preflight import planning_test

ROOT = pathlib.Path(__file__).parents[2]
NAME = "me5_own_pairs"
PRESETS = shipped.module(NAME).PRESETS
TPUS = {
  name: preset["topology"]
  for name, preset in PRESETS.items()
  if "topology" in preset
}


def test_every_accelerator_has_its_preset():
  assert set(PRESETS) == {"cpu", "v5e-1", "v5e-8", "v6e-8", "T4", "L4", "A100"}
  assert set(TPUS) == {"v5e-1", "v5e-8", "v6e-8"}


@pytest.mark.parametrize("name", PRESETS)
def test_its_settings_run_there(name):
  config = shipped.get_config(f"{NAME}:{name}")
  platform = "tpu" if name in TPUS else "cpu" if name == "cpu" else "gpu"
  attention.choose(
    config.model.attention,
    platform=platform,
    dropout=config.model.attention_dropout > 0,
    dtype=config.model.dtype,
  )
  # A T4 has neither bfloat16 nor cuDNN's attention.
  if name in ("T4", "cpu"):
    assert (config.model.dtype, config.model.attention) == ("float32", "xla")
  # Splash takes rows of whole blocks.
  if name in TPUS:
    assert not any(row % 128 for row in config.packing.row_lengths)
  devices = int(name.split("-")[1]) if "-" in name else 1
  assert not config.packing.row_multiple % devices
  assert not config.batches.batch_size % devices


@planning_test.needs_libtpu
@pytest.mark.parametrize("name", TPUS)
def test_a_tpu_s_step_compiles_and_fits(name):
  done = subprocess.run(
    [
      *(sys.executable, "-m", "hybridret_jax.main", "plan"),
      *(f"--config={NAME}:{name}", f"--topology={TPUS[name]}"),
      "--mean_tokens=24,120",
    ],
    cwd=ROOT,
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
  assert "fits: " in done.stdout and "attention splash" in done.stdout
