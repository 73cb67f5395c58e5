"""As me5_small_hybrid, with monolingual batches only."""

from hybridret_jax import shipped

me5_small_hybrid = shipped.module("me5_small_hybrid")


def get_config():
  config = me5_small_hybrid.get_config()
  config.batches.strategy = "monolingual"
  return config
