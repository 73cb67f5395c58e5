"""Each architecture's folder, written and read back, is the same model."""

import importlib.util
import json

import numpy as np
import pytest

from hybridret_jax import retriever
from hybridret_jax.models import config_file
from tests.assembly import model_folders

NAMES = ("modernbert", "gte", "qwen3", "gemma3")
TEXTS = [
  "word 1 abc",
  "ABC",
  " ".join(["word 3 abc word 2 ABC"] * 6),
  "",
  "abc abc",
]


def as_published(folder, name):
  """The folder with what the architecture's models come with."""
  if name == "modernbert":
    return model_folders.with_bpe(
      folder, before=["<bos>"], after=["<eos>"], spaces="▁"
    )
  if name == "qwen3":
    model_folders.with_bpe(folder, after=["<|endoftext|>"])
    model_folders.change(folder / "tokenizer_config.json", padding_side="left")
    return model_folders.modules(folder, pooling="lasttoken")
  if name == "gemma3":
    rng = np.random.default_rng(0)
    layers = [
      (
        {
          "in_features": width,
          "out_features": out,
          "bias": False,
          "activation_function": "torch.nn.modules.linear.Identity",
        },
        {"linear.weight": rng.normal(size=(out, width)).astype(np.float32)},
      )
      for width, out in ((24, 96), (96, 24))
    ]
    return model_folders.modules(folder, *layers, pooling="mean_tokens")
  return folder


@pytest.fixture(scope="module", params=NAMES)
def saved(request, tmp_path_factory):
  """(retriever of a folder, what it wrote)."""
  place = tmp_path_factory.mktemp(request.param)
  made = model_folders.make(place / "start", request.param)
  made = as_published(made, request.param)
  of_folder = retriever.Retriever.load(made)
  return of_folder, of_folder.save(place / "saved")


def test_an_export_is_read_back_bitwise(saved):
  of_folder, folder = saved
  again = retriever.Retriever.load(folder)
  start = folder.with_name("start")
  assert config_file.read(folder) == config_file.read(start)
  for side in ("encode_queries", "encode_passages"):
    np.testing.assert_array_equal(
      getattr(again, side)(TEXTS), getattr(of_folder, side)(TEXTS)
    )


@pytest.mark.torch
def test_sentence_transformers_gives_the_same_vectors(saved):
  if importlib.util.find_spec("sentence_transformers") is None:
    pytest.skip("sentence-transformers is not installed")
  import sentence_transformers

  of_folder, folder = saved
  if folder.parent.name.startswith("gte"):
    pytest.skip("transformers has no class of it: its code is not run")
  library = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
  np.testing.assert_allclose(
    library.encode_query(TEXTS),
    of_folder.encode_queries(TEXTS),
    rtol=0,
    atol=1e-5,
  )
  np.testing.assert_allclose(
    library.encode_document(TEXTS),
    of_folder.encode_passages(TEXTS),
    rtol=0,
    atol=1e-5,
  )


def test_an_export_says_nothing_of_other_models(saved):
  _, folder = saved
  said = json.loads((folder / "config.json").read_text())
  for key in ("bos_token_id", "eos_token_id", "cls_token_id"):
    assert said.get(key) is None


def test_an_export_keeps_the_side_of_padding(saved):
  """Which changes no vector here, but is the folder's word."""
  _, folder = saved
  said = json.loads((folder / "tokenizer_config.json").read_text())
  side = "left" if folder.parent.name.startswith("qwen3") else "right"
  assert said["padding_side"] == side
