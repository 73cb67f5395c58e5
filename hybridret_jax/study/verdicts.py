"""What decides a claim: its seeds, its clusters, and how many claims there are.

A claim is supported if paired seeds say so, with p adjusted for all claims of
the study, and resampling the question clusters says so too. Seeds alone vary
the order of the data and little else, so what holds over them but not over
clusters is said to hold over seeds only.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hybridret_jax.retrieval import non_inferiority, significance
from hybridret_jax.study import figure_names

DIRECTED = {"greater": 1, "less": -1}
RULES = (*DIRECTED, "at_least", "same")
SUPPORTED, AGAINST = "supported", "not supported"
SEEDS_ONLY, UNDECIDED = "over seeds only", "undecided"
# As a page shows them: what failed first.
ORDER = (AGAINST, SEEDS_ONLY, UNDECIDED, SUPPORTED)
LEAST_SEEDS = 3


def settled(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
  """The claims with `p_holm`, of seeds and of clusters, and their `verdict`.

  Args:
    rows: of all claims of a study, each with `rule`, `margin`, `level`,
      `figure`, `by_seed`, `difference`, `low`, `high`, `p`, `one_sided`, and
      `groups` (None without clusters).
  """
  made = [dict(row) for row in rows]
  for row in made:
    if row["groups"]:
      row["groups"] = dict(row["groups"])
  adjusted = significance.holm([_p(row) for row in made])
  for row, p in zip(made, adjusted.tolist(), strict=True):
    row["p_holm"] = None if math.isnan(p) else p
  clustered = [x for x in made if x["groups"] and x["rule"] in DIRECTED]
  adjusted = significance.holm(
    [_number(row["groups"]["p"]) for row in clustered]
  )
  for row, p in zip(clustered, adjusted.tolist(), strict=True):
    row["groups"]["p_holm"] = None if math.isnan(p) else p
  return [row | {"verdict": verdict(row)} for row in made]


def verdict(row: Mapping[str, Any]) -> str:
  """`SUPPORTED`, `AGAINST`, `SEEDS_ONLY` or `UNDECIDED`.

  With fewer than three seeds undecided. Over seeds, "greater" and "less" are
  supported if p after Holm is at most 1 - level and the mean has that sign, and
  not supported if the interval lies wholly on the other side of 0, or of the
  margin that would matter where one is given; "at_least" and "same" are
  supported if their one-sided p after Holm is at most 1 - level, and not
  supported if the interval lies wholly outside the margin. Clusters have to
  agree, by p or by their own interval; a supported claim with which they do not
  is `SEEDS_ONLY`, an unsupported one undecided.
  """
  if row["low"] is None or len(row["by_seed"]) < LEAST_SEEDS:
    return UNDECIDED
  found = _over_seeds(row)
  if found == UNDECIDED or not row["groups"]:
    return found
  if found == SUPPORTED:
    return SUPPORTED if _supported_by(row, row["groups"]) else SEEDS_ONLY
  groups = row["groups"]
  return AGAINST if _against(row, groups["low"], groups["high"]) else UNDECIDED


def one_sided(row: Mapping[str, Any]) -> dict[str, Any] | None:
  """The non-inferiority test, both ways for the rule "same", as plain data.

  None of a claim with another rule, or without a seed.

  Keys: `low` and `high`, each a one-sided bound at `level`, of a - b, or of
  b - a where lower is better and the rule "at_least"; `p`; and `verdict`.
  """
  rule, margin, level = row["rule"], row["margin"], row["level"]
  if rule in DIRECTED or not row["by_seed"]:
    return None
  sign = _sign(row)
  values = [sign * x for x in row["by_seed"].values()]
  made = non_inferiority.of_seeds(values, margin, level=level)
  found = {
    key: getattr(made, key) for key in ("low", "high", "p", "verdict", "margin")
  }
  if rule == "same":
    other = non_inferiority.of_seeds([-x for x in values], margin, level=level)
    verdicts = {made.verdict, other.verdict}
    if made.p is not None and other.p is not None:
      found["p"] = max(made.p, other.p)
    # Whether the difference is outside is `verdict`'s to say.
    found["verdict"] = "supported" if verdicts == {"supported"} else "undecided"
  return found


def _over_seeds(row) -> str:
  if row["p_holm"] is not None and row["p_holm"] <= 1 - row["level"]:
    sign = DIRECTED.get(row["rule"], 0)
    if row["rule"] not in DIRECTED or sign * row["difference"] > 0:
      return SUPPORTED
  if row["rule"] == "at_least":  # Its own bound is one-sided.
    against = row["one_sided"]["verdict"] == AGAINST
  else:
    against = _against(row, row["low"], row["high"])
  return AGAINST if against else UNDECIDED


def _supported_by(row, groups) -> bool:
  """Whether clusters agree with seeds that a claim holds."""
  rule, margin = row["rule"], row["margin"] or 0.0
  low, high = groups["low"], groups["high"]
  if rule in DIRECTED:
    p = groups["p_holm"]
    right = DIRECTED[rule] * groups["difference"] > 0
    return p is not None and p <= 1 - row["level"] and right
  if rule == "same":
    return -margin < low and high < margin
  return low > -margin if _sign(row) > 0 else high < margin


def _against(row, low, high) -> bool:
  """Whether an interval of a - b speaks against a claim."""
  rule, margin = row["rule"], row["margin"] or 0.0
  if rule in DIRECTED:
    return (high if DIRECTED[rule] > 0 else -low) < margin
  if rule == "same":
    return low > margin or high < -margin
  return high < -margin if _sign(row) > 0 else low > margin


def _sign(row) -> int:
  """-1 where a - b is turned round: less is better, and the rule at_least."""
  lower_is_better = figure_names.better(row["figure"], 1.0) < 0
  return -1 if lower_is_better and row["rule"] == "at_least" else 1


def _p(row) -> float:
  """Of the test that decides a claim."""
  if row["rule"] in DIRECTED:
    return _number(row["p"])
  return _number((row["one_sided"] or {}).get("p"))


def _number(p: float | None) -> float:
  return math.nan if p is None else p
