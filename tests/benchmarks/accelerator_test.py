"""The accelerator's benchmark at toy size, on whatever is here."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


def _bash(out, *parts):
  return subprocess.run(
    ["bash", "benchmarks/accelerator.sh", str(out), "toy", *parts],
    cwd=ROOT,
    env={**os.environ, "PYTHON": sys.executable, "JAX_PLATFORMS": "cpu"},
    capture_output=True,
    text=True,
  )


def _run(out, *parts):
  done = _bash(out, *parts)
  assert not done.returncode, done.stdout + done.stderr[-2000:]
  return done.stdout


def _rows(out, part):
  return json.loads((out / f"{part}.json").read_text("utf-8"))["rows"]


def test_parts_of_our_own_are_measured_once(tmp_path):
  parts = ("attention", "train_toy", "profile_toy", "scores")
  said = _run(tmp_path, *parts)
  assert [f"== {part}" in said for part in parts] == [True] * 4
  steps = _rows(tmp_path, "train_toy")
  assert [row["chunk_tokens"] for row in steps] == [0, 256]
  for row in steps:
    assert row["pairs_per_second"] > 0 and row["planned_bytes"] > 1 << 20
    assert row["last_loss"] < row["first_loss"]
    assert row["tokens"] <= row["slots"]
  kinds = _rows(tmp_path, "profile_toy")
  assert sum(row["milliseconds"] for row in kinds) > 0
  assert any("layers" in row["scope"] for row in kinds)
  (ranked,) = _rows(tmp_path, "scores")
  assert min(ranked["seconds"].values()) > 0
  errors = [max(x["errors"].values()) for x in _rows(tmp_path, "attention")]
  assert len(errors) == 2 and min(errors) > 0 and max(errors) < 2e-2
  page = (tmp_path / "README.md").read_text("utf-8")
  assert "| toy" in page and "## Ranking" in page
  # A case that is missing is done again, and nothing else is.
  first = json.loads((tmp_path / "train_toy.json").read_text("utf-8"))
  assert "==" not in _run(tmp_path, *parts)
  assert _rows(tmp_path, "train_toy") == first["rows"]


def test_a_part_that_fails_is_named_and_the_next_one_runs(tmp_path):
  # Nothing has made the inputs of the first.
  done = _bash(tmp_path, "peer_toy", "scores")
  assert done.returncode == 1
  assert "FAILED" in done.stdout
  assert "/made" in (tmp_path / "peer_toy.log").read_text("utf-8")
  assert not (tmp_path / "peer_toy.json").exists()
  assert _rows(tmp_path, "scores")


@pytest.mark.torch
def test_comparisons_see_the_same_losses_and_vectors(tmp_path):
  pytest.importorskip("sentence_transformers")
  _run(tmp_path, "inputs", "peer_toy", "texts_toy")
  peer = json.loads((tmp_path / "peer_toy.json").read_text("utf-8"))
  found = peer["precisions"]["float32"]
  assert found["device"] == "cpu"
  assert found["loss_difference"]["largest"] < 1e-3
  texts = json.loads((tmp_path / "texts_toy.json").read_text("utf-8"))
  assert texts["precisions"]["float32"]["cosine"]["least"] > 0.9999
  page = (tmp_path / "README.md").read_text("utf-8")
  assert page.count("beside sentence-transformers") == 2
