"""A model's config.json, and its class's defaults where that is silent."""

import pathlib
from typing import Any

from hybridret_jax.ground import faults, settings_file
from hybridret_jax.models import encoder

FILE = "config.json"
# Defaults of transformers' config classes, as config_file_test compares them.
_ALIKE = {
  "vocab_size": 30522,
  "hidden_size": 768,
  "num_hidden_layers": 12,
  "num_attention_heads": 12,
  "intermediate_size": 3072,
  "hidden_act": "gelu",
  "hidden_dropout_prob": 0.1,
  "attention_probs_dropout_prob": 0.1,
  "max_position_embeddings": 512,
  "type_vocab_size": 2,
  "layer_norm_eps": 1e-12,
}
DEFAULTS: dict[str, dict[str, Any]] = {
  "bert": {**_ALIKE, "pad_token_id": 0},
  "xlm-roberta": {**_ALIKE, "pad_token_id": 1},
  "roberta": {**_ALIKE, "vocab_size": 50265, "pad_token_id": 1},
}
# What would change the computation, and the values that leave it as it is.
_COMPUTES = {
  "hidden_act": ("gelu",),
  "position_embedding_type": ("absolute",),
  "is_decoder": (False,),
  "add_cross_attention": (False,),
  "is_encoder_decoder": (False,),
}
_NO_NUMBERS = frozenset(
  {
    # Who made it, with what, for which task.
    *("model_type", "architectures", "_name_or_path", "name_or_path"),
    *("transformers_version", "torch_dtype", "dtype", "_commit_hash"),
    *("finetuning_task", "problem_type", "task_specific_params"),
    *("sentence_transformers", "language", "license", "tokenizer_class"),
    # Heads of other tasks and how a model is trained or asked.
    *("id2label", "label2id", "num_labels", "_num_labels"),
    *("classifier_dropout", "directionality", "initializer_range"),
    *("pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers"),
    *("pooler_size_per_head", "pooler_type", "add_pooling_layer"),
    *("gradient_checkpointing", "use_cache", "output_past", "use_bfloat16"),
    *("output_attentions", "output_hidden_states", "output_scores"),
    *("return_dict", "return_dict_in_generate", "torchscript"),
    *("tie_word_embeddings", "tie_encoder_decoder", "tf_legacy_loss"),
    *("chunk_size_feed_forward", "cross_attention_hidden_size"),
    *("_attn_implementation", "_attn_implementation_autoset"),
    *("attn_implementation", "xla_device", "keys_to_ignore_at_inference"),
    # Ids of tokens: the tokenizer's are used.
    *("bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id"),
    *("mask_token_id", "unk_token_id", "decoder_start_token_id", "prefix"),
    # Of generating text, written by older versions of transformers.
    *("max_length", "min_length", "do_sample", "early_stopping", "num_beams"),
    *("num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p"),
    *("typical_p", "repetition_penalty", "length_penalty", "bad_words_ids"),
    *("no_repeat_ngram_size", "encoder_no_repeat_ngram_size"),
    *("num_return_sequences", "forced_bos_token_id", "forced_eos_token_id"),
    *("remove_invalid_values", "exponential_decay_length_penalty"),
    *("suppress_tokens", "begin_suppress_tokens"),
  }
)


def read(folder: pathlib.Path, **changes: Any) -> encoder.EncoderConfig:
  """The encoder that a folder's config.json describes.

  A key that is absent has the default of transformers' config class for the
  model's type: XLM-R's pad_token_id is 1 and its positions count from 2.

  Args:
    folder: a Hugging Face model folder.
    **changes: fields to set instead of what the file says; None keeps it.

  Raises:
    faults.Fault: no such file, a value of another type or size, an architecture
      that this encoder is not, or a key that may change what it computes.
  """
  path = folder / FILE
  if not path.is_file():
    raise faults.Fault(path, "no such file", "give a Hugging Face model folder")
  theirs = settings_file.read(path)
  kind = theirs.choice("model_type", tuple(DEFAULTS))
  defaults = DEFAULTS[kind]
  for key, allowed in _COMPUTES.items():
    theirs.choice(key, allowed, allowed[0])
  if theirs.says("quantization_config"):
    raise theirs.fault(
      "quantization_config: quantised weights are not supported",
      "dequantise the model and save it as float32 or float16",
    )
  theirs.only(
    {*defaults, *_COMPUTES, *_NO_NUMBERS},
    "remove the key if it does not change what transformers' own class"
    " computes; otherwise this model is not supported",
  )

  def whole(key, most, least=1):
    return theirs.integer(key, defaults[key], least=least, most=most)

  def share(key):
    return theirs.number(key, defaults[key], above=0, below=1)

  fields = {
    "vocab_size": whole("vocab_size", 2**27),
    "hidden_size": whole("hidden_size", 2**16),
    "num_layers": whole("num_hidden_layers", 2**10),
    "num_heads": whole("num_attention_heads", 2**10),
    "mlp_size": whole("intermediate_size", 2**20),
    "max_positions": whole("max_position_embeddings", 2**20),
    "type_vocab_size": whole("type_vocab_size", 2**10),
    "position_offset": _offset(theirs, kind, whole("vocab_size", 2**27)),
    "layer_norm_eps": theirs.number(
      "layer_norm_eps", defaults["layer_norm_eps"], above=1e-30, below=1
    ),
    "dropout": share("hidden_dropout_prob"),
    "attention_dropout": share("attention_probs_dropout_prob"),
  }
  if fields["hidden_size"] % fields["num_heads"]:
    raise theirs.fault(
      f"hidden_size {fields['hidden_size']} is not a multiple of"
      f" num_attention_heads {fields['num_heads']}",
      "give the file that the model came with",
    )
  if fields["max_positions"] <= fields["position_offset"]:
    raise theirs.fault(
      f"max_position_embeddings {fields['max_positions']} leaves no place for a"
      f" text, whose positions count from {fields['position_offset']}",
      "give the file that the model came with",
    )
  fields |= {key: value for key, value in changes.items() if value is not None}
  return encoder.EncoderConfig(**fields)


def _offset(theirs, kind, vocab_size):
  """Where positions begin: BERT's at 0, RoBERTa's behind padding's id."""
  if kind == "bert":
    return 0
  default = DEFAULTS[kind]["pad_token_id"]
  return 1 + theirs.integer(
    "pad_token_id", default, least=0, most=vocab_size - 1
  )
