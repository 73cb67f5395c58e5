"""ModernBERT: what its config.json says, its packing, its cost."""

import json

import numpy as np
import pytest

from hybridret_jax.ground import faults
from hybridret_jax.models import config_file, cost, encoder
from hybridret_jax.models.encoders import modernbert
from hybridret_jax.models.encoders.architecture import Kind
from tests.models import cost_test

FULL, SLIDING = "full_attention", "sliding_attention"


def read(folder, **values):
  said = {"model_type": "modernbert", **values}
  (folder / "config.json").write_text(json.dumps(said))
  return config_file.read(folder)


def test_a_silent_file_is_the_classs(tmp_path):
  found = read(tmp_path)
  assert found.architecture == modernbert.ModernBert()
  assert found.max_length == 8192 and found.layer_norm_eps == 1e-5
  assert found.dropout == found.attention_dropout == 0
  first, second, third, fourth, *_ = found.kinds
  assert first == Kind(theta=160_000, first=True)
  assert second == third == Kind(window=64, theta=10_000)
  assert fourth == Kind(theta=160_000)


# What mmBERT's file holds beside sizes.
MMBERT = {
  "global_attn_every_n_layers": 3,
  "global_rope_theta": 160_000,
  "local_rope_theta": 160_000,
  "local_attention": 128,
  "layer_norm_eps": 1e-05,
  "position_embedding_type": "sans_pos",
  "repad_logits_with_grad": False,
  "pad_token_id": 0,
  "sep_token_id": 1,
  "classifier_pooling": "mean",
  "vocab_size": 256_000,
}


def test_mmberts_file_loads(tmp_path):
  found = read(tmp_path, **MMBERT)
  assert found.architecture == modernbert.ModernBert(window_theta=160_000.0)
  assert encoder.runs(found.kinds) == [
    (0, found.kinds[:1], 1),
    (1, found.kinds[1:4], 7),
  ]


def test_both_forms_of_the_file_are_one(tmp_path):
  old = read(
    tmp_path,
    num_hidden_layers=4,
    global_attn_every_n_layers=2,
    global_rope_theta=50.0,
    local_rope_theta=20.0,
  )
  new = read(
    tmp_path,
    num_hidden_layers=4,
    layer_types=[FULL, SLIDING] * 2,
    rope_parameters={
      FULL: {"rope_type": "default", "rope_theta": 50.0},
      SLIDING: {"rope_type": "default", "rope_theta": 20.0},
    },
  )
  assert old == new and old.architecture.full == (0, 2)


@pytest.mark.parametrize(
  ("changes", "said"),
  [
    ({"hidden_activation": "silu"}, "hidden_activation 'silu' is not"),
    ({"layer_types": [FULL]}, "layer_types is .*list 22 times"),
    ({"layer_types": ["chunked"] * 22}, "layer_types is"),
    (
      {"rope_parameters": {FULL: {"rope_type": "yarn", "rope_theta": 5.0}}},
      "rope_type 'yarn' is not supported",
    ),
    ({"rope_parameters": {FULL: {"factor": 8.0}}}, "'factor' is 8.0"),
    ({"rope_scaling": {"type": "ntk"}}, "'rope_scaling' is"),
    ({"local_rope_theta": None}, "local_rope_theta is None"),
    ({"embedding_dropout": 0.1}, "embedding_dropout and mlp_dropout 0.0 dif"),
    ({"num_attention_heads": 7}, "768 is not a multiple of .* 7"),
    ({"norm_bias": 1}, "norm_bias is 1"),
  ],
)
def test_what_cannot_be_done_is_refused(tmp_path, changes, said):
  with pytest.raises(faults.Fault, match=rf"config\.json: .*{said}"):
    read(tmp_path, **changes)


def test_layers_that_repeat_are_found():
  kinds = tuple(Kind(window=int(x)) for x in "0112112112")
  assert encoder.runs(kinds) == [
    (0, kinds[:1], 1),
    (1, kinds[1:4], 3),
  ]
  kinds = tuple(Kind(window=int(x)) for x in "011211211211")
  assert [run[::2] for run in encoder.runs(kinds)] == [(0, 1), (1, 3), (10, 2)]
  assert encoder.runs(kinds[:1]) == [(0, kinds[:1], 1)]


def test_forward_is_what_xla_counts():
  model = cost_test.module(
    layers=2, architecture=modernbert.ModernBert(window=64, full=(0,))
  )
  rows = cost_test.rows_of((2, 1024))
  embed, params = cost_test.embedder(model, rows)
  work = cost.executed(rows, texts=cost_test.TEXTS)
  assert cost_test.by_xla(embed, params, rows) == pytest.approx(
    cost.forward(model, work), rel=0.03
  )


def test_a_window_costs_what_it_sees():
  model = cost_test.module(
    layers=1, architecture=modernbert.ModernBert(window=64, full=())
  )
  lengths = np.array([10, 1000])
  work = cost.Work(int(lengths.sum()), int((lengths**2).sum()), 2)
  dense = cost.Work(work.tokens, 0, 2)
  pairs = cost.forward(model, work) - cost.forward(model, dense)
  assert pairs == 4 * 1024 * work.tokens * 129
