"""The figures in tables 1 and 2 of Elmahdy et al. (arXiv 2408.10536)."""

import dataclasses

NOTE = (
  "Rows marked * are the paper's (Elmahdy, Lin, Ahmad, arXiv 2408.10536,"
  " tables 1 and 2). They orient and are not directly comparable: the paper's"
  " models saw other training data, and it does not state what text a"
  " candidate has."
)


@dataclasses.dataclass(frozen=True)
class Row:
  """Macro mAP in the three settings, and the rank distance on the pool."""

  task: str
  init: str
  strategy: str
  monolingual: float
  cross_lingual: float
  multilingual_pool: float
  rank_distance: int


ROWS = (
  Row("xquad_r", "XLM-R", "monolingual", 0.792, 0.674, 0.547, 410),
  Row("xquad_r", "XLM-R", "cross-lingual", 0.755, 0.700, 0.593, 295),
  Row("xquad_r", "XLM-R", "hybrid", 0.798, 0.705, 0.593, 287),
  Row("xquad_r", "LaBSE", "monolingual", 0.808, 0.752, 0.652, 262),
  Row("xquad_r", "LaBSE", "cross-lingual", 0.801, 0.762, 0.679, 225),
  Row("xquad_r", "LaBSE", "hybrid", 0.817, 0.767, 0.682, 221),
  Row("mlqa_r", "XLM-R", "monolingual", 0.648, 0.584, 0.473, 288),
  Row("mlqa_r", "XLM-R", "cross-lingual", 0.626, 0.620, 0.508, 227),
  Row("mlqa_r", "XLM-R", "hybrid", 0.648, 0.623, 0.512, 227),
  Row("mlqa_r", "LaBSE", "monolingual", 0.681, 0.656, 0.550, 225),
  Row("mlqa_r", "LaBSE", "cross-lingual", 0.671, 0.677, 0.576, 198),
  Row("mlqa_r", "LaBSE", "hybrid", 0.686, 0.681, 0.579, 195),
)


def rows(task: str) -> list[Row]:
  """The paper's rows for a task; none for a task that it does not have."""
  return [row for row in ROWS if row.task == task.replace("-", "_").lower()]
