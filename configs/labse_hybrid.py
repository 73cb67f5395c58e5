"""LaBSE with hybrid batches: the settings of arXiv 2408.10536."""

from hybridret_jax import shipped

xlmr_base_hybrid = shipped.module("xlmr_base_hybrid")


def get_config():
  config = xlmr_base_hybrid.get_config()
  config.model.init = "sentence-transformers/LaBSE"
  config.model.pooling = "cls_dense_tanh"
  return config
