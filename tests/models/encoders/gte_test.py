"""GTE's NewModel: what its config.json says, and how positions are scaled."""

import json

import numpy as np
import pytest

from hybridret_jax.ground import faults
from hybridret_jax.models import config_file
from hybridret_jax.models.encoders import gte

# What gte-multilingual-base's file holds.
PUBLISHED = {
  "model_type": "new",
  "architectures": ["NewModel", "NewForTokenClassification"],
  "auto_map": {"AutoModel": "Alibaba-NLP/new-impl--modeling.NewModel"},
  "attention_probs_dropout_prob": 0.0,
  "classifier_dropout": 0.0,
  "hidden_act": "gelu",
  "hidden_dropout_prob": 0.1,
  "hidden_size": 768,
  "id2label": {"0": "LABEL_0"},
  "initializer_range": 0.02,
  "intermediate_size": 3072,
  "label2id": {"LABEL_0": 0},
  "layer_norm_eps": 1e-12,
  "layer_norm_type": "layer_norm",
  "logn_attention_clip1": False,
  "logn_attention_scale": False,
  "max_position_embeddings": 8192,
  "num_attention_heads": 12,
  "num_hidden_layers": 12,
  "pack_qkv": True,
  "pad_token_id": 1,
  "position_embedding_type": "rope",
  "rope_scaling": {"factor": 8.0, "type": "ntk"},
  "rope_theta": 20000,
  "torch_dtype": "float16",
  "transformers_version": "4.39.1",
  "type_vocab_size": 1,
  "unpad_inputs": False,
  "use_memory_efficient_attention": False,
  "vocab_size": 250048,
}


def read(folder, **changes):
  (folder / "config.json").write_text(json.dumps({**PUBLISHED, **changes}))
  return config_file.read(folder)


def test_the_published_file_loads(tmp_path):
  found = read(tmp_path)
  assert found.architecture == gte.Gte(theta=20_000.0, scaling=8.0)
  assert found.max_length == 8192 and found.layer_norm_eps == 1e-12
  assert (found.dropout, found.attention_dropout) == (0.1, 0.0)
  assert found.type_vocab_size == 1 and len(set(found.kinds)) == 1
  plain = read(tmp_path, rope_scaling=None, type_vocab_size=0)
  assert plain.architecture == gte.Gte(theta=20_000.0, scaling=1.0)
  assert plain.type_vocab_size == 0


def test_positions_are_scaled_as_published(tmp_path):
  """The lowest frequency by the factor and a bit, the highest by the bit."""
  shape = read(tmp_path)
  angles = shape.architecture.frequencies(shape, 20_000.0)
  bit = 8 ** (2 / 64)
  assert angles.shape == (32,) and angles.dtype == np.float32
  np.testing.assert_allclose(angles[0], 1 / bit, rtol=1e-6)
  np.testing.assert_allclose(angles[-1], 160_000 ** (-62 / 64) / bit, rtol=1e-6)


@pytest.mark.parametrize(
  ("changes", "said"),
  [
    ({"position_embedding_type": "absolute"}, "position_embedding_type 'abso"),
    ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "type 'linear' is"),
    (
      {"rope_scaling": {"type": "ntk", "factor": 2.0, "mixed_b": 0.6}},
      "'mixed_b' is 0.6",
    ),
    ({"rope_scaling": {"type": "ntk"}}, "factor is missing"),
    ({"pack_qkv": False}, "pack_qkv False is not supported"),
    ({"layer_norm_type": "rms_norm"}, "layer_norm_type 'rms_norm'"),
    ({"logn_attention_scale": True}, "logn_attention_scale True"),
    ({"type_vocab_size": 2}, "type_vocab_size 2 is not supported"),
    ({"hidden_act": "silu"}, "hidden_act 'silu'"),
  ],
)
def test_what_cannot_be_done_is_refused(tmp_path, changes, said):
  with pytest.raises(faults.Fault, match=rf"config\.json: .*{said}"):
    read(tmp_path, **changes)
