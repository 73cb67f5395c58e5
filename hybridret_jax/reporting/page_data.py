"""What a page's controls switch between, small enough to be embedded."""

from collections.abc import Mapping, Sequence
from typing import Any

from hybridret_jax.ground import languages as tags
from hybridret_jax.reporting import comparison, heatmaps, results, tables

STEPS = 51  # colours of the scale from 0 to 1
DIFFERENCE_STEPS = 41
DIGITS = 6
EXAMPLES = 10  # candidates shown for a query

# Figures by query language: key -> title, unit and what it is.
_COLUMNS = {
  "map": ("Pool mAP", "number", "mAP on the pool of all languages"),
  **{
    key: (title, "number", text) for key, (title, text) in tables.BIAS.items()
  },
  "same_language_first": (
    "First hit in query's language",
    "share",
    "among questions whose first candidate is relevant, the share where it is"
    " in the question's language",
  ),
  "rank_distance": (
    "Rank distance",
    "whole",
    "mean distance on the pool between a question's first and last relevant"
    " candidate; lower is better",
  ),
}
_MATRICES = {
  "shares": (
    "Languages of the first {k} candidates",
    "share",
    "Share of each candidate language among the first {k} candidates on the"
    " pool. A ranking that prefers no language has the pool's share in every"
    " row.",
  ),
  "answers": (
    "Pool mAP by answer language",
    "number",
    "mAP on the pool where only the relevant candidate in the column's language"
    " counts and the others are taken out.",
  ),
  "correlation": (
    "Rank correlation",
    "number",
    "Spearman's correlation between the rankings that a question and its"
    " translation give the same pool (MRC).",
  ),
}


def collect(
  entries: Sequence[comparison.Entry], compared: dict[str, Any] | None
) -> dict[str, Any]:
  """Plain data that the page's script reads.

  Keys: languages, metrics, systems (settings, directions, queries, columns,
  matrices, unseen), columns, matrices, tests, examples, scales and start, which
  says what is shown first. Systems are in the order of `entries`.
  """
  languages = comparison.languages_of(entries)
  systems = [comparison.figures_of(entry) for entry in entries]
  metrics = [
    (key, title)
    for key, title in tables.METRICS.items()
    if any(key in row for x in systems for row in x["macro"].values())
  ]
  data = {
    "languages": languages,
    "metrics": metrics,
    "systems": [
      _system(entry, figures, languages, [key for key, _ in metrics])
      for entry, figures in zip(entries, systems, strict=True)
    ],
    "columns": _columns(systems),
    "matrices": _matrices(systems),
    "tests": _tests(entries, compared),
    "examples": _examples(entries),
    "start": _start(entries, compared, metrics),
    "scales": {
      "steps": STEPS,
      "difference_steps": DIFFERENCE_STEPS,
      "least_limit": heatmaps.LEAST_LIMIT,
    },
  }
  return _rounded(data)


def _system(
  entry: comparison.Entry,
  figures: dict[str, Any],
  languages: Sequence[str],
  metrics: Sequence[str],
) -> dict[str, Any]:
  wide = figures | {"languages": languages}
  return {
    "label": entry["label"],
    "unseen": results.unseen(entry["results"]),
    "settings": {
      metric: {
        setting: {
          "value": figures["macro"].get(setting, {}).get(metric),
          "ends": tables.ends(figures, setting, metric),
        }
        for setting in tables.SETTINGS
      }
      for metric in metrics
    },
    "directions": {
      metric: [row for _, row in results.matrix(wide, metric)]
      for metric in metrics
    },
    "queries": [row for _, row in results.matrix(wide, "queries")],
    "columns": {key: _by_language(figures, key) for key in _COLUMNS},
    "matrices": {key: _matrix(figures, key, languages) for key in _MATRICES},
  }


def _by_language(figures: dict[str, Any], key: str) -> dict[str, Any]:
  found = figures.get("bias", {}).get(key)
  if found is not None:
    return found.get("by_language") or _means_by_query(
      figures["languages"], found.get("by_pair", {})
    )
  return {
    language: row[key]
    for language, row in figures["pool"].items()
    if row.get(key) is not None
  }


def _means_by_query(
  codes: Sequence[str], by_pair: Mapping[str, float | None]
) -> dict[str, float]:
  """The mean over the pairs that a language is part of."""
  found: dict[str, list[float]] = {}
  for key, one, other in tags.directions(codes):
    value = by_pair.get(key)
    if value is not None and one != other:
      for language in (one, other):
        found.setdefault(language, []).append(value)
  return {key: sum(values) / len(values) for key, values in found.items()}


def _matrix(
  figures: dict[str, Any], key: str, languages: Sequence[str]
) -> list[list[float | None]] | None:
  """Query languages by candidate languages, then the pool's own shares."""
  bias = figures.get("bias", {})
  if key == "shares" and "top_shares" in bias:
    found = bias["top_shares"]
    rows = [found["by_language"].get(query, {}) for query in languages]
    rows += [found.get(part) or {} for part in ("pool", "relevant")]
    return [[row.get(x) for x in languages] for row in rows]
  pairs = {
    "answers": figures.get("pool_map_by_answer_language"),
    "correlation": bias.get("rank_correlation", {}).get("by_pair"),
  }.get(key)
  if not pairs:
    return None
  return [
    # A correlation is stored for one order of its languages or for both.
    [
      pairs.get(f"{x}-{y}", pairs.get(f"{y}-{x}"))
      if key == "correlation"
      else pairs.get(f"{x}-{y}")
      for y in languages
    ]
    for x in languages
  ]


def _columns(systems: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
  return [
    {"key": key, "title": title, "unit": unit, "note": note}
    for key, (title, unit, note) in _COLUMNS.items()
    if any(_by_language(figures, key) for figures in systems)
  ]


def _matrices(systems: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
  there = []
  for key, texts in _MATRICES.items():
    for figures in systems:
      if _matrix(figures, key, figures["languages"]) is not None:
        k = figures.get("bias", {}).get("top_shares", {}).get("k", 100)
        title, unit, note = (text.format(k=k) for text in texts)
        there.append({"key": key, "title": title, "unit": unit, "note": note})
        break
  return there


def _tests(
  entries: Sequence[comparison.Entry], compared: dict[str, Any] | None
) -> dict[str, Any] | None:
  """Per other system and direction: p after Holm, and whether it counts."""
  if compared is None:
    return None
  labels = [entry["label"] for entry in entries]
  return {
    "metric": compared["metric"],
    "baseline": labels.index(compared["baseline"]),
    "others": {
      str(labels.index(other["label"])): {
        direction: [test.get("p_holm"), bool(test.get("significant"))]
        for direction, test in other.get("directions", {}).items()
      }
      for other in compared["others"]
    },
  }


def _examples(entries: Sequence[comparison.Entry]) -> dict[str, Any] | None:
  """Queries, and per system the first candidates; a text is held once."""
  queries: dict[str, dict[str, Any]] = {}
  for entry in entries:
    for query in (entry.get("examples") or {}).get("queries", ()):
      queries.setdefault(query["id"], query)
  if not queries:
    return None
  texts: dict[str, list[str]] = {}
  lists = []
  for entry in entries:
    found = entry.get("examples") or {"queries": [], "systems": {}}
    mine = {}
    for query, candidates in zip(
      found["queries"],
      found["systems"].get(entry["system"], ()),
      strict=False,
    ):
      rows = []
      for candidate in candidates[:EXAMPLES]:
        texts[candidate["id"]] = [candidate["lang"], candidate["text"]]
        rows.append(
          [candidate["id"], candidate.get("score"), candidate["relevant"]]
        )
      mine[query["id"]] = rows
    lists.append([mine.get(key) for key in queries])
  return {"queries": list(queries.values()), "texts": texts, "lists": lists}


def _start(
  entries: Sequence[comparison.Entry],
  compared: dict[str, Any] | None,
  metrics: Sequence[tuple[str, str]],
) -> dict[str, Any]:
  """What is shown first: the trained system against the baseline."""
  labels = [entry["label"] for entry in entries]
  other, metric = 0, metrics[0][0] if metrics else "map"
  candidates = range(1, len(entries))
  if compared and compared["others"]:
    candidates = [labels.index(x["label"]) for x in compared["others"]]
    other, metric = labels.index(compared["baseline"]), compared["metric"]
  trained = [i for i in candidates if entries[i]["system"] == "trained"]
  one = [*trained, *candidates, 0][0]
  return {"one": one, "other": other, "metric": metric}


def _rounded(value: Any) -> Any:
  if isinstance(value, float):
    return round(value, DIGITS)
  if isinstance(value, Mapping):
    return {key: _rounded(item) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [_rounded(item) for item in value]
  return value
