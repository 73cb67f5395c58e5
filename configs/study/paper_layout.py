"""The paper's grid with the quickstart's encoder: what its report looks like.

  python -m hybridret_jax.main --mode=study --workdir=runs/paper_layout \
      --config=configs/study/paper_layout.py --config.run.data.folder=DATA

DATA has xquad-r. In the place of XLM-R and LaBSE stand two tiny encoders from
scratch, which pool as these do.
"""

import ml_collections

from hybridret_jax import shipped

paper = shipped.module("study/paper")
quickstart = shipped.module("study/quickstart")


def get_config():
  config = paper.get_config()
  with config.unlocked():
    config.name = "paper_layout"
    config.run = run()
    (_, inits), strategies = config.grids.paper.axes
    config.grids.paper.axes = (
      ("init", tuple(_from_scratch(*level) for level in inits)),
      strategies,
    )
    config.notes = (
      "A layout and no evidence: in the place of XLM-R and LaBSE stand tiny"
      " encoders from scratch, hardly trained on names of Unicode CLDR.",
    )
  return config.lock()


def run() -> ml_collections.ConfigDict:
  """The quickstart's study's, judged on XQuAD-R."""
  config = quickstart.run()
  with config.unlocked():
    config.evaluation.tasks = ("xquad_r:xquad-r",)
    config.evaluation.run_depth = 0
  return config.lock()


def _from_scratch(name, settings):
  """A level of the paper's: it pools so, and has none of its weights."""
  return name, tuple(
    (key, "scratch" if key == "model.init" else value)
    for key, value in settings
  )
