"""Does a vocabulary cut to what texts use train alike? Hybrid, generic texts.

  PYTHONPATH=. python benchmarks/trimmed_model.py --model=MODEL --data=DATA \
      --study=runs/trimmed --out=runs/me5_small_trimmed
  python -m hybridret_jax.main --mode=study --workdir=runs/trimmed \
      --config=configs/study/trimmed.py --config.run.data.folder=DATA \
      --config.run.model.init=MODEL

The cell of legal_vs_generic's primary grid that has generic texts and hybrid
batches, from the whole model and from one that `trim` made.
"""

import ml_collections

from hybridret_jax import shipped

base = shipped.module("study/legal_vs_generic")
claims = shipped.module("study/claims")

TRIMMED = "runs/me5_small_trimmed"
WITHIN = 0.002  # Of mAP.


def get_config():
  config = ml_collections.ConfigDict()
  config.name = "trimmed"
  config.run = base.run()
  config.run.batches.strategy = "hybrid"
  config.data = base.data()
  config.grids = ml_collections.ConfigDict()
  config.grids.vocabulary = ml_collections.ConfigDict()
  config.grids.vocabulary.axes = (
    (
      "vocabulary",
      (("whole", ()), ("trimmed", (("model.init", TRIMMED),))),
    ),
  )
  config.grids.vocabulary.seeds = (0, 1, 2)
  base.rules(config)
  config.tests.compare = (("vocabulary", "vocabulary", "trimmed", "whole"),)
  config.claims = tuple(
    claims.claim(
      f"same_{name}",
      f"A trimmed vocabulary changes nothing {where}.",
      source="study",
      grid="vocabulary",
      figure=figure,
      a=(("vocabulary", "trimmed"),),
      b=(("vocabulary", "whole"),),
      rule="same",
      margin=WITHIN,
    )
    for name, where, figure in (
      ("within", "within a language", claims.MONO),
      ("across", "across languages", claims.CROSS),
      ("pool", "in the multilingual pool", claims.POOL),
    )
  )
  config.notes = (
    *base.limits(),
    "The trimmed model has the tokens that the study's texts and XQuAD-R's use,"
    " so that every text has the same tokens and the same start.",
  )
  return config.lock()
