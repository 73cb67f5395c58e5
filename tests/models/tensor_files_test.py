"""The index alone names files; only finite floating tensors are read."""

import json
import logging

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from hybridret_jax.ground import faults
from hybridret_jax.models import tensor_files

A, B = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(2, np.float32)


def save(path, **tensors):
  safetensors.numpy.save_file(tensors, path)


def index(folder, **files):
  text = json.dumps({"weight_map": files})
  (folder / tensor_files.INDEX).write_text(text)


@pytest.fixture
def sharded(tmp_path):
  save(tmp_path / "model-00001-of-00002.safetensors", a=A)
  save(tmp_path / "model-00002-of-00002.safetensors", b=B)
  index(
    tmp_path,
    a="model-00001-of-00002.safetensors",
    b="model-00002-of-00002.safetensors",
  )
  return tmp_path


def values(folder):
  found = tensor_files.of_folder(folder)
  return {name: tensor.read() for name, tensor in found.items()}


def test_a_stale_shard_is_left_alone_and_that_is_said(sharded, caplog):
  save(sharded / "model-00003-of-00003.safetensors", a=A + 9, b=B + 9, c=B)
  with caplog.at_level(logging.WARNING, "hybridret_jax"):
    found = values(sharded)
  assert set(found) == {"a", "b"}
  np.testing.assert_array_equal(found["a"], A)
  assert "model-00003-of-00003.safetensors" in caplog.text


def test_a_tensor_is_read_from_the_file_that_the_index_names(sharded, caplog):
  save(sharded / "model-00002-of-00002.safetensors", b=B, a=A + 9)
  with caplog.at_level(logging.WARNING, "hybridret_jax"):
    np.testing.assert_array_equal(values(sharded)["a"], A)
  assert "model-00002-of-00002.safetensors: a" in caplog.text


def test_what_the_index_names_has_to_be_there(sharded):
  save(sharded / "model-00002-of-00002.safetensors", other=B)
  with pytest.raises(faults.Fault, match="has no b, which"):
    tensor_files.of_folder(sharded)
  (sharded / "model-00002-of-00002.safetensors").unlink()
  with pytest.raises(faults.Fault, match=r"00002.safetensors: cannot be read"):
    tensor_files.of_folder(sharded)
  for name in ("../x.safetensors", "/x.safetensors", "", "\0.safetensors", 3):
    index(sharded, a=name)
    with pytest.raises(faults.Fault, match="name a file of this folder"):
      tensor_files.of_folder(sharded)
  index(sharded)
  with pytest.raises(faults.Fault, match="weight_map names no tensor"):
    tensor_files.of_folder(sharded)


def test_shards_without_an_index_are_refused(sharded):
  (sharded / tensor_files.INDEX).unlink()
  with pytest.raises(faults.Fault, match="index.json: is missing, though"):
    tensor_files.of_folder(sharded)


def test_one_file_beside_an_index_has_to_hold_the_same(sharded):
  save(sharded / "model.safetensors", a=A, b=B)
  assert set(values(sharded)) == {"a", "b"}
  for other in ({"a": A}, {"a": A, "b": B + 1}, {"a": A, "b": B, "c": B}):
    save(sharded / "model.safetensors", **other)
    with pytest.raises(faults.Fault, match="names other weights than"):
      tensor_files.of_folder(sharded)
  save(sharded / "model.safetensors", a=A + 1)
  index(sharded, a="model.safetensors")
  np.testing.assert_array_equal(values(sharded)["a"], A + 1)


def test_two_tensors_of_one_name_are_refused(tmp_path):
  path = tmp_path / "model.safetensors"
  save(path, **{"bert.x.weight": A, "x.weight": B})
  with pytest.raises(faults.Fault, match="are both x.weight; keep the one"):
    tensor_files.of_folder(tmp_path)


@pytest.mark.parametrize("kind", ["float16", "float64", ml_dtypes.bfloat16])
def test_floats_are_read_in_float32(tmp_path, kind):
  save(tmp_path / "model.safetensors", a=A.astype(kind))
  (found,) = values(tmp_path).values()
  assert found.dtype == np.float32
  np.testing.assert_array_equal(found, A)


@pytest.mark.parametrize(
  "kind", ["int8", "uint8", "int64", "bool", ml_dtypes.float8_e4m3fn]
)
def test_other_numbers_are_no_weights(tmp_path, kind):
  save(tmp_path / "model.safetensors", a=A.astype(kind))
  (tensor,) = tensor_files.of_folder(tmp_path).values()
  assert tensor.shape == (2, 3)
  with pytest.raises(faults.Fault, match="a holds .*; dequantise the model"):
    tensor.read()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_are_finite(tmp_path, value):
  save(tmp_path / "model.safetensors", a=np.where(A == 1, value, A))
  (tensor,) = tensor_files.of_folder(tmp_path).values()
  with pytest.raises(faults.Fault, match="a has 1 values that are no finite"):
    tensor.read()


def test_a_broken_file_is_named(tmp_path):
  path = tmp_path / "model.safetensors"
  save(path, a=A)
  whole = path.read_bytes()
  for data in (b"", b"abc", whole[:-1], whole[:20], b"\xff" * 64):
    path.write_bytes(data)
    with pytest.raises(faults.Fault, match="cannot be read as safetensors"):
      tensor_files.of_folder(tmp_path)
