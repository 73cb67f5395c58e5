"""Which learning rate and temperature? On Belebele, with texts of both domains.

  python -m hybridret_jax.main --mode=study --workdir=runs/tuning \
      --config=configs/study/tuning.py --config.run.data.folder=DATA

The pair with the highest mean of the three settings' mAP is written into
legal_vs_generic.py, once, before its first run.
"""

import ml_collections

from hybridret_jax import shipped

base = shipped.module("study/legal_vs_generic")


# 1e-5 to 1e-4 were planned. 1e-5 was better than 3e-5 at every temperature, so
# 3e-6 took the place of 1e-4, of which no run was finished.
RATES = (3e-6, 1e-5, 3e-5)
TEMPERATURES = (0.01, 0.02, 0.05)


def get_config():
  config = ml_collections.ConfigDict()
  config.name = "tuning"
  config.run = base.run()
  config.run.batches.strategy = "hybrid"
  # Every cell has its own; what is chosen with them changes nothing here.
  config.run.optimizer.learning_rate = RATES[-1]
  config.run.loss.temperature = TEMPERATURES[1]
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
