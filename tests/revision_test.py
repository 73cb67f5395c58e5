"""A start of the hub at a revision, out of its cache: no network here."""

import pathlib
import shutil

import numpy as np
import pytest
import safetensors.numpy
from huggingface_hub import constants

from hybridret_jax import library, retriever
from hybridret_jax.ground import faults
from hybridret_jax.models import huggingface
from tests.fixtures import small_run

OLD, NEW = "0123" * 10, "abcd" * 10
TEXTS = ["question en aeaf"]


@pytest.fixture
def hub(tmp_path, monkeypatch) -> pathlib.Path:
  """owner/start at two commits: a tag at the first, main at the second."""
  monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
  monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
  repo = tmp_path / "hub" / "models--owner--start"
  small_run.start(tmp_path / "start")
  for commit, times in ((OLD, 1.0), (NEW, 1.5)):
    folder = repo / "snapshots" / commit
    shutil.copytree(tmp_path / "start", folder)
    tensors = safetensors.numpy.load_file(folder / "model.safetensors")
    changed = {name: (times * x).astype(x.dtype) for name, x in tensors.items()}
    safetensors.numpy.save_file(changed, folder / "model.safetensors")
  (repo / "refs").mkdir()
  (repo / "refs" / "main").write_text(NEW)
  (repo / "refs" / "v1").write_text(OLD)
  return repo


def vectors(**settings):
  return retriever.Retriever.load("owner/start", **settings)


def test_a_revision_is_taken_and_named(hub):
  old = retriever.Retriever.load(hub / "snapshots" / OLD)
  for revision in ("v1", OLD):
    found = vectors(revision=revision)
    np.testing.assert_array_equal(
      found.encode_queries(TEXTS), old.encode_queries(TEXTS)
    )
    assert (
      found.notes[-1] == f"owner/start was taken at commit {OLD} of the hub."
    )
  newest = vectors()
  assert NEW in newest.notes[-1]
  assert not np.array_equal(
    newest.encode_queries(TEXTS), old.encode_queries(TEXTS)
  )


def test_one_that_is_not_there_is_named(hub):
  with pytest.raises(ValueError, match="could not be had from the hub at rev"):
    vectors(revision="v2")
  with pytest.raises(faults.Fault, match="'v1' is given, but .* is a folder"):
    retriever.Retriever.load(hub / "snapshots" / OLD, revision="v1")
  assert huggingface.commit(hub / "snapshots" / OLD) == OLD
  assert huggingface.commit(hub) is None


def test_a_run_keeps_its_revision(hub, tmp_path):
  place = tmp_path / "place"
  place.mkdir()
  config = small_run.config_of(place)
  config.model.init, config.model.revision = "owner/start", "v1"
  small_run.make(place, config)
  run = place / "run"
  library.export(None, run)
  card = (run / "export" / "README.md").read_text("utf-8")
  assert f"commit {OLD}" in card and "base_model: owner/start" in card
  # A config that leaves it open gets the run's, which is what main is not.
  config.model.revision = None
  config.model.start_share = 0.0
  library.evaluate(config, run)
  with config.unlocked():
    config.model.revision = "main"
  config.evaluation.systems = ("untrained",)
  with pytest.raises(ValueError, match="is not what the run was trained with"):
    library.evaluate(config, run)


def test_a_folder_or_scratch_has_none(tmp_path):
  small_run.start(tmp_path / "start")
  config = small_run.config_of(tmp_path)
  config.model.revision = "v1"
  with pytest.raises(
    ValueError, match="model.revision is 'v1', but model.init"
  ):
    library.train(config, tmp_path / "run")
