"""Recomputes the statistics of a committed study with scipy alone.

  python benchmarks/recompute_studies.py docs/results/*/study.json

Nothing of hybridret_jax is imported. From the figures of the single cells in
study.json follow the means, deviations and t intervals of each group of cells,
and every comparison of two levels; from a claim's differences by seed its
interval, p and one-sided bounds; from all claims' p the adjusted ones (Holm);
from these and the clusters' intervals the verdicts. What resampling clusters
gave rests on values of single queries, which the file does not hold: it is
taken from it. The file has six digits of a number, so that much has to agree.
"""

import argparse
import itertools
import json
import math
import pathlib
import statistics
import sys
from collections.abc import Iterator
from typing import Any

from scipy import stats

RELATIVE = 2e-5
# Of the largest figure that a number follows from, whose sixth digit is
# rounded, times what an interval is wider than that: t of so many seeds.
OF_THE_LARGEST = 1.5e-5
P_RELATIVE = 2e-3  # p of differences that are themselves rounded.
_LARGEST = "largest"
LOWER_IS_BETTER = ("multilingual_pool/rank_distance",)
LEAST_SEEDS = 3


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("studies", nargs="+", type=pathlib.Path)
  args = parser.parse_args()
  wrong = 0
  for path in args.studies:
    counts, problems = recompute(json.loads(path.read_text("utf-8")))
    told = ", ".join(f"{n} {what}" for what, n in counts.items())
    print(f"{path}: {told}; {len(problems)} disagree")
    for problem in problems:
      print(f"  {problem}")
    wrong += len(problems)
  sys.exit(bool(wrong))


def recompute(study: dict[str, Any]) -> tuple[dict[str, int], list[str]]:
  """(how many of each kind were recomputed, what disagrees)."""
  counts = {"group figures": 0, "comparisons": 0, "claims": 0}
  problems: list[str] = []
  for place, stated, made in _groups(study):
    counts["group figures"] += 1
    problems += _differing(place, stated, made)
  for place, stated, made in _tests(study):
    counts["comparisons"] += 1
    problems += _differing(place, stated, made)
  for place, stated, made in _claims(study):
    counts["claims"] += 1
    problems += _differing(place, stated, made)
  return counts, problems


def _groups(study) -> Iterator[tuple[str, Any, Any]]:
  for grid in study["grids"]:
    for group in grid["groups"]:
      for task, found in group["tasks"].items():
        for figure, stated in found["figures"].items():
          values = [x for x in stated["by_seed"].values() if x is not None]
          place = f"{grid['name']} {group['levels']} {task} {figure}"
          if values:
            yield place, stated, _of_seeds(values, study["level"])


def _of_seeds(values, level) -> dict[str, Any]:
  made = {
    "mean": statistics.fmean(values),
    "min": min(values),
    "max": max(values),
  }
  if len(values) > 1:
    made["sd"] = statistics.stdev(values)
  return (
    made | _interval(values, level) | {_LARGEST: _largest(values, len(values))}
  )


def _largest(values, seeds) -> float:
  return max(map(abs, values)) * stats.t.ppf(0.975, max(seeds - 1, 1))


def _interval(values, level) -> dict[str, Any]:
  if len(values) < 2 or max(values) == min(values):
    return {}
  mean, error = statistics.fmean(values), statistics.stdev(values)
  error /= math.sqrt(len(values))
  reach = stats.t.ppf((1 + level) / 2, len(values) - 1) * error
  return {"low": mean - reach, "high": mean + reach}


def _p(values) -> float | None:
  if len(values) < 2 or max(values) == min(values):
    return None
  return float(stats.ttest_1samp(values, 0.0).pvalue)


def _tests(study) -> Iterator[tuple[str, Any, Any]]:
  """Differences between cells, from the cells' own figures."""
  cells = {
    (grid["name"], *sorted(group["levels"].items())): group["tasks"]
    for grid in study["grids"]
    for group in grid["groups"]
  }
  families: dict[Any, list[tuple[str, Any, Any]]] = {}
  for test in study["tests"]:
    a, b = (
      cells[
        (
          test["grid"],
          *sorted((test["at"] | {test["axis"]: test[side]}).items()),
        )
      ][test["task"]]["figures"]
      for side in "ab"
    )
    for figure, stated in test["figures"].items():
      values = [
        a[figure]["by_seed"][seed] - b[figure]["by_seed"][seed]
        for seed in stated["by_seed"]
      ]
      made = {"difference": statistics.fmean(values)}
      made |= _interval(values, study["level"])
      both = [
        x[figure]["by_seed"][n] for x in (a, b) for n in stated["by_seed"]
      ]
      made[_LARGEST] = _largest(both, len(values))
      # Of the differences as they stand: those of rounded figures are coarse.
      made["p"] = _p(list(stated["by_seed"].values()))
      place = f"{test['grid']} {test['a']} - {test['b']} {test['at']} {figure}"
      key = (test["grid"], test["task"], figure)
      families.setdefault(key, []).append((place, stated, made))
  for family in families.values():
    adjusted = _holm([stated["p"] for _, stated, _ in family])
    for (place, stated, made), p in zip(family, adjusted, strict=True):
      yield place, stated, made | {"p_holm": p}


def _claims(study) -> Iterator[tuple[str, Any, Any]]:
  claims = study["claims"]
  for claim, p in zip(
    claims, _holm([_deciding(x) for x in claims]), strict=True
  ):
    values = list(claim["by_seed"].values())
    made: dict[str, Any] = {"p_holm": p}
    if values:
      made["difference"] = statistics.fmean(values)
      made |= _interval(values, claim["level"])
      made["p"] = _p(values)
    yield f"claim {claim['id']}", claim, made
    if claim["one_sided"]:
      bounds = _bounds(claim, values)
      yield f"claim {claim['id']}, one-sided", claim["one_sided"], bounds
    stated, verdict = {"verdict": claim["verdict"]}, _verdict(claim)
    yield f"claim {claim['id']}", stated, {"verdict": verdict}
  directed = [
    x for x in claims if x["groups"] and x["rule"] in ("greater", "less")
  ]
  clustered = _holm([x["groups"]["p"] for x in directed])
  for claim, p in zip(directed, clustered, strict=True):
    place = f"claim {claim['id']}, clusters"
    yield place, claim["groups"], {"p_holm": p}


def _deciding(claim) -> float | None:
  if claim["rule"] in ("greater", "less"):
    return claim["p"]
  return (claim["one_sided"] or {}).get("p")


def _bounds(claim, values) -> dict[str, Any]:
  """The tests against the margin; turned round where less is better."""
  turned = claim["rule"] == "at_least" and claim["figure"] in LOWER_IS_BETTER
  values = [-x if turned else x for x in values]
  if len(values) < 2 or max(values) == min(values):
    return {}
  margin = claim["margin"]
  found = _interval(values, 2 * claim["level"] - 1)
  above = stats.ttest_1samp(values, -margin, alternative="greater").pvalue
  below = stats.ttest_1samp(values, margin, alternative="less").pvalue
  found["p"] = max(above, below) if claim["rule"] == "same" else above
  return found


def _verdict(claim) -> str:
  """By the rules that docs/study.md states."""
  if claim["low"] is None or len(claim["by_seed"]) < LEAST_SEEDS:
    return "undecided"
  rule, margin = claim["rule"], claim["margin"] or 0.0
  alpha, groups = 1 - claim["level"], claim["groups"]
  sign = {"greater": 1, "less": -1}.get(rule, 0)
  turned = rule == "at_least" and claim["figure"] in LOWER_IS_BETTER

  def holds(low, high, p, mean) -> bool:
    if sign:
      return p is not None and p <= alpha and sign * mean > 0
    if rule == "same":
      return -margin < low and high < margin
    return high < margin if turned else low > -margin

  def fails(low, high) -> bool:
    if sign:
      return (high if sign > 0 else -low) < margin
    if rule == "same":
      return low > margin or high < -margin
    return low > margin if turned else high < -margin

  p = claim["p_holm"]
  if (
    p is not None
    and p <= alpha
    and (not sign or sign * claim["difference"] > 0)
  ):
    if not groups or holds(
      groups["low"], groups["high"], groups.get("p_holm"), groups["difference"]
    ):
      return "supported"
    return "over seeds only"
  low, high = claim["low"], claim["high"]
  if rule == "at_least":
    against = claim["one_sided"]["high"] < -margin
  else:
    against = fails(low, high)
  agreed = not groups or fails(groups["low"], groups["high"])
  return "not supported" if against and agreed else "undecided"


def _holm(values) -> list[float | None]:
  known = sorted((p, i) for i, p in enumerate(values) if p is not None)
  factors = range(len(known), 0, -1)
  running = itertools.accumulate(
    (
      min(1.0, factor * p)
      for factor, (p, _) in zip(factors, known, strict=True)
    ),
    max,
  )
  found: list[float | None] = [None] * len(values)
  for (_, i), p in zip(known, running, strict=True):
    found[i] = p
  return found


def _differing(place, stated, made) -> list[str]:
  found = []
  absolute = OF_THE_LARGEST * made.pop(_LARGEST, 0.01)
  for key, value in made.items():
    there = stated.get(key)
    if isinstance(value, str) or value is None or there is None:
      same = value == there
    elif key in ("p", "p_holm"):
      same = math.isclose(value, there, rel_tol=P_RELATIVE)
    else:
      same = math.isclose(value, there, rel_tol=RELATIVE, abs_tol=absolute)
    if not same:
      found.append(f"{place}: {key} is stated {there}, and made {value}")
  return found


if __name__ == "__main__":
  main()
