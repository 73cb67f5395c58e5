"""mmBERT small with hybrid batches: mmbert_base_hybrid's settings."""

from hybridret_jax import shipped

mmbert_base_hybrid = shipped.module("mmbert_base_hybrid")


def get_config():
  config = mmbert_base_hybrid.get_config()
  config.model.init = "jhu-clsp/mmBERT-small"
  return config
