"""Encoding beside sentence-transformers: the same vectors on both sides."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.torch

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _installed():
  pytest.importorskip("sentence_transformers")


def _run(config, *flags):
  return subprocess.run(
    [
      *(sys.executable, "benchmarks/encode_speed.py", f"--config={config}"),
      *("--precision=float32", "--attention=sdpa", "--repeats=1", *flags),
    ],
    cwd=ROOT,
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
  )


def test_both_sides_make_the_same_vectors(tiny_config, tmp_path):
  done = _run(
    tiny_config,
    *("--share=0.5", "--batch_size=4", "--batch_size=16"),
    f"--out={tmp_path}/speed.json",
  )
  assert not done.returncode, done.stderr[-3000:]
  saved = json.loads((tmp_path / "speed.json").read_text("utf-8"))
  found = saved["precisions"]["float32"]
  ours, theirs = found["sides"].values()
  assert found["cosine"]["least"] > 0.99999
  assert ours["tokens"] == theirs["tokens"] > 500
  for side in (ours, theirs):
    assert 0 < side["padding_share"] < 0.6
    assert side["items_per_second"]["median"] == pytest.approx(
      found["texts"] / side["seconds"]["median"]
    )
  assert [x["setting"]["batch_size"] for x in found["trial"]] == [4, 16]
  best = min(found["trial"], key=lambda tried: tried["seconds"])
  assert found["setting"] == best["setting"]
  assert "texts/s" in done.stdout and "times faster" in done.stdout


def test_other_vectors_are_an_error(tiny_config):
  done = _run(
    tiny_config,
    *("--share=0.1", "--batch_size=4", "--config.model.pooling=cls"),
  )
  assert done.returncode
  assert "the two vectors of a text have a cosine of" in done.stderr


def test_every_way_of_theirs_gives_about_the_same(tiny_config, tmp_path):
  from benchmarks.workers import peer_encoding

  texts = {"query": ["q: abc", "q: wxyzwxyz"], "passage": ["p: cbad"]}

  def vectors(precision, attention):
    encoding = peer_encoding.Encoding()
    encoding.start(
      folder=str(tiny_config.parent / "model"),
      precision=precision,
      attention=attention,
      texts=texts,
      max_lengths={"query": 30, "passage": 30},
    )
    encoding.warm_up(1)
    path = str(tmp_path / f"{precision}_{attention}.npy")
    answer = encoding.encode(batch_size=2, vectors=path)
    # Counted anew by each call.
    assert encoding.encode(batch_size=2)["tokens"] == answer["tokens"]
    assert answer["tokens"] < answer["slots"]
    return np.load(path)

  one = vectors("float32", "sdpa")
  assert one.shape == (3, 24)
  np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, rtol=1e-5)
  other = vectors("float32", "eager")
  np.testing.assert_allclose(other, one, rtol=0, atol=1e-5)
  for way in ("autocast", "bfloat16"):
    rounded = vectors(way, "sdpa")
    assert np.abs(rounded - one).max() > 1e-5
    assert (rounded * one).sum(axis=1).min() > 0.98


def test_a_share_of_the_distinct_texts():
  from benchmarks.workers import our_encoding

  texts = [f"t{i % 50}" for i in range(80)]
  whole = our_encoding.thinned(texts, share=1.0, seed=0)
  assert whole == [f"t{i}" for i in range(50)]
  some = our_encoding.thinned(texts, share=0.2, seed=0)
  assert len(some) == 10
  assert some == [text for text in whole if text in some]
  assert some == our_encoding.thinned(texts, share=0.2, seed=0)
  assert some != our_encoding.thinned(texts, share=0.2, seed=1)
