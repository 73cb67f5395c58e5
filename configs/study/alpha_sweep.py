"""How much of a hybrid batch should be monolingual? Generic texts.

  python -m hybridret_jax.main --mode=study --workdir=runs/alpha_sweep \
      --config=configs/study/alpha_sweep.py --config.run.data.folder=DATA
"""

import ml_collections

from hybridret_jax import shipped

claims = shipped.module("study/claims")
base = shipped.module("study/legal_vs_generic")


ALPHAS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)


def get_config():
  config = ml_collections.ConfigDict()
  config.name = "alpha_sweep"
  config.run = base.run()
  config.run.batches.strategy = "hybrid"
  config.data = base.data()
  config.grids = ml_collections.ConfigDict()
  config.grids.alpha = ml_collections.ConfigDict()
  config.grids.alpha.axes = (
    ("alpha", tuple((str(a), (("batches.alpha", a),)) for a in ALPHAS)),
  )
  config.grids.alpha.seeds = (0, 1)
  base.rules(config)
  config.tests.compare = tuple(
    ("alpha", "alpha", "0.5", str(a)) for a in ALPHAS if a != 0.5
  )
  config.claims = (
    *(
      at_least_as_good(other, figure, where)
      for other in ("0.4", "0.6")
      for figure, where in (
        (claims.MONO, "within a language"),
        (claims.CROSS, "across languages"),
      )
    ),
    claims.claim(
      "more_than_monolingual",
      "Alpha 0.5 is better than 1 (all batches monolingual) across languages.",
      source="paper",
      grid="alpha",
      figure=claims.CROSS,
      a=(("alpha", "0.5"),),
      b=(("alpha", "1.0"),),
      rule="greater",
    ),
    claims.claim(
      "more_than_cross_lingual",
      "Alpha 0.5 is better than 0 (all batches cross-lingual) within a"
      " language.",
      source="paper",
      grid="alpha",
      figure=claims.MONO,
      a=(("alpha", "0.5"),),
      b=(("alpha", "0.0"),),
      rule="greater",
    ),
  )
  config.notes = (
    *base.limits(),
    "Alpha is the probability that a batch is monolingual. Two seeds a value:"
    " the curve shows a tendency, and few claims can be decided.",
  )
  return config.lock()


def at_least_as_good(other, figure, where):
  """The paper's alpha is 0.5, and 0.4 to 0.6 are as good."""
  setting = figure.partition("/")[0]
  return claims.claim(
    f"half_as_good_as_{other}_{setting}",
    f"Alpha 0.5 is at least as good as {other} {where}.",
    source="paper",
    grid="alpha",
    figure=figure,
    a=(("alpha", "0.5"),),
    b=(("alpha", other),),
    rule="at_least",
    margin=claims.MARGIN,
  )
