"""The architectures by the model_type of their config.json."""

from hybridret_jax.models.encoders import bert, gte, modernbert

# Each is a module with DEFAULTS by model_type, COMPUTES, NO_NUMBERS and read.
FILES = {
  kind: file for file in (bert, gte, modernbert) for kind in file.DEFAULTS
}
