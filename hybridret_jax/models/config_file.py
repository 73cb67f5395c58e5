"""A model's config.json, and its class's defaults where that is silent."""

import pathlib
from typing import Any

from hybridret_jax.ground import faults, settings_file
from hybridret_jax.models import encoder
from hybridret_jax.models.encoders import architecture, registry

FILE = "config.json"
# Defaults of transformers' config classes, as config_file_test compares them.
DEFAULTS: dict[str, dict[str, Any]] = {
  kind: file.DEFAULTS[kind] for kind, file in registry.FILES.items()
}
# What would change the computation, and the values that leave it as it is.
_COMPUTES = {
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
    *("classifier_dropout", "initializer_range", "add_pooling_layer"),
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
  file, defaults = registry.FILES[kind], DEFAULTS[kind]
  computes = {**_COMPUTES, **file.COMPUTES}
  for key, allowed in computes.items():
    theirs.choice(key, allowed, allowed[0])
  if theirs.says("quantization_config"):
    raise theirs.fault(
      "quantization_config: quantised weights are not supported",
      "dequantise the model and save it as float32 or float16",
    )
  theirs.only(
    {*defaults, *computes, *file.NO_NUMBERS, *_NO_NUMBERS},
    "remove the key if it does not change what transformers' own class"
    " computes; otherwise this model is not supported",
  )
  said = architecture.Said(theirs, kind, defaults)
  fields = {
    "vocab_size": said.whole("vocab_size", 2**27),
    "hidden_size": said.whole("hidden_size", 2**16),
    "num_layers": said.whole("num_hidden_layers", 2**10),
    "num_heads": said.whole("num_attention_heads", 2**10),
    "mlp_size": said.whole("intermediate_size", 2**20),
    "max_positions": said.whole("max_position_embeddings", 2**20),
    **file.read(said),
  }
  offset = fields.get("position_offset", 0)
  if fields["max_positions"] <= offset:
    raise theirs.fault(
      f"max_position_embeddings {fields['max_positions']} leaves no place for a"
      f" text, whose positions count from {offset}",
      "give the file that the model came with",
    )
  fields |= {key: value for key, value in changes.items() if value is not None}
  return encoder.EncoderConfig(**fields)
