"""Training beside sentence-transformers: the same work on both sides."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.torch

ROOT = pathlib.Path(__file__).parents[2]
PAIRS = {
  "queries": ["q: abc", "q: wxyz", "q: bbca"],
  "passages": ["p: cbad", "p: zyxwzyxw", "p: d"],
}
OPTIMIZER = {
  "learning_rate": 1e-2,
  "weight_decay": 0.1,
  "clip_norm": 1.0,
  "b1": 0.9,
  "b2": 0.999,
  "eps": 1e-8,
}


@pytest.fixture(autouse=True)
def _installed():
  pytest.importorskip("sentence_transformers")


def _run(config, *flags):
  return subprocess.run(
    [
      *(sys.executable, "benchmarks/train_speed.py", f"--config={config}"),
      *("--trial_steps=0", "--precision=float32", *flags),
    ],
    cwd=ROOT,
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
  )


def test_both_sides_do_the_same_steps(tiny_config, tmp_path):
  done = _run(tiny_config, "--steps=3", f"--out={tmp_path}/speed.json")
  assert not done.returncode, done.stderr[-3000:]
  saved = json.loads((tmp_path / "speed.json").read_text("utf-8"))
  found = saved["precisions"]["float32"]
  ours, theirs = found["sides"].values()
  losses = [[step["loss"] for step in side["steps"]] for side in (ours, theirs)]
  assert 0.1 < losses[0][0] < 10
  # Big steps of AdamW lie between them, so the optimizers are the same too.
  assert losses[0] == pytest.approx(losses[1], rel=1e-3)
  assert ours["tokens"] == theirs["tokens"] > 100
  for side in (ours, theirs):
    assert 0 <= side["padding_share"] < 0.6
    loaded, peak = side["peak_bytes_before_steps"], side["peak_bytes"]
    assert 1 << 26 < loaded <= peak < 1 << 33
  assert "torch" in saved["versions"] and "jax" in saved["versions"]
  assert "pairs/s" in done.stdout and "times faster" in done.stdout


def test_another_loss_is_an_error(tiny_config):
  done = _run(tiny_config, "--steps=1", "--config.model.pooling=cls")
  assert done.returncode
  assert "losses of the first step differ by" in done.stderr


def test_every_setting_of_theirs_does_the_same(tiny_config):
  from benchmarks.workers import peer_training

  def losses(precision, optimizer, attention):
    training = peer_training.Training()
    training.start(
      folder=str(tiny_config.parent / "model"),
      precision=precision,
      setting={"optimizer": optimizer, "attention": attention},
      max_lengths={"query": 12, "passage": 24},
      temperature=0.05,
      optimizer=OPTIMIZER,
    )
    training.reset()
    found = [training.step(**PAIRS)["loss"] for _ in range(3)]
    training.reset()
    assert training.step(**PAIRS)["loss"] == found[0]
    return found

  default = losses("float32", "fused", "sdpa")
  assert default[2] < default[1] < default[0]
  for other in (("default", "sdpa"), ("fused", "eager")):
    assert losses("float32", *other) == pytest.approx(default, rel=1e-3)
  rounded = losses("bfloat16", "fused", "sdpa")
  assert rounded != default
  assert rounded[0] == pytest.approx(default[0], rel=0.05)


def test_what_is_cut_and_padded_is_counted(tiny_config):
  from benchmarks.workers import peer_training

  training = peer_training.Training()
  training.start(
    folder=str(tiny_config.parent / "model"),
    precision="float32",
    setting={"optimizer": "fused", "attention": "sdpa"},
    max_lengths={"query": 6, "passage": 8},
    temperature=0.05,
    optimizer=OPTIMIZER,
  )
  training.reset()
  found = training.step(queries=["q", "q: abcdabcd"], passages=["p", "p"])
  assert training.model
  short = training.model.preprocess(["q"])["input_ids"].shape[1]
  assert short < 6
  assert found["tokens"] == short + 6 + 2 * short
  assert found["slots"] == 2 * 6 + 2 * short
