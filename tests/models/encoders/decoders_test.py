"""Qwen3 and Gemma3's text model: what their config.json says."""

import json

import pytest

from hybridret_jax.ground import faults
from hybridret_jax.models import config_file, cost
from hybridret_jax.models.encoders import gemma3, qwen3
from hybridret_jax.models.encoders.architecture import Kind
from tests.models import cost_test

FULL, SLIDING = "full_attention", "sliding_attention"
# What Qwen3-Embedding-0.6B's file holds.
QWEN3 = {
  "model_type": "qwen3",
  "architectures": ["Qwen3ForCausalLM"],
  "attention_bias": False,
  "attention_dropout": 0.0,
  "bos_token_id": 151643,
  "eos_token_id": 151643,
  "head_dim": 128,
  "hidden_act": "silu",
  "hidden_size": 1024,
  "initializer_range": 0.02,
  "intermediate_size": 3072,
  "max_position_embeddings": 32768,
  "max_window_layers": 28,
  "num_attention_heads": 16,
  "num_hidden_layers": 28,
  "num_key_value_heads": 8,
  "rms_norm_eps": 1e-06,
  "rope_scaling": None,
  "rope_theta": 1000000,
  "sliding_window": None,
  "tie_word_embeddings": True,
  "torch_dtype": "bfloat16",
  "use_cache": True,
  "use_sliding_window": False,
  "vocab_size": 151669,
}
# What EmbeddingGemma-300M's file holds.
GEMMA3 = {
  "model_type": "gemma3_text",
  "_sliding_window_pattern": 6,
  "architectures": ["Gemma3TextModel"],
  "attention_bias": False,
  "attention_dropout": 0.0,
  "attn_logit_softcapping": None,
  "bos_token_id": 2,
  "dtype": "float32",
  "eos_token_id": 1,
  "final_logit_softcapping": None,
  "head_dim": 256,
  "hidden_activation": "gelu_pytorch_tanh",
  "hidden_size": 768,
  "initializer_range": 0.02,
  "intermediate_size": 1152,
  "layer_types": ([SLIDING] * 5 + [FULL]) * 4,
  "max_position_embeddings": 2048,
  "num_attention_heads": 3,
  "num_hidden_layers": 24,
  "num_key_value_heads": 1,
  "pad_token_id": 0,
  "query_pre_attn_scalar": 256,
  "rms_norm_eps": 1e-06,
  "rope_local_base_freq": 10000.0,
  "rope_scaling": None,
  "rope_theta": 1000000.0,
  "sliding_window": 512,
  "use_bidirectional_attention": True,
  "use_cache": True,
  "vocab_size": 262144,
}


def read(folder, published, **changes):
  (folder / "config.json").write_text(json.dumps({**published, **changes}))
  return config_file.read(folder)


def test_qwen3s_published_file_loads(tmp_path):
  found = read(tmp_path, QWEN3)
  assert found.architecture == qwen3.Qwen3(kv_heads=8, size=128)
  assert set(found.kinds) == {Kind(causal=True, theta=1_000_000)}
  assert found.max_length == 32_768 and found.layer_norm_eps == 1e-6
  assert found.dropout == found.attention_dropout == 0


def test_gemma3s_published_file_loads(tmp_path):
  found = read(tmp_path, GEMMA3)
  assert found.architecture == gemma3.Gemma3(kv_heads=1, size=256)
  assert found.kinds[:5] == (Kind(window=256, theta=10_000),) * 5
  assert found.kinds[5] == Kind(theta=1_000_000)
  assert found.max_length == 2048
  by_pattern = read(tmp_path, GEMMA3, layer_types=None)
  assert by_pattern == found


def test_a_causal_window_counts_the_token_itself(tmp_path):
  found = read(tmp_path, GEMMA3, use_bidirectional_attention=False)
  assert found.kinds[0] == Kind(window=511, causal=True, theta=10_000)
  said = found.architecture.their_config(found, 0)
  assert said["sliding_window"] == 512
  assert not said["use_bidirectional_attention"]


@pytest.mark.parametrize(
  ("published", "changes", "said"),
  [
    (QWEN3, {"use_sliding_window": True}, "use_sliding_window True is not"),
    (QWEN3, {"hidden_act": "gelu"}, "hidden_act 'gelu' is not supported"),
    (QWEN3, {"rope_scaling": {"type": "yarn"}}, "'rope_scaling' is"),
    (QWEN3, {"rope_parameters": {"rope_type": "yarn"}}, "rope_type 'yarn'"),
    (QWEN3, {"layer_types": [SLIDING] * 28}, "layer_types .* is not supported"),
    (QWEN3, {"num_key_value_heads": 0}, "num_key_value_heads is 0"),
    (GEMMA3, {"attn_logit_softcapping": 50.0}, "attn_logit_softcapping 50.0"),
    (GEMMA3, {"layer_types": [FULL]}, "list 24 times"),
    (GEMMA3, {"hidden_activation": "gelu"}, "hidden_activation 'gelu'"),
    (
      GEMMA3,
      {"use_bidirectional_attention": 1},
      "bidirectional_attention is 1",
    ),
  ],
)
def test_what_cannot_be_done_is_refused(tmp_path, published, changes, said):
  with pytest.raises(faults.Fault, match=rf"config\.json: .*{said}"):
    read(tmp_path, published, **changes)


def test_heads_that_do_not_share_evenly_are_refused(tmp_path):
  with pytest.raises(ValueError, match="16 is not a multiple of .* 3"):
    read(tmp_path, QWEN3, num_key_value_heads=3)


def test_dropout_that_it_has_not_is_refused(tmp_path):
  (tmp_path / "config.json").write_text(json.dumps(QWEN3))
  assert config_file.read(tmp_path, attention_dropout=0.1).attention_dropout
  with pytest.raises(ValueError, match=r"model\.dropout 0.1: .* set .*=0"):
    config_file.read(tmp_path, dropout=0.1)


@pytest.mark.parametrize(
  "architecture",
  [
    qwen3.Qwen3(kv_heads=2, size=128),
    gemma3.Gemma3(kv_heads=2, size=128, window=128, full=(0,), scalar=128),
  ],
)
def test_forward_is_what_xla_counts(architecture):
  # One layer of one kind is counted once, two of two kinds both.
  count = 2 if isinstance(architecture, gemma3.Gemma3) else 1
  model = cost_test.module(
    layers=count, architecture=architecture, projection=64, projection_hidden=96
  )
  rows = cost_test.rows_of((2, 1024))
  embed, params = cost_test.embedder(model, rows)
  work = cost.executed(rows, texts=cost_test.TEXTS)
  assert cost_test.by_xla(embed, params, rows) == pytest.approx(
    cost.forward(model, work), rel=0.03
  )
