"""As me5_small_hybrid, with cross_lingual batches only."""

from hybridret_jax import shipped

me5_small_hybrid = shipped.module("me5_small_hybrid")


def get_config():
  config = me5_small_hybrid.get_config()
  config.batches.strategy = "cross_lingual"
  return config
