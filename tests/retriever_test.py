"""A retriever is the same from a run, its export and what it saved itself."""

import json

import numpy as np
import pytest

from hybridret_jax import retriever
from hybridret_jax.assembly import places
from hybridret_jax.ground import faults
from hybridret_jax.verbs import export
from tests.fixtures import small_run

TEXTS = ["question de ae", "answer en bf cg", "ae", "", "question de ae"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  place = tmp_path_factory.mktemp("place")
  small_run.make(place)
  return place


@pytest.fixture(scope="module")
def of_run(place):
  return retriever.Retriever.load(place / "run")


def test_a_run_says_what_it_is(of_run):
  assert of_run.prefixes == {"query": "query: ", "passage": "passage: "}
  assert of_run.lengths == {"query": 32, "passage": 32}
  assert of_run.languages == small_run.LANGUAGES
  assert of_run.step == 2
  assert of_run.dimension == 24


def test_vectors_are_float32_of_length_one_in_order(of_run):
  q_ND = of_run.encode_queries(TEXTS)
  assert q_ND.shape == (5, 24) and q_ND.dtype == np.float32
  np.testing.assert_allclose(np.linalg.norm(q_ND, axis=1), 1, atol=1e-6)
  np.testing.assert_array_equal(q_ND[0], q_ND[4])
  alone = of_run.encode_queries(TEXTS[2:3])
  np.testing.assert_allclose(alone[0], q_ND[2], atol=1e-6)
  # The prefix is another.
  assert np.abs(of_run.encode_passages(TEXTS) - q_ND).max() > 1e-3
  paired = of_run.encode_passages(TEXTS[:1], contexts=["bf cg"])
  assert np.abs(paired - of_run.encode_passages(TEXTS[:1])).max() > 1e-4


def test_no_texts_are_no_vectors(of_run):
  assert of_run.encode_queries([]).shape == (0, 24)


@pytest.mark.parametrize("texts", ["one text", [b"bytes"], [None], [1]])
def test_what_is_no_list_of_texts_is_refused(of_run, texts):
  with pytest.raises(TypeError, match="give a list of texts"):
    of_run.encode_queries(texts)


def test_saved_and_exported_it_is_the_same(place, of_run, tmp_path):
  saved = of_run.save(tmp_path / "saved")
  exported = export.export(small_run.config_of(place), place / "run")
  expected = of_run.encode_queries(TEXTS)
  for folder in (saved, exported):
    again = retriever.Retriever.load(folder)
    np.testing.assert_array_equal(again.encode_queries(TEXTS), expected)
    assert again.prefixes == of_run.prefixes
    assert again.lengths == of_run.lengths
    assert again.languages == of_run.languages
    assert again.step is None
  # And from there once more, by a card that tells of no training.
  third = retriever.Retriever.load(saved).save(tmp_path / "third")
  again = retriever.Retriever.load(third)
  np.testing.assert_array_equal(again.encode_queries(TEXTS), expected)
  assert (
    "trained with hybridret_jax on" not in (third / "README.md").read_text()
  )
  mark = json.loads((third / places.MARK).read_text())
  assert mark["languages"] == list(small_run.LANGUAGES)


def test_nothing_is_saved_over_anything(of_run, tmp_path):
  (tmp_path / "mine").mkdir()
  (tmp_path / "mine" / "thesis.tex").touch()
  with pytest.raises(faults.Fault, match=r"holds 'thesis.tex'"):
    of_run.save(tmp_path / "mine")
  assert [x.name for x in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
  (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
  with pytest.raises(faults.Fault, match="is a link"):
    of_run.save(tmp_path / "link")


def test_a_plain_folder_is_what_it_says(place):
  plain = retriever.Retriever.load(place / "start")
  assert plain.languages == () and plain.step is None
  assert plain.encode_queries(TEXTS).shape == (5, 24)


def test_bfloat16_is_near_and_still_float32(place, of_run):
  fast = retriever.Retriever.load(place / "run", dtype="bfloat16")
  z_ND = fast.encode_queries(TEXTS)
  assert z_ND.dtype == np.float32
  cosine_N = (z_ND * of_run.encode_queries(TEXTS)).sum(axis=1)
  assert cosine_N.min() > 0.99 and (cosine_N != 1).any()
  with pytest.raises(faults.Fault, match="'int8' is unknown"):
    retriever.Retriever.load(place / "run", dtype="int8")


def test_a_run_without_checkpoint_is_refused(place, tmp_path):
  (tmp_path / "config.json").write_bytes(
    (place / "run" / "config.json").read_bytes()
  )
  with pytest.raises(ValueError, match="no run|no checkpoint"):
    retriever.Retriever.load(tmp_path)
