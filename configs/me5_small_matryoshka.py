"""multilingual-E5-small whose vectors may be cut: the generic hybrid recipe.

  python -m hybridret_jax.main --config=me5_small_matryoshka \
      --workdir=runs/me5_small_matryoshka --config.data.folder=DATA

me5_small_hybrid with a loss at 256, 128 and 64 dimensions beside the whole
(Matryoshka representation learning, arXiv 2205.13147), evaluated at these, as
bytes and as bits, from one encoding.
"""

from hybridret_jax import shipped

me5_small_hybrid = shipped.module("me5_small_hybrid")
DIMS = (256, 128, 64)


def get_config():
  config = me5_small_hybrid.get_config()
  config.loss.matryoshka_dims = DIMS
  small = ("", *(f"_{width}" for width in DIMS))
  config.evaluation.systems = tuple(
    f"{origin}{width}{stored}"
    for origin in ("untrained", "trained")
    for width in small
    for stored in ("", "_int8", "_binary")
  )
  return config
