"""Saved results as Markdown: summary.md and the tables it consists of."""

import os
import pathlib
from typing import Any

import tabulate

from hybridret_jax.reporting import atomic, paper, results

SETTINGS = {
  "monolingual": "Monolingual",
  "cross_lingual": "Cross-lingual",
  "multilingual_pool": "Multilingual pool",
}
METRICS = {
  "map": "mAP",
  "map@20": "mAP@20",
  "r@1": "R@1",
  "r@10": "R@10",
  "mrr@10": "MRR@10",
  "ndcg@10": "nDCG@10",
  "recall@100": "Recall@100",
}


def save(folder: str | os.PathLike, saved: dict[str, Any]) -> pathlib.Path:
  """Writes summary.md into `folder` and says where it is."""
  path = pathlib.Path(folder) / "summary.md"
  atomic.write(path, summary(saved))
  return path


def summary(saved: dict[str, Any]) -> str:
  """The whole Markdown page of one task's results."""
  parts = [
    f"# {saved['task']}",
    counts(saved),
    "## Figures\n\nmAP is the macro mean over languages"
    " (monolingual, pool) or ordered pairs of languages (cross-lingual); rank"
    " distance is the mean distance, on the pool, between a question's first"
    " and last relevant candidate (lower is better).",
    macro(saved),
  ]
  if paper.rows(saved["task"]):
    parts.append(paper.NOTE)
  parts += ["## Other metrics", metrics(saved)]
  unseen = results.unseen(saved)
  for name, figures in saved["systems"].items():
    parts += [
      f"## mAP by direction: {name}\n\nRows are query languages, columns"
      " candidate languages." + _unseen_note(unseen),
      directions(figures, unseen=unseen),
    ]
  if saved["notes"]:
    parts.append("## Notes\n\n" + "\n".join(f"- {x}" for x in saved["notes"]))
  parts += [
    f"## {title}\n\n{listing(saved[key])}"
    for key, title in (
      ("model", "Model"),
      ("settings", "Settings"),
      ("seconds", "Seconds"),
      ("versions", "Versions"),
    )
    if saved[key]
  ]
  return "\n\n".join(part for part in parts if part) + "\n"


def macro(saved: dict[str, Any]) -> str:
  """One row per system: mAP in the three settings and the language bias.

  The paper's rows follow where it has the task.
  """
  rows = []
  for name, figures in saved["systems"].items():
    means = figures["macro"]
    pool = means.get("multilingual_pool", {})
    rows.append(
      [
        name,
        *(_number(means.get(setting, {}).get("map")) for setting in SETTINGS),
        _whole(pool.get("rank_distance")),
        _percent(pool.get("same_language_first")),
      ]
    )
  for row in paper.rows(saved["task"]):
    rows.append(
      [
        f"{row.init}, {row.strategy} *",
        _number(row.monolingual),
        _number(row.cross_lingual),
        _number(row.multilingual_pool),
        _whole(row.rank_distance),
        "",
      ]
    )
  heads = ["mAP " + title.lower() for title in SETTINGS.values()]
  return _table(
    ["System", *heads, "Rank distance", "First hit in query's language"], rows
  )


def metrics(saved: dict[str, Any]) -> str:
  """One row per system and setting, one column per metric."""
  rows = [
    [
      name,
      title,
      *(_number(figures["macro"].get(key, {}).get(m)) for m in METRICS),
    ]
    for name, figures in saved["systems"].items()
    for key, title in SETTINGS.items()
  ]
  return _table(["System", "Setting", *METRICS.values()], rows, words=2)


def directions(
  figures: dict[str, Any], *, metric: str = "map", unseen: tuple[str, ...] = ()
) -> str:
  """The matrix of one metric; languages in `unseen` are marked with †."""
  names = {x: f"{x}†" if x in unseen else x for x in figures["languages"]}
  rows = [
    [names[query], *map(_number, values)]
    for query, values in results.matrix(figures, metric)
  ]
  return _table(["Query", *names.values(), "Pool"], rows)


def _table(heads: list[str], rows: list[list[str]], words: int = 1) -> str:
  align = ["left"] * words + ["right"] * (len(heads) - words)
  return tabulate.tabulate(
    rows, heads, tablefmt="github", colalign=align, disable_numparse=True
  )


def counts(saved: dict[str, Any]) -> str:
  figures = next(iter(saved["systems"].values()))
  counts = figures["counts"]
  return (
    f"{counts['queries']:,} questions and {counts['candidates']:,} candidates"
    f" in {len(figures['languages'])} languages"
    f" ({' '.join(figures['languages'])});"
    f" text of a candidate: {saved['candidates']}."
  )


def _unseen_note(unseen: tuple[str, ...]) -> str:
  return " † was not among the training languages." if unseen else ""


def listing(values: dict[str, Any]) -> str:
  """A nested dict as a table of dotted names and values."""
  return _table(
    ["Name", "Value"], [[k, v] for k, v in flat(values).items()], words=2
  )


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
  """Nested settings as dotted names and printable values."""
  lines = {}
  for key, value in values.items():
    if isinstance(value, dict) and value:
      lines |= flat(value, f"{prefix}{key}.")
    elif isinstance(value, (list, tuple)):
      lines[f"{prefix}{key}"] = " ".join(map(str, value))
    elif isinstance(value, float):
      lines[f"{prefix}{key}"] = f"{value:.6g}"
    else:
      lines[f"{prefix}{key}"] = str(value)
  return lines


def _number(value: float | None) -> str:
  return "–" if value is None or value != value else f"{value:.3f}"


def _whole(value: float | None) -> str:
  return "–" if value is None or value != value else f"{value:.0f}"


def _percent(value: float | None) -> str:
  return "–" if value is None or value != value else f"{100 * value:.0f} %"
