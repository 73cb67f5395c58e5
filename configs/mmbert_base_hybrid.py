"""mmBERT base with hybrid batches, at a rate of the size ModernBERT's take.

Rate and warm-up are a start (arXiv 2412.13663 sweeps rates of this size for
retrievers) and were not tuned; batches are those of arXiv 2408.10536. Texts may
have 8,192 tokens:

  --config.data.passage_length=8192 --config.packing.row_lengths="(64, 8192)"
"""

from hybridret_jax import shipped

xlmr_base_hybrid = shipped.module("xlmr_base_hybrid")


def get_config():
  config = xlmr_base_hybrid.get_config()
  config.model.init = "jhu-clsp/mmBERT-base"
  config.optimizer.learning_rate = 8e-5
  config.optimizer.warmup_steps = config.train.steps // 20
  return config
