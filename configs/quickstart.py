"""A small encoder from scratch on Unicode CLDR: names in 11 languages.

  python -m hybridret_jax.main --config=configs/quickstart.py \
      --workdir=runs/quickstart
"""

from hybridret_jax import defaults


def get_config():
  config = defaults.get_config()
  config.data.sources = ("cldr:",)
  config.data.languages = (
    *("ar", "de", "el", "en", "es", "hi"),
    *("ru", "th", "tr", "vi", "zh"),
  )
  config.data.query_length = 48
  config.data.passage_length = 96
  config.packing.row_lengths = (48, 96)
  config.packing.shapes = 3
  config.batches.strategy = "hybrid"
  config.batches.batch_size = 64
  config.model.init = "scratch"
  config.model.tokenizer = "train"
  config.model.tokenizer_size = 8000
  config.model.scratch.num_layers = 1
  config.model.dropout = 0.0
  config.model.attention_dropout = 0.0
  config.loss.temperature = 0.05
  config.optimizer.learning_rate = 3e-3
  config.optimizer.warmup_steps = 50
  config.train.steps = 400
  config.train.log_every = 20
  config.train.evaluate_every = 400
  config.train.checkpoint_every = 100
  config.validation.task = "cldr:validation"
  config.validation.share = 0.0
  config.evaluation.tasks = ("cldr:test",)
  config.evaluation.systems = ("trained", "trained_means_subtracted")
  config.evaluation.query_length = 96
  config.evaluation.passage_length = 96
  config.evaluation.row_lengths = (96,)
  return config
