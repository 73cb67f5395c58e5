"""Three strategies on the embedded corpus: a study of minutes, from scratch.

  python -m hybridret_jax.main --mode=study --workdir=runs/study_quickstart \
      --config=configs/study/quickstart.py

A demonstration of what a study is, and no evidence: the model is tiny, hardly
trained, and starts from nothing.
"""

import ml_collections

from hybridret_jax import shipped

quickstart = shipped.module("quickstart")
claims = shipped.module("study/claims")


STRATEGIES = ("monolingual", "cross_lingual", "hybrid")


def get_config():
  config = ml_collections.ConfigDict()
  config.name = "quickstart"
  config.run = run()
  config.data = ml_collections.ConfigDict()
  config.grids = ml_collections.ConfigDict()
  config.grids.strategies = ml_collections.ConfigDict()
  config.grids.strategies.axes = (
    (
      "strategy",
      tuple((name, (("batches.strategy", name),)) for name in STRATEGIES),
    ),
  )
  config.grids.strategies.seeds = (0, 1)
  config.modes = ("train", "evaluate")
  config.keep_checkpoints = False
  config.lease_seconds = 600
  config.tests = ml_collections.ConfigDict()
  config.tests.level = 0.95
  config.tests.compare = (
    ("strategies", "strategy", "hybrid", "monolingual"),
    ("strategies", "strategy", "hybrid", "cross_lingual"),
  )
  config.claims = (
    claim(
      "across",
      "Hybrid batches beat monolingual ones across languages.",
      figure=claims.CROSS,
      other="monolingual",
      rule="greater",
    ),
    claim(
      "within",
      "Hybrid batches beat cross-lingual ones within a language.",
      figure=claims.MONO,
      other="cross_lingual",
      rule="greater",
    ),
    claim(
      "keeps",
      "Within a language hybrid batches are at least as good as monolingual"
      " ones.",
      figure=claims.MONO,
      other="monolingual",
      rule="at_least",
      margin=claims.MARGIN,
    ),
  )
  config.notes = (
    "A tiny encoder from scratch, hardly trained, on names of Unicode CLDR:"
    " this shows what a study is, not what the strategies are worth.",
    "Two seeds can decide few claims.",
  )
  return config.lock()


def run():
  """The quickstart, smaller: a cell takes half a minute, mostly to start."""
  config = quickstart.get_config()
  with config.unlocked():
    config.model.tokenizer_size = 2000
    config.model.scratch.hidden_size = 32
    config.model.scratch.mlp_size = 64
    config.batches.batch_size = 32
    config.optimizer.warmup_steps = 5
    config.train.steps = 40
    config.train.log_every = 10
    config.train.evaluate_every = 0
    config.train.checkpoint_every = 10
    config.validation.task = ""
    config.evaluation.tasks = ("cldr:validation",)
    config.evaluation.systems = ("trained",)
  return config.lock()


def claim(name, sentence, *, other, **rule):
  """A claim about hybrid batches against another strategy's."""
  return claims.claim(
    name,
    sentence,
    source="paper",
    grid="strategies",
    task="cldr_validation",
    a=(("strategy", "hybrid"),),
    b=(("strategy", other),),
    **rule,
  )
