"""Vectors of fewer numbers: said by a folder, or wanted of an export."""

import json
import shutil

import numpy as np
import pytest

from hybridret_jax import library, retriever
from hybridret_jax.assembly import own_settings
from hybridret_jax.ground import faults
from hybridret_jax.models import prompts_file
from tests.fixtures import small_run

TEXTS = ["question en aeaf", "answer de bgch", "question de cfdg"]
WIDTH = 8


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  place = tmp_path_factory.mktemp("truncation")
  config = small_run.config_of(place)
  config.loss.matryoshka_dims = (WIDTH,)
  small_run.make(place, config)
  return place


def cut(z_ND, width=WIDTH):
  z_ND = z_ND[:, :width]
  return z_ND / np.linalg.norm(z_ND, axis=1, keepdims=True)


def load(folder):
  return retriever.Retriever.load(folder)


@pytest.fixture(scope="module")
def export(place):
  config = own_settings.recorded(small_run.config_of(place), place / "run")
  config.export.truncate_dim = WIDTH
  return library.export(config, place / "run")


def test_an_export_says_its_width_and_is_read_so(place, export):
  said = json.loads((export / prompts_file.FILE).read_text("utf-8"))
  assert said["truncate_dim"] == WIDTH
  found = load(export)
  assert found.dimension == WIDTH
  whole = load(place / "run")
  np.testing.assert_allclose(
    found.encode_queries(TEXTS), cut(whole.encode_queries(TEXTS)), atol=1e-6
  )
  # A saved copy of what was loaded says so too.
  again = found.save(place / "again")
  np.testing.assert_array_equal(
    load(again).encode_passages(TEXTS), found.encode_passages(TEXTS)
  )


@pytest.mark.torch
def test_sentence_transformers_cuts_at_the_same_place(export):
  library_ = pytest.importorskip(
    "sentence_transformers", reason="sentence-transformers is not installed"
  )
  theirs = library_.SentenceTransformer(str(export), device="cpu")
  found = np.asarray(theirs.encode_query(TEXTS))
  assert found.shape == (len(TEXTS), WIDTH)
  np.testing.assert_allclose(
    cut(found), load(export).encode_queries(TEXTS), atol=1e-5
  )


def test_a_config_has_its_own_word(place, export, tmp_path):
  config = small_run.config_of(place)
  config.model.init = str(export)
  config.model.truncate_dim = 0
  config.evaluation.systems = ("untrained",)
  (found,) = library.evaluate(config, tmp_path / "whole")
  assert any("model.truncate_dim" in note for note in found.notes)
  config.model.truncate_dim = 100
  with pytest.raises(ValueError, match="truncate_dim is 100, of vectors of 24"):
    library.evaluate(config, tmp_path / "more")


def test_a_run_is_the_width_it_was(place):
  config = small_run.config_of(place)
  config.model.truncate_dim = WIDTH
  config.loss.matryoshka_dims = (WIDTH,)
  with pytest.raises(faults.Fault, match="vectors follow from other settings"):
    library.evaluate(config, place / "run")


@pytest.mark.parametrize("value", [0, -1, "8", 2.5, True])
def test_a_folder_that_says_no_width_is_refused(export, tmp_path, value):
  folder = tmp_path / "bad"
  shutil.copytree(export, folder)
  said = json.loads((folder / prompts_file.FILE).read_text("utf-8"))
  said["truncate_dim"] = value
  (folder / prompts_file.FILE).write_text(json.dumps(said))
  with pytest.raises(faults.Fault, match="truncate_dim"):
    load(folder)


def test_more_than_there_is_is_refused(export):
  with pytest.raises(faults.Fault, match="9 is not in 1…8"):
    load(export).truncated(9)
