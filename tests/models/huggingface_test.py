"""Folders in and out: names, shapes, and clear words for what is wrong."""

import json
import shutil

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from hybridret_jax.models import (
  dual_encoder,
  folder,
  huggingface,
  stated,
  weights,
)
from tests.models import parity_test


def tensors_of(place):
  return safetensors.numpy.load_file(place / "model.safetensors")


def rewrite(source, target, tensors):
  shutil.copytree(source, target)
  safetensors.numpy.save_file(tensors, target / "model.safetensors")
  return target


@pytest.fixture
def tiny():
  return parity_test.FIXTURES / "tiny_bert"


def test_prefixes_heads_poolers_and_buffers_are_dropped(tiny, tmp_path):
  """XLM-R's and BERT's own files carry all of these."""
  tensors = {f"roberta.{k}": v for k, v in tensors_of(tiny).items()}
  tensors |= {
    "lm_head.dense.weight": np.zeros((2, 2), np.float32),
    "cls.predictions.bias": np.zeros(2, np.float32),
    "roberta.pooler.dense.weight": np.zeros((24, 24), np.float32),
    "roberta.embeddings.position_ids": np.zeros((1, 38), np.int64),
  }
  changed = rewrite(tiny, tmp_path / "model", tensors)
  _, params = parity_test.load(changed, "mean")
  _, before = parity_test.load(tiny, "mean")
  jax.tree.map(np.testing.assert_array_equal, params, before)


@pytest.mark.parametrize(
  ("name", "prefix", "heads"),
  [
    ("modernbert", "model", ("head.dense.weight", "decoder.bias")),
    ("gte", "new", ("classifier.weight", "new.pooler.dense.weight")),
    ("qwen3", "model", ("lm_head.weight",)),
    ("gemma3", "model", ("lm_head.weight",)),
  ],
)
def test_other_models_files_carry_prefixes_and_heads_too(
  name, prefix, heads, tmp_path
):
  source = parity_test.FIXTURES / f"tiny_{name}"
  tensors = {f"{prefix}.{k}": v for k, v in tensors_of(source).items()}
  tensors |= {head: np.zeros((2, 2), np.float32) for head in heads}
  changed = rewrite(source, tmp_path / "model", tensors)
  _, params = parity_test.load(changed, "mean")
  _, before = parity_test.load(source, "mean")
  jax.tree.map(np.testing.assert_array_equal, params, before)


def test_old_layer_norm_names_are_read(tiny, tmp_path):
  tensors = {
    k.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
      "LayerNorm.bias", "LayerNorm.beta"
    ): v
    for k, v in tensors_of(tiny).items()
  }
  changed = rewrite(tiny, tmp_path / "model", tensors)
  _, params = parity_test.load(changed, "mean")
  _, before = parity_test.load(tiny, "mean")
  jax.tree.map(np.testing.assert_array_equal, params, before)


@pytest.mark.parametrize(
  ("change", "said"),
  [
    (
      lambda t: t.pop("encoder.layer.1.output.dense.bias"),
      "encoder.layer.1.output.dense.bias is missing",
    ),
    (
      lambda t: t.update({"encoder.layer.2.extra": np.zeros(1, np.float32)}),
      "encoder.layer.2.extra is not used",
    ),
    (
      lambda t: t.update(
        {"embeddings.LayerNorm.bias": np.zeros(23, np.float32)}
      ),
      r"embeddings.LayerNorm.bias has shape \(23,\), expected \(24,\)",
    ),
  ],
)
def test_a_tensor_that_does_not_fit_is_named(tiny, tmp_path, change, said):
  tensors = tensors_of(tiny)
  change(tensors)
  changed = rewrite(tiny, tmp_path / "model", tensors)
  with pytest.raises(ValueError, match=said):
    parity_test.load(changed, "mean")


def test_a_pickle_is_refused_with_the_mend(tiny, tmp_path):
  shutil.copytree(tiny, tmp_path / "model")
  (tmp_path / "model/model.safetensors").unlink()
  (tmp_path / "model/pytorch_model.bin").write_bytes(b"x")
  with pytest.raises(
    ValueError, match=r"pickle; convert it first, .*main convert "
  ):
    huggingface.read_tensors(tmp_path / "model")


@pytest.mark.parametrize(
  ("key", "value"), [("model_type", "gpt2"), ("hidden_act", "relu")]
)
def test_another_architecture_is_refused(tiny, tmp_path, key, value):
  shutil.copytree(tiny, tmp_path / "model")
  path = tmp_path / "model" / "config.json"
  path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
  with pytest.raises(ValueError, match=f"{key} '{value}' is not supported"):
    huggingface.read_config(tmp_path / "model")


def test_what_is_no_folder_and_no_hub_id_is_refused():
  with pytest.raises(ValueError, match="no such folder, and no hub id"):
    huggingface.resolve("not/a/model")


@pytest.mark.parametrize("name", parity_test.POOLINGS)
def test_tensors_survive_the_way_there_and_back(name):
  place = parity_test.FIXTURES / f"tiny_{name}"
  module, params = parity_test.load(place, parity_test.POOLINGS[name])
  found = weights.to_tensors(params["both"]["encoder"], module.encoder)
  before = huggingface.read_tensors(place)
  assert {k for k in before if not k.startswith("pooler.")} == set(found)
  for key, value in found.items():
    np.testing.assert_array_equal(value, before[key])
  assert any(len(x) == 90 for x in found.values())


@pytest.mark.parametrize(
  ("pooling", "projection", "hidden", "tied"),
  [
    ("mean", 0, 0, True),
    ("cls_dense_tanh", 0, 0, True),
    ("mean", 8, 0, True),
    ("last", 8, 32, True),
    ("cls_dense_tanh", 8, 32, False),
  ],
)
def test_a_written_folder_reads_back(
  tiny, tmp_path, pooling, projection, hidden, tied
):
  config = huggingface.read_config(tiny)
  module = dual_encoder.DualEncoder(
    config,
    pooling=pooling,
    projection=projection,
    projection_hidden=hidden,
    tied=tied,
  )
  row = jnp.zeros((1, 4), jnp.int32)
  tier = (row, row, row, row, jnp.zeros(1, jnp.int32))

  def init(key):
    return module.init(key, (tier,), num_texts=1, method="every_tower")[
      "params"
    ]

  params = jax.device_get(nn.unbox(init(jax.random.key(3))))
  for name, tower in params.items():
    place = tmp_path / "out" if tied else tmp_path / "out" / name
    place.mkdir(parents=True)
    folder.write(
      place,
      tower,
      config,
      pooling=pooling,
      tokenizer_files={"tokenizer.json": "{}"},
      prompts={"query": "q: ", "passage": "p: "},
      max_lengths={"query": 16, "passage": 32},
      pad_id=0,
    )
  first = tmp_path / "out" if tied else tmp_path / "out" / "query"
  assert huggingface.read_config(first) == config
  said = stated.read(tmp_path / "out")
  assert (said.pooling, said.projection) == (pooling, projection)
  assert said.projection_hidden == hidden
  assert said.tied is (None if tied else False)
  assert said.prefixes == {"query": "q: ", "passage": "p: "}
  assert said.lengths == {"query": 16, "passage": 32}
  abstract = jax.eval_shape(lambda key: nn.unbox(init(key)), jax.random.key(0))
  found = huggingface.load(tmp_path / "out", abstract, config, seed=9)
  expected = {
    name: {
      **tower,
      "encoder": {
        **tower["encoder"],
        "tokens": {
          "embedding": np.pad(
            tower["encoder"]["tokens"]["embedding"][:90], ((0, 38), (0, 0))
          )
        },
      },
    }
    for name, tower in params.items()
  }
  jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_a_projection_that_is_not_there_is_drawn_from_the_seed(tiny):
  config = huggingface.read_config(tiny)
  module = dual_encoder.DualEncoder(config, projection=8)
  row = jnp.zeros((1, 4), jnp.int32)
  tier = (row, row, row, row, jnp.zeros(1, jnp.int32))
  abstract = jax.eval_shape(
    lambda key: nn.unbox(module.init(key, (tier,), num_texts=1)["params"]),
    jax.random.key(0),
  )
  one, same, other = (
    huggingface.load(tiny, abstract, config, seed=seed) for seed in (1, 1, 2)
  )
  kernel = one["both"]["projection"]["kernel"]
  assert kernel.shape == (24, 8)
  np.testing.assert_array_equal(kernel, same["both"]["projection"]["kernel"])
  assert np.abs(kernel - other["both"]["projection"]["kernel"]).max() > 0.01
