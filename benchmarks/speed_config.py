"""As me5_small_hybrid, with texts of 64 and 256 tokens in the default rows.

Every step at the same rate, so that the speed benchmarks measure nothing but
ordinary steps.
"""

from configs import me5_small_hybrid
from hybridret_jax import defaults


def get_config():
  config = me5_small_hybrid.get_config()
  config.data.query_length = 64
  config.data.passage_length = 256
  config.packing = defaults.get_config().packing
  return config
