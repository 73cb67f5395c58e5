"""Claims that studies judge, each with the rule that decides it.

They are written before the runs. What the rules mean is in
hybridret_jax/study/claims.py.
"""

import ml_collections

XQUAD_R = "xquad_r"
MONO, CROSS = "monolingual/map", "cross_lingual/map"
POOL, DISTANCE = "multilingual_pool/map", "multilingual_pool/rank_distance"
MARGIN = 0.01  # Of mAP; what "at least as good" and "the same" may cost.


def claim(
  name,
  sentence,
  *,
  source,
  grid,
  figure,
  a,
  b,
  rule,
  task=XQUAD_R,
  over=(),
  margin=None,
  contrast=None,
):
  """A claim about a - b, and the rule that decides it before any run."""
  made = ml_collections.ConfigDict()
  made.id = name
  made.claim = sentence
  made.source = source
  made.grid = grid
  made.task = task
  made.figure = figure
  made.a = a
  made.b = b
  made.over = over
  made.rule = rule
  made.level = 0.95
  if margin is not None:
    made.margin = margin
  if contrast is not None:
    made.contrast = contrast
  return made


def of_the_paper(grid, *, fixed=(), over=(), task=XQUAD_R):
  """The claims of arXiv 2408.10536 about the three strategies.

  The paper makes them of one run each, without a test. First those of its
  tables that the first version of this list left out or softened.
  """
  hybrid, monolingual, cross = (
    (*fixed, ("strategy", name))
    for name in ("hybrid", "monolingual", "cross_lingual")
  )
  same = {"source": "paper", "grid": grid, "task": task, "over": over}
  return (
    *_reversed(same, hybrid, monolingual, cross),
    claim(
      "hybrid_across",
      "Hybrid batches are better than monolingual ones across languages.",
      **(same | {"a": hybrid, "b": monolingual}),
      figure=CROSS,
      rule="greater",
    ),
    claim(
      "hybrid_pool",
      "Hybrid batches are better than monolingual ones in the multilingual"
      " pool.",
      **(same | {"a": hybrid, "b": monolingual}),
      figure=POOL,
      rule="greater",
    ),
    claim(
      "hybrid_unseen",
      "Hybrid batches are better than monolingual ones across languages where"
      " one of the two was never trained on.",
      **(same | {"a": hybrid, "b": monolingual}),
      figure=f"macro_unseen:{CROSS}",
      rule="greater",
    ),
    claim(
      "hybrid_distance",
      "Hybrid batches lead to a smaller rank distance than monolingual ones.",
      **(same | {"a": hybrid, "b": monolingual}),
      figure=DISTANCE,
      rule="less",
    ),
    claim(
      "hybrid_within_as_good",
      "Hybrid batches are at least as good as monolingual ones within a"
      " language.",
      **(same | {"a": hybrid, "b": monolingual}),
      figure=MONO,
      rule="at_least",
      margin=MARGIN,
    ),
    claim(
      "hybrid_across_as_good",
      "Hybrid batches are at least as good as cross-lingual ones across"
      " languages.",
      **(same | {"a": hybrid, "b": cross}),
      figure=CROSS,
      rule="at_least",
      margin=MARGIN,
    ),
    claim(
      "hybrid_within",
      "Hybrid batches are better than cross-lingual ones within a language.",
      **(same | {"a": hybrid, "b": cross}),
      figure=MONO,
      rule="greater",
    ),
  )


def left_out(grid, *, fixed, where, prefix, task=XQUAD_R):
  """Those that were left out at first, of another domain.

  Args:
    grid: of the study.
    fixed: levels that all cells have.
    where: says so, at the beginning of the claim.
    prefix: of their ids.
    task: that is judged.
  """
  hybrid, monolingual, cross = (
    (*fixed, ("strategy", name))
    for name in ("hybrid", "monolingual", "cross_lingual")
  )
  same = {"source": "study", "grid": grid, "task": task}
  made = _reversed(same, hybrid, monolingual, cross)
  for one in made:
    one.id = f"{prefix}{one.id}"
    one.claim = f"{where}, {one.claim[0].lower()}{one.claim[1:]}"
  return made


def _reversed(same, hybrid, monolingual, cross):
  return (
    claim(
      "hybrid_pool_as_good",
      "Hybrid batches are at least as good as cross-lingual ones in the"
      " multilingual pool.",
      **(same | {"a": hybrid, "b": cross}),
      figure=POOL,
      rule="at_least",
      margin=MARGIN,
    ),
    claim(
      "hybrid_distance_below_cross",
      "Hybrid batches lead to a smaller rank distance than cross-lingual ones.",
      **(same | {"a": hybrid, "b": cross}),
      figure=DISTANCE,
      rule="less",
    ),
    claim(
      "hybrid_within_better",
      "Hybrid batches are better than monolingual ones within a language.",
      **(same | {"a": hybrid, "b": monolingual}),
      figure=MONO,
      rule="greater",
    ),
  )
