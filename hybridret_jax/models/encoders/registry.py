"""The architectures by the model_type of their config.json."""

from hybridret_jax.models.encoders import bert, gemma3, gte, modernbert, qwen3

# Each is a module with DEFAULTS by model_type, COMPUTES, NO_NUMBERS and read.
FILES = {
  kind: file
  for file in (bert, gemma3, gte, modernbert, qwen3)
  for kind in file.DEFAULTS
}
