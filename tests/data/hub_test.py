"""Data sets of the hub, out of its cache: there is no network here."""

import pathlib

import pytest
from huggingface_hub import constants

from hybridret_jax.data import sources
from tests.data import forms
from tests.data.sources_test import rows_of


@pytest.fixture
def cached(tmp_path, monkeypatch) -> pathlib.Path:
  """The folder of a data set that was downloaded."""
  monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
  folder = tmp_path / "datasets--owner--set"
  (folder / "refs").mkdir(parents=True)
  (folder / "refs" / "main").write_text("c0ffee")
  return folder / "snapshots" / "c0ffee"


def put(folder, name, *queries):
  rows = [{"question": q, "answer": f"of {q}"} for q in queries]
  forms.parquet_file(folder / name, rows)


def test_the_files_of_a_split(cached):
  put(cached, "data/train-00000-of-00002.parquet", "a")
  put(cached, "data/train-00001-of-00002.parquet", "b")
  put(cached, "data/test-00000-of-00001.parquet", "c")
  (cached / "README.md").write_text("no rows")
  for spec, wanted in (
    ("hub:owner/set", ["a", "b"]),
    ("hub:owner/set?split=test", ["c"]),
  ):
    corpus = sources.read([spec], languages=["en"])
    assert [row[5] for row in rows_of(corpus)] == wanted
    assert corpus.sources == ("set",)


def test_one_of_several_configurations(cached):
  put(cached, "one/train/0000.parquet", "a")
  put(cached, "two/train/0000.parquet", "b")
  with pytest.raises(ValueError, match="one/train, two/train; say .config="):
    sources.read(["hub:owner/set"], languages=["en"])
  corpus = sources.read(["hub:owner/set?config=two"], languages=["en"])
  assert [row[5] for row in rows_of(corpus)] == ["b"]
  with pytest.raises(ValueError, match="no file of rows .* in three"):
    sources.read(["hub:owner/set?config=three"], languages=["en"])


@pytest.mark.parametrize("name", ["set", "a/b/c", "/set"])
def test_ids_that_are_none(name):
  with pytest.raises(ValueError, match="no id of the hub; write hub:"):
    sources.read([f"hub:{name}"])
