"""The grid of arXiv 2408.10536: XLM-R and LaBSE, three strategies.

For a TPU slice, with open sources in the place of those that the paper's
authors translated themselves. DATA has a folder of <language>.jsonl(.gz) for
each of SOURCES, and xquad-r and mlqa-r (docs/data.md).

  python -m hybridret_jax.main --mode=study --workdir=runs/paper \
      --config=configs/study/paper.py --config.run.data.folder=DATA
"""

import ml_collections

from hybridret_jax import shipped

xlmr_base_hybrid = shipped.module("xlmr_base_hybrid")
claims = shipped.module("study/claims")
base = shipped.module("study/legal_vs_generic")


SOURCES = (
  *("mmarco", "mr-tydi", "mfaq"),
  *("mlqa-translate-train", "xquad-translate-train"),
)


def get_config():
  config = ml_collections.ConfigDict()
  config.name = "paper"
  config.run = xlmr_base_hybrid.get_config()
  config.run.data.sources = SOURCES
  config.run.evaluation.tasks = ("xquad_r:xquad-r", "mlqa_r:mlqa-r")
  config.run.evaluation.systems = ("trained",)
  config.run.evaluation.run_depth = 0
  config.data = ml_collections.ConfigDict()
  config.grids = ml_collections.ConfigDict()
  config.grids.paper = ml_collections.ConfigDict()
  config.grids.paper.axes = (
    (
      "init",
      (
        (
          "xlmr",
          (
            ("model.init", "FacebookAI/xlm-roberta-base"),
            ("model.pooling", "mean"),
          ),
        ),
        (
          "labse",
          (
            ("model.init", "sentence-transformers/LaBSE"),
            ("model.pooling", "cls_dense_tanh"),
          ),
        ),
      ),
    ),
    ("strategy", base.strategies()),
  )
  config.grids.paper.seeds = (0, 1, 2)
  base.rules(config)
  config.tests.compare = (
    ("paper", "strategy", "hybrid", "monolingual"),
    ("paper", "strategy", "hybrid", "cross_lingual"),
    ("paper", "strategy", "cross_lingual", "monolingual"),
  )
  config.claims = claims.of_the_paper("paper", over=("init",))
  config.notes = (
    "The paper's sources are closed in part (translated in-house); these are"
    " open substitutes, so its rows are not directly comparable. It states"
    " neither what text a candidate has nor how MLQA-R is averaged.",
    "The paper stops early by an English validation loss. Here the best"
    " checkpoint is the one with the highest mean mAP on held-out blocks in"
    " all training languages, and a run stops after five evaluations without a"
    " better one: runs may differ in their number of steps.",
    "Temperature, schedule and number of steps are not in the paper.",
    "Questions of XQuAD's and MLQA's translate-train sets are translations of"
    " SQuAD's training part, from articles that XQuAD does not use.",
  )
  return config.lock()
