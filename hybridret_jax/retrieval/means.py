"""Means of values by query: of a language, of a setting, seen and unseen."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np

from hybridret_jax.ground import languages
from hybridret_jax.retrieval import metrics
from hybridret_jax.retrieval.tasks import task as task_lib

_BIAS = ("rank_distance", "same_language_first")


def summary(
  task: task_lib.Task, values_Q: np.ndarray, key: str
) -> dict[str, Any]:
  """{"macro", "by_language"} of a value per query."""
  rows = by_query_language(task, {key: values_Q}, key)
  by_language = {code: row[key] for code, row in rows.items()}
  return {"macro": of(by_language.values()), "by_language": by_language}


def by_query_language(
  task: task_lib.Task, values: dict[str, np.ndarray], needed: str = "map"
) -> dict[str, dict[str, Any]]:
  """Means over each query language that has a query with the needed value."""
  rows = {}
  for index, code in enumerate(task.languages):
    mine = task.query_language == index
    queries = int(np.sum(~np.isnan(values[needed][mine])))
    if queries:
      row = {key: metrics.mean(value[mine]) for key, value in values.items()}
      rows[code] = row | {"queries": queries}
  return rows


def macro(
  codes: Collection[str],
  directions: dict[str, dict[str, Any]],
  pool: dict[str, dict[str, Any]],
  wanted: Callable[[str, str], bool] = lambda *pair: True,
) -> dict[str, dict[str, Any]]:
  """Means over the directions and the pool's languages that are wanted."""
  rows = [
    (query == answer, directions[key])
    for key, query, answer in languages.directions(codes)
    if key in directions and wanted(query, answer)
  ]
  settings = {
    "monolingual": [row for is_own, row in rows if is_own],
    "cross_lingual": [row for is_own, row in rows if not is_own],
    "multilingual_pool": [row for c, row in pool.items() if wanted(c, c)],
  }
  return {
    setting: {
      key: of([row[key] for row in rows])
      for key in (
        *metrics.ALL,
        *(_BIAS if setting == "multilingual_pool" else ()),
      )
    }
    for setting, rows in settings.items()
  }


def seen_and_unseen(
  codes: Collection[str],
  directions: dict[str, dict[str, Any]],
  pool: dict[str, dict[str, Any]],
  seen: Collection[str],
) -> dict[str, Any]:
  """The macros of what has trained languages only, and of the rest."""
  if not seen:
    return {}
  known = frozenset(seen)

  def share(wanted):
    return macro(
      codes, directions, pool, lambda *pair: (set(pair) <= known) == wanted
    )

  return {"macro_seen": share(True), "macro_unseen": share(False)}


def of(values: Iterable[float | None]) -> float | None:
  """The mean of the values that there are; None of none."""
  return metrics.mean([v for v in values if v is not None])
