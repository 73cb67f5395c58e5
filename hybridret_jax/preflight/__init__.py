"""Does a config fit a TPU slice, and what does it move there?"""

from hybridret_jax.preflight.planning import FILE as FILE
from hybridret_jax.preflight.planning import plan as plan
