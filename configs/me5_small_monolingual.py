"""As me5_small_hybrid, with monolingual batches only."""

from configs import me5_small_hybrid


def get_config():
  config = me5_small_hybrid.get_config()
  config.batches.strategy = "monolingual"
  return config
