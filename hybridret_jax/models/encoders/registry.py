"""The architectures by the model_type of their config.json."""

from hybridret_jax.models.encoders import bert, modernbert

# Each is a module with DEFAULTS by model_type, COMPUTES, NO_NUMBERS and read.
FILES = {kind: file for file in (bert, modernbert) for kind in file.DEFAULTS}
