"""Shapes of well-known models, against the sizes that they are published in."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybridret_jax.models import dual_encoder, huggingface, known_shapes
from tests.models.encoders import decoders_test, gte_test, modernbert_test


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
  """What this machine's hub cache has must not be what is tested."""
  find = functools.partial(
    known_shapes.huggingface_hub.try_to_load_from_cache, cache_dir=tmp_path
  )
  monkeypatch.setattr(
    known_shapes.huggingface_hub, "try_to_load_from_cache", find
  )
  return tmp_path


def parameters(shape):
  """Parameters of the encoder as it is published, without its pooler."""
  row = jnp.zeros((1, 8), jnp.int32)
  tier = (row, row, row, row, jnp.zeros(1, jnp.int32))
  module = dual_encoder.DualEncoder(shape)
  params = jax.eval_shape(
    functools.partial(module.init, num_texts=1), jax.random.key(0), (tier,)
  )
  total = sum(np.prod(x.shape) for x in jax.tree.leaves(params))
  return total - (shape.table_size - shape.vocab_size) * shape.hidden_size


def pooler(width):
  return width * width + width


@pytest.mark.parametrize(
  ("name", "published"),
  [
    ("FacebookAI/xlm-roberta-base", 278_043_648 - pooler(768)),
    ("FacebookAI/xlm-roberta-large", 559_890_432 - pooler(1024)),
    ("sentence-transformers/LaBSE", 470_926_848 - pooler(768)),
    ("intfloat/multilingual-e5-small", 117_653_760 - pooler(384)),
    ("intfloat/multilingual-e5-base", 278_043_648 - pooler(768)),
    ("intfloat/multilingual-e5-large", 559_890_432 - pooler(1024)),
  ],
)
def test_a_known_model_has_its_published_parameters(name, published):
  shape = known_shapes.find(name)
  assert parameters(shape) == published
  longest = 512
  assert shape.max_length == longest


@pytest.mark.parametrize(
  ("name", "millions", "longest"),
  [
    ("BAAI/bge-m3", 567, 8192),  # 568 with its pooler.
    ("jhu-clsp/mmBERT-base", 307, 8192),
    ("jhu-clsp/mmBERT-small", 140, 8192),
    ("Alibaba-NLP/gte-multilingual-base", 305, 8192),
    ("Qwen/Qwen3-Embedding-0.6B", 596, 32_768),
    ("google/embeddinggemma-300m", 303, 2048),  # 308 with its dense layers.
  ],
)
def test_todays_encoders_have_the_sizes_that_are_named(name, millions, longest):
  shape = known_shapes.find(name)
  assert round(parameters(shape) / 1e6) == millions
  assert shape.max_length == longest


@pytest.mark.parametrize(
  ("name", "file"),
  [
    ("Alibaba-NLP/gte-multilingual-base", gte_test.PUBLISHED),
    ("Qwen/Qwen3-Embedding-0.6B", decoders_test.QWEN3),
    ("google/embeddinggemma-300m", decoders_test.GEMMA3),
    ("jhu-clsp/mmBERT-base", modernbert_test.MMBERT),
  ],
)
def test_a_known_shape_is_what_the_published_file_says(tmp_path, name, file):
  said = {"model_type": "modernbert", **file}
  (tmp_path / "config.json").write_text(json.dumps(said))
  assert known_shapes.find(name) == known_shapes.find(str(tmp_path))


def test_the_real_folder_has_the_known_shape(me5_small):
  assert known_shapes.find("intfloat/multilingual-e5-small") == (
    huggingface.read_config(me5_small)
  )
  assert known_shapes.find(str(me5_small)) == (
    huggingface.read_config(me5_small)
  )


def test_settings_replace_what_the_model_has():
  shape = known_shapes.find(
    "FacebookAI/xlm-roberta-base", dropout=0.0, dtype="bfloat16", remat=None
  )
  assert (shape.dropout, shape.dtype, shape.remat) == (0.0, "bfloat16", "dense")
  assert shape.attention_dropout == 0.1


def test_the_hub_cache_goes_first(empty_cache, me5_small):
  name = "FacebookAI/xlm-roberta-base"
  folder = empty_cache / "models--FacebookAI--xlm-roberta-base"
  snapshot = folder / "snapshots" / "abc"
  snapshot.mkdir(parents=True)
  (folder / "refs").mkdir()
  (folder / "refs" / "main").write_text("abc")
  config = (me5_small / "config.json").read_text()
  (snapshot / "config.json").write_text(config)
  assert known_shapes.find(name).hidden_size == 384


def test_an_unknown_model_is_refused():
  with pytest.raises(ValueError, match="'some/model' is no folder.*LaBSE"):
    known_shapes.find("some/model")
