"""Claims judged on a report: what it holds of them, by the rules of today.

A report keeps each comparison of two levels with its seeds and clusters, so a
claim that came to be written after the runs can be judged where it is about
one, and one that was judged by older rules is judged by these.
"""

from collections.abc import Mapping
from typing import Any

import ml_collections

from hybridret_jax.study import comparisons, verdicts

_SAID = ("id", "claim", "source", "grid", "task", "figure", "rule")
_FOUND = ("by_seed", "of", "difference", "low", "high", "p", "groups", "note")
_NOTHING = dict.fromkeys(_FOUND) | {"by_seed": {}, "of": 0}


def judged(
  config: ml_collections.ConfigDict, report: Mapping[str, Any]
) -> dict[str, Any]:
  """A report whose claims are those of the config.

  Args:
    config: of the study.
    report: study.json of it, as docs/results_schema.md describes it; its own
      claims may be fewer, and others may have been judged by other rules.

  Returns:
    The same with every claim of the config. One that it holds nothing of is
    undecided.
  """
  known = {claim["id"]: claim for claim in report["claims"]}
  rows = []
  for claim in config.claims:
    said = {key: claim[key] for key in _SAID}
    said |= {
      "level": float(claim.get("level", comparisons.LEVEL)),
      "margin": claim.get("margin"),
    }
    row = said | (
      _held(known.get(claim["id"]), said) or _of_tests(claim, report)
    )
    rows.append(row | {"one_sided": verdicts.one_sided(row)})
  return dict(report) | {"claims": verdicts.settled(rows)}


def _held(row, said) -> dict[str, Any] | None:
  """What was found of a claim of this name, if it says the same."""
  if row is None or any(
    row[key] != value
    for key, value in said.items()
    if key not in ("claim", "source")
  ):
    return None
  return {key: row[key] for key in _FOUND}


def _of_tests(claim, report) -> dict[str, Any]:
  """What a comparison of the report says of a claim about two levels."""
  if isinstance(claim["a"], str) or isinstance(claim["b"], str):
    return dict(_NOTHING)
  if claim.get("over") or "contrast" in claim:
    return dict(_NOTHING)
  a, b = dict(claim["a"]), dict(claim["b"])
  for test in report["tests"]:
    one = test["at"] | {test["axis"]: test["a"]}
    two = test["at"] | {test["axis"]: test["b"]}
    same = (claim["grid"], claim["task"]) == (test["grid"], test["task"])
    found = test["figures"].get(claim["figure"])
    if same and found and (a, b) == (one, two):
      return {key: found.get(key) for key in _FOUND}
  return dict(_NOTHING)
