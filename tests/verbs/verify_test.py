"""What lies on disk, checked against what was written."""

import shutil

import numpy as np
import pytest

from hybridret_jax import library
from hybridret_jax.assembly import places
from hybridret_jax.ground import faults
from hybridret_jax.retrieval import store
from hybridret_jax.training import checkpoint_digests
from hybridret_jax.verbs import verify
from tests.fixtures import small_run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  """A run with results and an export, and a store."""
  place = tmp_path_factory.mktemp("verify")
  small_run.make(place)
  config = small_run.config_of(place)
  library.evaluate(config, place / "run")
  library.export(config, place / "run")
  opened = store.open_store(
    place / "store", {"by": "a test"}, 6, 4, side="passage"
  )
  for number, rows in ((0, 4), (1, 2)):
    store.write(opened, number, np.ones((rows, 3), np.float32), "")
  return place


@pytest.fixture
def place(made, tmp_path):
  return shutil.copytree(made, tmp_path / "copy")


def states(folder):
  return {
    str(one.place.relative_to(folder)): one.state
    for one in verify.verify(folder)
  }


def flip(path):
  data = bytearray(path.read_bytes())
  data[len(data) // 2] ^= 1
  path.write_bytes(data)


def test_all_is_what_was_written(place):
  found = states(place / "run")
  assert set(found.values()) == {verify.OK}
  assert set(found) == {
    "config.json",
    "record.json",
    "metrics.jsonl",
    "shares.json",
    "checkpoints/2",
    "results/task/results.json",
    "export",
  }
  assert set(states(place / "store").values()) == {verify.OK}
  assert set(states(place / "run" / "export").values()) == {verify.OK}


@pytest.mark.parametrize(
  ("harmed", "part"),
  [
    ("export/model.safetensors", "export"),
    ("export/tokenizer.json", "export"),
    ("export/README.md", "export"),
    ("checkpoints/2/_CHECKPOINT_METADATA", "checkpoints/2"),
  ],
)
def test_a_flipped_bit_is_found(place, harmed, part):
  run = place / "run"
  flip(run / harmed)
  found = states(run)
  assert {name for name, x in found.items() if x == verify.DAMAGED} == {part}


def test_what_cannot_be_read_is_found(place):
  run = place / "run"
  for name in ("record.json", "results/task/results.json"):
    (run / name).write_text("{")
  with (run / "metrics.jsonl").open("a") as lines:
    lines.write("no\n")
  found = states(run)
  assert {name for name, x in found.items() if x == verify.DAMAGED} == {
    *("record.json", "results/task/results.json", "metrics.jsonl"),
  }


def test_without_digests_it_is_said(place):
  run = place / "run"
  (run / "checkpoints" / "2" / checkpoint_digests.FILE).unlink()
  assert states(run)["checkpoints/2"] == verify.UNKNOWN


def test_a_shard_that_is_not_what_it_was(place):
  flip(place / "store" / "00001.npy")
  assert states(place / "store") == {
    "00000.npy": verify.OK,
    "00001.npy": verify.DAMAGED,
  }
  (place / "store" / store.MANIFEST).write_text("{")
  assert states(place / "store") == {store.MANIFEST: verify.DAMAGED}


def test_an_exports_missing_file_is_named(place):
  export = place / "run" / "export"
  (export / "tokenizer.json").unlink()
  (found,) = verify.verify(export)
  assert found.state == verify.DAMAGED
  assert found.about == "tokenizer.json: No such file or directory"


def test_other_folders_are_refused(tmp_path):
  with pytest.raises(faults.Fault, match="holds no run, no export"):
    verify.verify(tmp_path)
  assert not places.is_run(tmp_path)
