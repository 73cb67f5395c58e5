"""Pickles made safetensors: the same numbers, and nothing of theirs run."""

import json
import pathlib
import pickle
import shutil

import numpy as np
import pytest

from hybridret_jax import dry_runs, library
from hybridret_jax.ground import faults
from hybridret_jax.models import tensor_files
from tests.fixtures import small_run

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.torch
PICKLE = "pytorch_model.bin"


@pytest.fixture
def start(tmp_path):
  return small_run.start(tmp_path / "start")


def pickled(start, place, *, shards=1, dtype=torch.float32):
  """The model with its weights as torch saves them."""
  tensors = {
    name: torch.tensor(x.read()).to(dtype)
    for name, x in tensor_files.of_folder(start).items()
  }
  shutil.copytree(start, place)
  (place / "model.safetensors").unlink()
  (place / "colbert_linear.pt").write_bytes(b"another pickle")
  (place / "modeling.py").write_text("raise SystemExit")
  names = sorted(tensors)
  if shards == 1:
    torch.save(tensors, place / PICKLE)
    return place
  weight_map = {}
  for number in range(shards):
    file = f"pytorch_model-{number + 1:05}-of-{shards:05}.bin"
    part = names[number::shards]
    torch.save({name: tensors[name] for name in part}, place / file)
    weight_map |= dict.fromkeys(part, file)
  index = {"metadata": {}, "weight_map": weight_map}
  (place / f"{PICKLE}.index.json").write_text(json.dumps(index))
  return place


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_numbers_in_the_same_type(start, tmp_path, shards, dtype):
  place = pickled(start, tmp_path / "pickled", shards=shards, dtype=dtype)
  with pytest.raises(ValueError, match="convert --model=.* --workdir=NEW"):
    tensor_files.of_folder(place)
  found = library.convert(place, tmp_path / "new")
  before = tensor_files.of_folder(start)
  after = tensor_files.of_folder(tmp_path / "new")
  assert found == {
    "tensors": len(before),
    "left_out": ["colbert_linear.pt", "modeling.py", "outputs.npz"],
  }
  assert after.keys() == before.keys()
  for name, x in after.items():
    want = torch.tensor(before[name].read()).to(dtype).float().numpy()
    np.testing.assert_array_equal(np.asarray(x.read(), np.float32), want)
  kept = {p.name for p in (tmp_path / "new").iterdir()}
  assert kept == {p.name for p in start.iterdir()} - {"outputs.npz"}


def test_tied_tables_and_dense_modules(start, tmp_path):
  place = pickled(start, tmp_path / "pickled")
  tensors = torch.load(place / PICKLE, weights_only=True)
  table = tensors["embeddings.word_embeddings.weight"]
  tensors["lm_head.decoder.weight"] = table
  torch.save(tensors, place / PICKLE)
  (place / "2_Dense").mkdir()
  dense = {"linear.weight": torch.ones(8, 24), "linear.bias": torch.zeros(8)}
  torch.save(dense, place / "2_Dense" / PICKLE)
  (place / "2_Dense" / "config.json").write_text("{}")
  library.convert(place, tmp_path / "new")
  assert (tmp_path / "new" / "2_Dense" / "config.json").is_file()
  found = tensor_files.of_file(tmp_path / "new" / "2_Dense" / tensor_files.FILE)
  assert found["linear.weight"].shape == (8, 24)


class _Runs:
  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return pathlib.Path.touch, (self.path,)


def test_nothing_of_a_pickle_is_run(start, tmp_path):
  place = pickled(start, tmp_path / "pickled")
  flag = tmp_path / "was_run"
  for value in (_Runs(flag), {"weight": _Runs(flag)}):
    with (place / PICKLE).open("wb") as file:
      pickle.dump(value, file)
    with pytest.raises(
      faults.Fault, match="cannot be converted: pytorch_model"
    ):
      library.convert(place, tmp_path / "new")
    torch.save(value, place / PICKLE)
    with pytest.raises(faults.Fault, match="nothing of this one was run"):
      library.convert(place, tmp_path / "new")
  assert not flag.exists() and not (tmp_path / "new").exists()
  # The file would run, if it were loaded.
  with (place / PICKLE).open("wb") as file:
    pickle.dump(_Runs(flag), file)
  pickle.loads((place / PICKLE).read_bytes())
  assert flag.exists()


@pytest.mark.parametrize(
  ("broken", "said"),
  [
    (lambda p: (p / PICKLE).unlink(), "has no pytorch_model.bin"),
    (lambda p: (p / PICKLE).write_bytes(b"PK\x03\x04"), "cannot be converted"),
    (lambda p: torch.save([1], p / PICKLE), "holds no tensors by name"),
    (lambda p: torch.save({"a": 1}, p / PICKLE), "'a' is no tensor"),
    (lambda p: (p / "model.safetensors").touch(), "has safetensors already"),
  ],
)
def test_what_cannot_be_converted_is_named(start, tmp_path, broken, said):
  place = pickled(start, tmp_path / "pickled")
  broken(place)
  with pytest.raises(faults.Fault, match=said):
    library.convert(place, tmp_path / "new")
  assert not (tmp_path / "new").exists()


def test_an_index_names_files_of_the_folder_alone(start, tmp_path):
  place = pickled(start, tmp_path / "pickled", shards=2)
  for name, said in (
    ("../a.bin", "name .bin files of this folder"),
    ("a.bin", "names a.bin, which is missing"),
  ):
    (place / f"{PICKLE}.index.json").write_text(
      json.dumps({"weight_map": {"x": name}})
    )
    with pytest.raises(faults.Fault, match=said):
      library.convert(place, tmp_path / "new")


def test_a_dry_run_names_the_pickles_and_reads_none(start, tmp_path):
  place = pickled(start, tmp_path / "pickled", shards=2)
  said = dry_runs.told("convert", model=place, folder=tmp_path / "new")
  assert "pytorch_model-00001-of-00002.bin, pytorch_model-00002" in said
  assert not (tmp_path / "new").exists()
