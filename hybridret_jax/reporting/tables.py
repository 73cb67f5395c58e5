"""Saved results as Markdown: summary.md and the tables it consists of."""

import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

from hybridret_jax.ground import writing
from hybridret_jax.reporting import documents, paper, results

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
SEEN_NOTE = (
  "mAP. A cross-lingual direction counts as trained on if both its languages"
  " are."
)
# Key -> title, and what it is.
BIAS = {
  "without_own_language": (
    "Pool mAP without own-language answers",
    "mAP on the pool from which the answers in the question's own language are"
    " taken: only reaching across languages finds the others (LAReQA's test)",
  ),
  "one_copy": (
    "Pool mAP, one copy",
    "mAP where each candidate stands in the pool in one language only, drawn"
    " at random: no parallel copy crowds out another",
  ),
  "rank_correlation": (
    "Rank correlation",
    "MRC: Spearman's correlation between the rankings that translations of a"
    " question give the same pool; 1 is the same ranking",
  ),
  "peer": (
    "PEER",
    "probability of equal expected rank: p-values of Kruskal–Wallis tests"
    " whether the first candidates' ranks differ between languages, averaged"
    " over levels of relevance; 1 is even-handed (ranks within a level, as the"
    " test has it; the authors' code takes those in the whole list, so its"
    " values differ where a level's candidates do not stand together)",
  ),
}


def save(folder: str | os.PathLike, saved: dict[str, Any]) -> pathlib.Path:
  """Writes summary.md into `folder` and says where it is."""
  path = pathlib.Path(folder) / "summary.md"
  writing.show(path, summary(saved))
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
  for title, note, table in (
    ("Intervals", _interval_note(saved), intervals(saved)),
    ("Languages trained on and not (†)", SEEN_NOTE, seen(saved)),
    ("Language bias", _bias_note(saved), bias(saved)),
  ):
    if table:
      parts += [f"## {title}", note, table]
  parts += ["## Other metrics", metrics(saved)]
  unseen = results.unseen(saved)
  for name, figures in saved["systems"].items():
    parts += [
      f"## mAP by direction: {name}\n\nRows are query languages, columns"
      " candidate languages." + _unseen_note(unseen),
      directions(figures, unseen=unseen),
    ]
  notes = [*saved["notes"], *caveats(saved)]
  if notes:
    parts.append("## Notes\n\n" + "\n".join(f"- {x}" for x in notes))
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
        *(number(means.get(setting, {}).get("map")) for setting in SETTINGS),
        whole(pool.get("rank_distance")),
        percent(pool.get("same_language_first")),
      ]
    )
  for row in paper.rows(saved["task"]):
    rows.append(
      [
        f"{row.init}, {row.strategy} *",
        number(row.monolingual),
        number(row.cross_lingual),
        number(row.multilingual_pool),
        whole(row.rank_distance),
        "",
      ]
    )
  heads = ["mAP " + title.lower() for title in SETTINGS.values()]
  return documents.tabulated(
    ["System", *heads, "Rank distance", "First hit in query's language"], rows
  )


def metrics(saved: dict[str, Any]) -> str:
  """One row per system and setting, one column per metric."""
  rows = [
    [
      name,
      title,
      *(number(figures["macro"].get(key, {}).get(m)) for m in METRICS),
    ]
    for name, figures in saved["systems"].items()
    for key, title in SETTINGS.items()
  ]
  return documents.tabulated(
    ["System", "Setting", *METRICS.values()], rows, words=2
  )


def intervals(saved: dict[str, Any], *, metric: str = "map") -> str:
  """One row per system: a metric's interval in each setting; "" without any."""
  rows = []
  for name, figures in saved["systems"].items():
    cells = [ends(figures, setting, metric) for setting in SETTINGS]
    if any(cells):
      rows.append([name, *map(interval, cells)])
  heads = [f"{METRICS[metric]} {title.lower()}" for title in SETTINGS.values()]
  return documents.tabulated(["System", *heads], rows) if rows else ""


def ends(
  figures: dict[str, Any], setting: str, metric: str
) -> list[float] | None:
  """Both ends of a macro figure's interval; None where there is none."""
  found = figures.get("intervals", {}).get("macro", {})
  return found.get(setting, {}).get(metric)


def seen(saved: dict[str, Any], *, metric: str = "map") -> str:
  """One row per system and setting: languages trained on beside the others.

  "" where no system has both.
  """
  rows = [
    [name, title, *map(number, pair)]
    for name, figures in saved["systems"].items()
    for title, pair in zip(
      SETTINGS.values(), seen_and_not(figures, metric), strict=False
    )
  ]
  heads = ["System", "Setting", "Trained on", "Not trained on"]
  return documents.tabulated(heads, rows, words=2) if rows else ""


def seen_and_not(
  figures: dict[str, Any], metric: str = "map"
) -> list[list[float | None]]:
  """Per setting the macro figure of languages trained on, and of the others.

  Empty where one of them has no figure in any setting.
  """
  parts = [
    [figures.get(part, {}).get(x, {}).get(metric) for x in SETTINGS]
    for part in ("macro_seen", "macro_unseen")
  ]
  if any(set(part) == {None} for part in parts):
    return []
  return [list(pair) for pair in zip(*parts, strict=True)]


def bias(saved: dict[str, Any]) -> str:
  """One row per system: macro means of the bias figures; "" without any."""
  systems = saved["systems"]
  there = bias_keys(systems.values())
  rows = [
    [
      name,
      *(
        number(figures.get("bias", {}).get(key, {}).get("macro"))
        for key in there
      ),
    ]
    for name, figures in systems.items()
  ]
  heads = [BIAS[key][0] for key in there]
  return documents.tabulated(["System", *heads], rows) if there else ""


def bias_keys(systems: Iterable[dict[str, Any]]) -> list[str]:
  """The keys of `BIAS` that at least one system has."""
  there = {key for figures in systems for key in figures.get("bias", {})}
  return [key for key in BIAS if key in there]


def directions(
  figures: dict[str, Any], *, metric: str = "map", unseen: tuple[str, ...] = ()
) -> str:
  """The matrix of one metric; languages in `unseen` are marked with †."""
  names = {x: f"{x}†" if x in unseen else x for x in figures["languages"]}
  rows = [
    [names[query], *map(number, values)]
    for query, values in results.matrix(figures, metric)
  ]
  return documents.tabulated(["Query", *names.values(), "Pool"], rows)


def counts(saved: dict[str, Any]) -> str:
  figures = next(iter(saved["systems"].values()))
  counts = figures["counts"]
  return (
    f"{counts['queries']:,} questions and {counts['candidates']:,} candidates"
    f" in {len(figures['languages'])} languages"
    f" ({' '.join(figures['languages'])});"
    f" text of a candidate: {saved['candidates']}."
  )


def _bias_note(saved: dict[str, Any]) -> str:
  keys = bias_keys(saved["systems"].values())
  return "\n".join(
    f"- {title}: {text}." for title, text in (BIAS[key] for key in keys)
  )


def caveats(saved: dict[str, Any]) -> list[str]:
  """What is to be known of single systems' figures, a sentence or two each."""
  said = []
  for name, figures in saved["systems"].items():
    zero = figures["counts"].get("zero_vectors", {})
    if zero:
      said.append(
        f"{name}: {zero['queries']:,} vectors of queries and"
        f" {zero['candidates']:,} of candidates are zero after the correction;"
        " what they are compared with ties."
      )
    lost = figures.get("bias", {}).get("rank_correlation", {}).get("undefined")
    if lost:
      said.append(
        f"{name}: {lost:,} pairs of translations have no rank correlation,"
        " since all candidates tie in one of their rankings; the mean leaves"
        " them out."
      )
  return said


def _interval_note(saved: dict[str, Any]) -> str:
  """What the intervals say, taken from the first system that has them."""
  for figures in saved["systems"].values():
    if "intervals" in figures:
      return interval_note(figures["intervals"])
  return ""


def interval_note(found: dict[str, Any]) -> str:
  """What a bootstrap interval stands for and what it does not."""
  unit = found.get("unit", "cluster")
  clusters = found.get("clusters")
  return (
    f"{100 * found.get('level', 0.95):g} % intervals of a bootstrap over"
    f" {f'{clusters:,} ' if clusters else ''}{unit}s. They are about these"
    " checkpoints; what a training strategy does shows over several seeds."
  )


def _unseen_note(unseen: tuple[str, ...]) -> str:
  return " † was not among the training languages." if unseen else ""


def listing(values: dict[str, Any]) -> str:
  """A nested dict as a table of dotted names and values."""
  return documents.tabulated(
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


def number(value: float | None, digits: int = 3) -> str:
  """Three decimals, or a dash where there is no number."""
  return "–" if value is None or value != value else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 3) -> str:
  """`number` with its sign; minus is the mathematical one."""
  if value is None or value != value:
    return "–"
  return f"{value:+.{digits}f}".replace("-", "−")


def interval(found: Sequence[float | None] | None, digits: int = 3) -> str:
  """[low, high], or a dash where there is none."""
  if found is None or None in found:
    return "–"
  low, high = (number(x, digits).replace("-", "−") for x in found)
  return f"[{low}, {high}]"


def p_value(value: float | None) -> str:
  """Three decimals, from 0.001 on; a dash where nothing was tested."""
  if value is None or value != value:
    return "–"
  return "<0.001" if value < 0.001 else f"{value:.3f}"


def whole(value: float | None) -> str:
  """A whole number, or a dash where there is none."""
  return "–" if value is None or value != value else f"{value:.0f}"


def percent(value: float | None) -> str:
  """A share in whole percent, or a dash where there is none."""
  return "–" if value is None or value != value else f"{100 * value:.0f} %"
