"""Of the comparisons on an accelerator: made inputs, as a model is trained.

The folder that `made_inputs` wrote goes into --config.data.folder, one of its
models into --config.model.init.
"""

from hybridret_jax import defaults


def get_config():
  config = defaults.get_config()
  config.data.sources = ("pairs",)
  config.data.languages = ("de", "en", "es", "ru")
  config.data.query_length = 64
  config.data.passage_length = 256
  config.data.query_prefix = ""
  config.data.passage_prefix = ""
  config.packing.shapes = 1
  config.batches.batch_size = 256
  config.batches.alpha = 1.0  # The made texts are no translations.
  config.batches.strategy = "monolingual"
  config.model.pooling = "mean"
  config.model.dtype = "bfloat16"
  config.validation.share = 0.0
  config.evaluation.tasks = ("jsonl:task",)
  config.evaluation.query_length = 64
  config.evaluation.passage_length = 256
  return config
