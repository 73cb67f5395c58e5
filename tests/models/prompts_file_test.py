"""What config_sentence_transformers.json says, and what it may not say."""

import json

import pytest

from hybridret_jax.ground import faults
from hybridret_jax.models import prompts_file


def said(folder, **values):
  (folder / prompts_file.FILE).write_text(json.dumps(values))
  return folder


def test_without_the_file_nothing_is_said(tmp_path):
  assert prompts_file.prefixes(tmp_path, unit=True) is None
  assert prompts_file.truncate_dim(tmp_path) is None


def test_prompts_of_both_sides_and_the_width(tmp_path):
  prompts = {"query": "Q: ", "document": "D: ", "passage": "P: "}
  folder = said(tmp_path, prompts=prompts, truncate_dim=128)
  assert prompts_file.prefixes(folder, unit=False) == {
    "query": "Q: ",
    "passage": "D: ",
  }
  assert prompts_file.truncate_dim(folder) == 128
  folder = said(tmp_path, prompts={"web": "W: "}, truncate_dim=None)
  assert prompts_file.prefixes(folder, unit=False) is None
  assert prompts_file.truncate_dim(folder) is None


def test_a_default_prompt_is_both_sides(tmp_path):
  folder = said(tmp_path, prompts={"web": "W: "}, default_prompt_name="web")
  assert prompts_file.prefixes(folder, unit=False) == {
    "query": "W: ",
    "passage": "W: ",
  }
  said(tmp_path, prompts={"web": "W: "}, default_prompt_name="other")
  with pytest.raises(faults.Fault, match="'other' is none of prompts"):
    prompts_file.prefixes(tmp_path, unit=False)


def test_a_similarity_is_that_of_unit_vectors(tmp_path):
  folder = said(tmp_path, similarity_fn_name="dot")
  assert prompts_file.prefixes(folder, unit=True) is None
  with pytest.raises(faults.Fault, match="'dot' of vectors of any length"):
    prompts_file.prefixes(folder, unit=False)


@pytest.mark.parametrize("value", [0, -3, 2**21, 1.5, "64", True, [64]])
def test_a_width_that_is_none_is_refused(tmp_path, value):
  with pytest.raises(faults.Fault, match="truncate_dim is"):
    prompts_file.truncate_dim(said(tmp_path, truncate_dim=value))
