"""With the wheel alone, outside any checkout: a run, its export, ten lines."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# What shortens the quickstart; its ten lines have to hold all the same.
SHORT = (
  "--config.model.scratch.hidden_size=64",
  "--config.model.scratch.mlp_size=128",
  "--config.model.tokenizer_size=4000",
  "--config.data.languages=('en','de')",
  "--config.batches.strategy=monolingual",
  "--config.train.steps=100",
  "--config.optimizer.warmup_steps=20",
  "--config.train.evaluate_every=0",
  "--config.validation.task=",
  "--config.evaluation.figures=False",
  "--config.evaluation.systems=('trained',)",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
  """A folder with the unpacked wheel, as pip would install it."""
  place = tmp_path_factory.mktemp("wheel")
  # setuptools builds in the source's folder.
  source = place / "source"
  names = (
    "hybridret_jax",
    "configs",
    "setup.py",
    "pyproject.toml",
    "README.md",
  )
  for name in names:
    if (ROOT / name).is_dir():
      skipped = shutil.ignore_patterns("__pycache__")
      shutil.copytree(ROOT / name, source / name, ignore=skipped)
    else:
      shutil.copy(ROOT / name, source / name)
  pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
  flags = ["--no-deps", "--no-build-isolation", "--no-index"]
  subprocess.run(
    [*pip, "wheel", *flags, "-w", place, source], check=True, cwd=place
  )
  (wheel,) = place.glob("hybridret_jax-*.whl")
  target = place / "target"
  subprocess.run(
    [*pip, "install", "--no-deps", "--no-index", "--target", target, wheel],
    check=True,
    cwd=place,
  )
  return target


def run(installed, folder, *words):
  environment = {
    **os.environ,
    "PYTHONPATH": str(installed),
    "JAX_PLATFORMS": "cpu",
  }
  return subprocess.run(
    words, cwd=folder, env=environment, capture_output=True, text=True
  )


def test_it_carries_configs_types_and_the_command(installed):
  for name in ("configs/quickstart.py", "configs/study/claims.py", "py.typed"):
    assert (installed / "hybridret_jax" / name).is_file()
  assert (installed / "bin" / "hybridret").is_file()


def test_from_an_empty_folder_to_the_right_passage(installed, tmp_path):
  folder = tmp_path / "empty"
  folder.mkdir()
  done = run(
    installed,
    folder,
    *(sys.executable, installed / "bin" / "hybridret", "--config=quickstart"),
    *("--workdir=runs/quickstart", f"--config.cache={tmp_path / 'cache'}"),
    *SHORT,
  )
  assert done.returncode == 0, done.stderr[-3000:]
  assert (folder / "runs" / "quickstart" / "export" / "README.md").is_file()
  readme = (ROOT / "README.md").read_text("utf-8")
  first = readme.split("\n## ")[0]
  program = re.search(r"```python\n(.*?)```", first, re.DOTALL)
  assert program, "the README's first screen has the program"
  assert len([line for line in program[1].splitlines() if line]) <= 10
  done = run(installed, folder, sys.executable, "-c", program[1])
  assert done.returncode == 0, done.stderr[-3000:]
  assert done.stdout.startswith("Japan:")
