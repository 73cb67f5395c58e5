"""XLM-R base with hybrid batches: the settings of arXiv 2408.10536."""

from hybridret_jax import defaults


def get_config():
  config = defaults.get_config()
  config.model.init = "FacebookAI/xlm-roberta-base"
  config.model.dtype = "bfloat16"
  config.data.folder = "data"
  config.data.sources = ("pairs",)  # data/pairs/<language>.jsonl(.gz)
  config.data.query_prefix = "Query: "
  config.data.passage_prefix = "Passage: "
  config.batches.strategy = "hybrid"
  config.batches.alpha = 0.5
  config.batches.batch_size = 100
  config.optimizer.learning_rate = 3e-5
  config.optimizer.weight_decay = 1e-2
  config.optimizer.warmup_steps = 1000
  config.train.steps = 20_000
  config.train.evaluate_every = 1000
  config.train.checkpoint_every = 1000
  config.train.patience = 5
  config.evaluation.tasks = ("xquad_r:xquad-r",)
  return config
