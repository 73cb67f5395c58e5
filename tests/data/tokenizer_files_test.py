"""What stands beside a tokenizer.json, and what is written for others."""

import json

import pytest
import tokenizers

from hybridret_jax.data import tokenizer_files
from hybridret_jax.ground import faults


def write(folder, name, **values):
  (folder / name).write_text(json.dumps(values))


def test_nothing_has_to_stand_there(tmp_path):
  assert tokenizer_files.read(tmp_path) == tokenizer_files.Beside(
    names={}, cut_side=None, pad_side="right", feeds_types=True, lower_case=None
  )


def test_the_first_file_that_names_a_token_counts(tmp_path):
  write(
    tmp_path,
    "tokenizer_config.json",
    pad_token={"content": "<p>"},
    truncation_side="left",
    do_lower_case=True,
    model_input_names=["input_ids", "attention_mask"],
  )
  write(tmp_path, "special_tokens_map.json", pad_token="<q>", cls_token="<s>")
  found = tokenizer_files.read(tmp_path)
  assert found.names == {"pad_token": "<p>", "cls_token": "<s>"}
  assert (found.cut_side, found.feeds_types) == ("left", False)
  assert found.lower_case is True


@pytest.mark.parametrize(
  ("name", "value"),
  [
    ("truncation_side", "up"),
    ("padding_side", 3),
    ("pad_token", 3),
    ("pad_token", {"content": 3}),
    ("model_input_names", "input_ids"),
    ("do_lower_case", "yes"),
  ],
)
def test_a_wrong_value_is_named(tmp_path, name, value):
  write(tmp_path, "tokenizer_config.json", **{name: value})
  with pytest.raises(faults.Fault, match=f"tokenizer_config.json: {name}"):
    tokenizer_files.read(tmp_path)


def test_an_export_says_what_was_done_and_no_more():
  state = {"truncation": {"max_length": 3}, "padding": {"x": 1}, "model": "m"}
  files = tokenizer_files.of_export(
    state,
    {"pad_token": "<p>"},
    max_length=9,
    cut_side="left",
    feeds_types=True,
  )
  assert set(files) == {"tokenizer.json", "tokenizer_config.json"}
  written = json.loads(files["tokenizer.json"])
  assert written == {"truncation": None, "padding": None, "model": "m"}
  config = json.loads(files["tokenizer_config.json"])
  assert config["truncation_side"] == "left" and config["pad_token"] == "<p>"
  assert config["model_max_length"] == 9
  assert "token_type_ids" in config["model_input_names"]
  assert "do_lower_case" not in config


def backend(processor):
  vocab = {"<s>": 0, "</s>": 1, "a": 2, "b": 3}
  made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocab, "a"))
  state = json.loads(made.to_str())
  state["post_processor"] = processor
  return tokenizers.Tokenizer.from_str(json.dumps(state))


ROBERTA = {
  "type": "RobertaProcessing",
  "sep": ["</s>", 1],
  "cls": ["<s>", 0],
  "trim_offsets": True,
  "add_prefix_space": False,
}


@pytest.mark.parametrize(
  "processor",
  [ROBERTA, {"type": "Sequence", "processors": [ROBERTA]}],
)
def test_a_pair_gets_types_and_keeps_its_ids(processor):
  before = backend(processor).encode("a", "b")
  after = backend(tokenizer_files.typed(processor)).encode("a", "b")
  assert before.ids == after.ids == [0, 2, 1, 1, 3, 1]
  assert before.type_ids == [0] * 6
  assert after.type_ids == [0, 0, 0, 0, 1, 1]
  once_more = tokenizer_files.typed(tokenizer_files.typed(processor))
  assert backend(once_more).encode("a", "b").type_ids == after.type_ids
  assert backend(once_more).encode("a").ids == [0, 2, 1]


def test_what_is_not_known_stays():
  assert tokenizer_files.typed(None) is None
  other = {"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]}
  assert tokenizer_files.typed(other) == other
