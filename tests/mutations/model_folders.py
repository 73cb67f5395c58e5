"""Bugs of reading a model's folder."""

from tests.mutations.mutation import Mutation

_TENSORS = "hybridret_jax/models/tensor_files.py"
_TENSOR_TESTS = "tests/models/tensor_files_test.py::"
_TOKENIZER = "hybridret_jax/data/tokenizer.py"
_TOKENIZER_TESTS = "tests/data/tokenizer_test.py::"

MUTATIONS = (
  Mutation(
    name="padding_id_of_another_class",
    bug="A config.json without pad_token_id shifts all positions of XLM-R.",
    known_from="",
    file="hybridret_jax/models/encoders/bert.py",
    old='default = DEFAULTS[said.kind]["pad_token_id"]',
    new="default = 0",
    tests=(
      "tests/models/config_file_test.py"
      "::test_a_silent_file_is_the_classs[xlm-roberta-2]",
    ),
  ),
  Mutation(
    name="default_over_the_folder",
    bug="A model whose folder says first-token pooling gets the mean.",
    known_from="",
    file="hybridret_jax/assembly/settled.py",
    old="key: default if value is None else value",
    new="key: default if value is not None else default",
    tests=(
      "tests/assembly/settled_test.py::test_the_folders_word_comes_before_ours",
    ),
  ),
  Mutation(
    name="stale_shard_wins",
    bug="Weights are read from files that the index does not name.",
    known_from="",
    file=_TENSORS,
    old="  used = {tensor.path for tensor in found.values()}\n",
    new='  for path in sorted(folder.glob("model*.safetensors")):\n'
    "    found.update(of_file(path))\n"
    "  used = {tensor.path for tensor in found.values()}\n",
    tests=(
      f"{_TENSOR_TESTS}test_a_stale_shard_is_left_alone_and_that_is_said",
    ),
  ),
  Mutation(
    name="integers_as_weights",
    bug="Quantised weights are taken for floats, without their scales.",
    known_from="",
    file=_TENSORS,
    old='_FLOATS = ("F64", "F32", "F16", "BF16")',
    new='_FLOATS = ("F64", "F32", "F16", "BF16", "I8", "U8")',
    tests=(f"{_TENSOR_TESTS}test_other_numbers_are_no_weights[int8]",),
  ),
  Mutation(
    name="second_segment_of_type_zero",
    bug="Both segments of a BERT's pair have the first one's type.",
    known_from="",
    file="hybridret_jax/models/encoders/bert.py",
    old="if len(rows[0]) > _UNTYPED:",
    new="if len(rows[0]) > _UNTYPED + 1:",
    tests=(
      "tests/assembly/model_test.py::test_a_berts_second_segment_has_type_one",
    ),
  ),
  Mutation(
    name="cut_at_the_right_whatever_is_said",
    bug="A tokenizer that says truncation_side left is cut at the right.",
    known_from="",
    file=_TOKENIZER,
    old="self.backend.enable_truncation(max_length, direction=self.cut_side)",
    new="self.backend.enable_truncation(max_length)",
    tests=(f"{_TOKENIZER_TESTS}test_a_text_is_cut_where_the_files_say",),
  ),
  Mutation(
    name="tokens_counted_for_ids",
    bug="A tokenizer with ids beyond the model's table passes, as its tokens"
    " are few.",
    known_from="",
    file=_TOKENIZER,
    old="return data, backend, side, max(ids, default=-1)",
    new="return data, backend, side, len(ids) - 1",
    tests=(f"{_TOKENIZER_TESTS}test_the_largest_id_counts",),
  ),
)
