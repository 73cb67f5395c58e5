"""Which learning rate and temperature? On Belebele, with texts of both domains.

  python -m hybridret_jax.main --mode=study --workdir=runs/tuning \
      --config=configs/study/tuning.py --config.run.data.folder=DATA

The pair with the highest mean of the three settings' mAP is written into
legal_vs_generic.py, once, before its first run.
"""

import ml_collections

from configs.study import legal_vs_generic as base

RATES = (1e-5, 3e-5, 1e-4)
TEMPERATURES = (0.01, 0.02, 0.05)


def get_config():
  config = ml_collections.ConfigDict()
  config.name = "tuning"
  config.run = base.run()
  config.run.batches.strategy = "hybrid"
  for key, value in base.parallel("generic", "legal"):
    config.run[key.split(".")[0]][key.split(".")[1]] = value
  config.run.evaluation.tasks = ("jsonl:{study}/data/belebele",)
  config.data = base.data()
  config.grids = ml_collections.ConfigDict()
  config.grids.settings = ml_collections.ConfigDict()
  config.grids.settings.axes = (
    (
      "learning_rate",
      tuple((f"{x:g}", (("optimizer.learning_rate", x),)) for x in RATES),
    ),
    (
      "temperature",
      tuple((f"{x:g}", (("loss.temperature", x),)) for x in TEMPERATURES),
    ),
  )
  config.grids.settings.seeds = (0,)
  base.rules(config)
  config.notes = (
    "One seed, hybrid batches, the texts of both domains: it is neutral"
    " between domains, not between strategies.",
    "English and German questions, candidates in the languages that are"
    " trained on; no question or passage of it is trained on, nor a FLORES"
    " block that its passages are made of.",
    "The highest mean of the three settings' mAP is taken; differences"
    " between cells are not tested.",
  )
  return config.lock()
