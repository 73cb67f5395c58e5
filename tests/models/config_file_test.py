"""What config.json omits is the class's; what cannot be done is refused."""

import json

import pytest
import transformers

from hybridret_jax.ground import faults
from hybridret_jax.models import config_file

CLASSES = {
  "bert": transformers.BertConfig,
  "xlm-roberta": transformers.XLMRobertaConfig,
  "roberta": transformers.RobertaConfig,
  "modernbert": transformers.ModernBertConfig,
  "qwen3": transformers.Qwen3Config,
  "gemma3_text": transformers.Gemma3TextConfig,
}


def written(folder, **values):
  (folder / "config.json").write_text(json.dumps(values))
  return folder


def test_defaults_are_those_of_the_classes_of_transformers():
  # The class of "new" is remote code.
  assert {*CLASSES, "new"} == set(config_file.DEFAULTS)
  for kind, config in CLASSES.items():
    theirs, defaults = config(), config_file.DEFAULTS[kind]
    assert {key: getattr(theirs, key) for key in defaults} == defaults


def test_every_key_of_the_classes_is_known(tmp_path):
  """Nothing that transformers itself writes stops a model."""
  for config in CLASSES.values():
    (tmp_path / "config.json").write_text(config().to_json_string(False))
    config_file.read(tmp_path)


@pytest.mark.parametrize(
  ("kind", "offset"), [("bert", 0), ("xlm-roberta", 2), ("roberta", 2)]
)
def test_a_silent_file_is_the_classs(tmp_path, kind, offset):
  found = config_file.read(written(tmp_path, model_type=kind))
  assert found.position_offset == offset
  assert found.layer_norm_eps == 1e-12
  assert found.max_length == 512 - offset
  assert found.type_vocab_size == 2
  assert found.dropout == found.attention_dropout == 0.1


def test_what_is_said_counts(tmp_path):
  folder = written(
    tmp_path, model_type="xlm-roberta", pad_token_id=0, layer_norm_eps=1e-3
  )
  found = config_file.read(folder, dropout=0.3, attention_dropout=None)
  assert (found.position_offset, found.layer_norm_eps) == (1, 1e-3)
  assert (found.dropout, found.attention_dropout) == (0.3, 0.1)


# What config.json of models on the hub holds beside shapes.
REAL = {
  "LaBSE": {
    "model_type": "bert",
    "directionality": "bidi",
    "gradient_checkpointing": False,
    "pooler_fc_size": 768,
    "pooler_num_attention_heads": 12,
    "pooler_num_fc_layers": 3,
    "pooler_size_per_head": 128,
    "pooler_type": "first_token_transform",
    "position_embedding_type": "absolute",
    "vocab_size": 501_153,
  },
  "BGE-M3": {
    "model_type": "xlm-roberta",
    "_name_or_path": "",
    "bos_token_id": 0,
    "classifier_dropout": None,
    "eos_token_id": 2,
    "max_position_embeddings": 8194,
    "output_past": True,
    "pad_token_id": 1,
    "torch_dtype": "float32",
    "transformers_version": "4.33.0",
    "type_vocab_size": 1,
    "use_cache": True,
  },
  "E5": {
    "model_type": "bert",
    "pad_token_id": 0,
    "tokenizer_class": "XLMRobertaTokenizer",
    "vocab_size": 250_037,
  },
  "a classifier": {
    "model_type": "roberta",
    "id2label": {"0": "a"},
    "label2id": {"a": 0},
    "problem_type": "single_label_classification",
  },
}


@pytest.mark.parametrize("name", REAL)
def test_real_models_load(tmp_path, name):
  config_file.read(written(tmp_path, **REAL[name]))


@pytest.mark.parametrize(
  ("changes", "said"),
  [
    ({"model_type": "gpt2"}, "model_type 'gpt2' is not supported"),
    ({"hidden_act": "relu"}, "hidden_act 'relu' is not supported"),
    ({"hidden_act": "gelu_new"}, "hidden_act 'gelu_new' is not supported"),
    ({"position_embedding_type": "relative_key"}, "position_embedding_type"),
    ({"is_decoder": True}, "is_decoder True is not supported"),
    ({"add_cross_attention": True}, "add_cross_attention True"),
    ({"quantization_config": {"bits": 4}}, "quantised weights"),
    ({"rope_theta": 10}, "'rope_theta' is 10, .*remove the key if"),
    ({"auto_map": {"AutoModel": "x"}}, "'auto_map' is"),
    ({"hidden_size": "abc"}, "hidden_size is 'abc'; give a whole number"),
    ({"hidden_size": None}, "hidden_size is None"),
    ({"num_attention_heads": 0}, "num_attention_heads is 0"),
    ({"num_attention_heads": 7}, "768 is not a multiple of .* 7"),
    ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000"),
    ({"layer_norm_eps": float("nan")}, "layer_norm_eps is nan"),
    ({"hidden_dropout_prob": 1.0}, "hidden_dropout_prob is 1.0"),
    ({"pad_token_id": None}, "pad_token_id is None"),
    ({"pad_token_id": 30522}, "pad_token_id is 30522"),
    ({"max_position_embeddings": 2}, "leaves no place for a text"),
  ],
)
def test_what_cannot_be_done_is_refused(tmp_path, changes, said):
  folder = written(tmp_path, **{"model_type": "xlm-roberta", **changes})
  with pytest.raises(faults.Fault, match=rf"config\.json: .*{said}"):
    config_file.read(folder)
