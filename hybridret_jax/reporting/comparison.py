"""Systems beside each other and tested, as Markdown and LaTeX tables."""

import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, NotRequired, TypedDict

from hybridret_jax.ground import writing
from hybridret_jax.reporting import documents, results, tables


class Entry(TypedDict):
  """One system of one run on one task.

  `label` names it among others. `results` is a task's results.json with the
  system `system`. `records` are the run's `training_log.read`, `examples` the
  task's examples.json.
  """

  label: str
  system: str
  results: dict[str, Any]
  run: NotRequired[str]
  records: NotRequired[Sequence[dict[str, Any]]]
  examples: NotRequired[dict[str, Any] | None]


def save(
  folder: str | os.PathLike,
  entries: Sequence[Entry],
  comparison: dict[str, Any] | None = None,
) -> list[pathlib.Path]:
  """Writes comparison.md and comparison.tex; says where they are."""
  paths = []
  for name, text in (
    ("comparison.md", markdown(entries, comparison)),
    ("comparison.tex", latex(entries, comparison)),
  ):
    paths.append(pathlib.Path(folder) / name)
    writing.show(paths[-1], text)
  return paths


def markdown(
  entries: Sequence[Entry], comparison: dict[str, Any] | None = None
) -> str:
  """All tables of a comparison; the best figures are bold.

  Args:
    entries: systems on the same task.
    comparison: `baseline`, `others`, `level`, `unit`, `clusters` and `metric`
      as docs/results_schema.md describes them; None leaves out the tests.

  Raises:
    ValueError: the entries do not belong together, or the comparison names a
      system that is not among them.
  """
  check(entries, comparison)
  parts = [f"# {entries[0]['results']['task']}"]
  parts += filter(None, [results.unverified(by_run(entries))])
  parts += map(documents.markdown, _tables(entries, comparison))
  return "\n\n".join(parts) + "\n"


def latex(
  entries: Sequence[Entry], comparison: dict[str, Any] | None = None
) -> str:
  """The tables of `markdown` as LaTeX table environments with booktabs."""
  check(entries, comparison)
  task = entries[0]["results"]["task"]
  parts = ["% Needs \\usepackage{booktabs}."]
  parts += [f"% {x}" for x in [results.unverified(by_run(entries))] if x]
  for table in _tables(entries, comparison):
    parts.append(documents.latex(table, about=task))
  return "\n\n".join(parts) + "\n"


def check(entries: Sequence[Entry], comparison: dict[str, Any] | None) -> None:
  """Raises ValueError where the parts do not belong together."""
  if not entries:
    raise ValueError("no system to show; name a run that was evaluated")
  labels = [entry["label"] for entry in entries]
  for label in labels:
    if labels.count(label) > 1:
      raise ValueError(f"two systems are called {label!r}; rename one run")
  tasks = sorted({entry["results"]["task"] for entry in entries})
  if len(tasks) > 1:
    raise ValueError(
      f"results of different tasks ({', '.join(tasks)}) do not compare; show"
      " each task on its own"
    )
  results.check_tasks(by_run(entries))
  for entry in entries:
    systems = entry["results"]["systems"]
    if entry["system"] not in systems:
      raise ValueError(
        f"{entry['label']!r}: no system {entry['system']!r}; there are"
        f" {', '.join(map(repr, systems))}"
      )
  if comparison is not None:
    others = [other["label"] for other in comparison["others"]]
    for label in (comparison["baseline"], *others):
      if label not in labels:
        raise ValueError(
          f"the comparison names {label!r}, which is not among the systems"
          f" {', '.join(map(repr, labels))}"
        )


def by_run(entries: Sequence[Entry]) -> dict[str, dict[str, Any]]:
  """The results of each run that the entries are of."""
  return {e.get("run", e["label"]): e["results"] for e in entries}


def figures_of(entry: Entry) -> dict[str, Any]:
  """What the evaluation measured of the entry's system."""
  return entry["results"]["systems"][entry["system"]]


def languages_of(entries: Sequence[Entry]) -> list[str]:
  """Every language of the entries, in the order of first mention."""
  return list(
    dict.fromkeys(x for e in entries for x in figures_of(e)["languages"])
  )


def difference(
  one: dict[str, Any],
  other: dict[str, Any],
  languages: Sequence[str],
  metric: str = "map",
) -> list[list[float | None]]:
  """Figures of `one` minus `other`: query languages by candidates and pool."""
  first, second = (
    dict(results.matrix(figures | {"languages": languages}, metric))
    for figures in (one, other)
  )
  return [
    [
      None if x is None or y is None else x - y
      for x, y in zip(first[query], second[query], strict=True)
    ]
    for query in languages
  ]


def note(comparison: dict[str, Any]) -> str:
  """What was tested, on what, and what it does not say."""
  metric = tables.METRICS.get(comparison["metric"], comparison["metric"])
  unit = comparison["unit"]
  return (
    f"Differences in {metric} to “{comparison['baseline']}”, with"
    f" {100 * comparison['level']:g} % intervals; the unit that is resampled is"
    f" the {unit} ({comparison['clusters']:,} of them), as questions about one"
    f" {unit} are not independent. p is of a paired randomisation test;"
    " directions are significant after Holm's correction. Intervals and"
    " p-values are about these checkpoints, not about the strategies that"
    " trained them: that takes several seeds of each."
  )


def _tables(
  entries: Sequence[Entry], comparison: dict[str, Any] | None
) -> Iterator[documents.Table]:
  yield _systems(entries)
  if comparison is None:
    return
  by_label = {entry["label"]: figures_of(entry) for entry in entries}
  baseline = by_label[comparison["baseline"]]
  if any(other.get("settings") for other in comparison["others"]):
    yield _settings(comparison)
  if any(other.get("directions") for other in comparison["others"]):
    yield _counts(comparison)
  for other in comparison["others"]:
    yield _directions(
      other, by_label[other["label"]], baseline, comparison["metric"]
    )


def _systems(entries: Sequence[Entry]) -> documents.Table:
  """mAP in the three settings with intervals, and the language bias."""
  systems = [figures_of(entry) for entry in entries]
  columns = [
    _column(systems, setting, "map", tables.number, max)
    for setting in tables.SETTINGS
  ]
  pool = "multilingual_pool"
  columns.append(_column(systems, pool, "rank_distance", tables.whole, min))
  pools = [figures["macro"].get(pool, {}) for figures in systems]
  columns.append([tables.percent(x.get("same_language_first")) for x in pools])
  labels = [entry["label"] for entry in entries]
  heads = [f"mAP {title.lower()}" for title in tables.SETTINGS.values()]
  return documents.Table(
    "Systems",
    "",
    ["System", *heads, "Rank distance", "First hit in query's language"],
    [list(row) for row in zip(labels, *columns, strict=True)],
  )


def _column(systems, setting, metric, text, choose) -> list[str]:
  """A figure of every system with its interval; the best ones are marked."""
  values = [x["macro"].get(setting, {}).get(metric) for x in systems]
  there = [x for x in values if x is not None]
  best = text(choose(there)) if len(there) > 1 else None
  cells = []
  for figures, value in zip(systems, values, strict=True):
    cell = text(value)
    if cell == best:
      cell = documents.bold(cell)
    ends = tables.ends(figures, setting, metric)
    digits = 0 if text is tables.whole else 3
    cells.append(cell + (f" {tables.interval(ends, digits)}" if ends else ""))
  return cells


def _settings(comparison: dict[str, Any]) -> documents.Table:
  rows = []
  for other in comparison["others"]:
    for setting, title in tables.SETTINGS.items():
      test = other.get("settings", {}).get(setting)
      if test:
        ends = (test.get("low"), test.get("high"))
        rows.append(
          [
            other["label"],
            title,
            tables.signed(test.get("difference")),
            tables.interval(ends),
            tables.p_value(test.get("p")),
            tables.p_value(test.get("p_bootstrap")),
          ]
        )
  heads = ["System", "Setting", "Difference", "Interval", "p", "p (bootstrap)"]
  return documents.Table("Differences", note(comparison), heads, rows, words=2)


def _counts(comparison: dict[str, Any]) -> documents.Table:
  """How many directions are significantly better and worse."""
  rows = []
  for other in comparison["others"]:
    tests = other.get("directions", {}).values()
    signs = [x["difference"] > 0 for x in tests if x.get("significant")]
    better, worse = signs.count(True), signs.count(False)
    left = len(tests) - better - worse
    rows.append([other["label"], *map(str, (better, worse, left))])
  heads = ["System", "Better", "Worse", "Not told apart"]
  return documents.Table("Directions that differ", "", heads, rows)


def _directions(
  other: dict[str, Any],
  figures: dict[str, Any],
  baseline: dict[str, Any],
  metric: str,
) -> documents.Table:
  languages = figures["languages"]
  tests = other.get("directions", {})
  rows = []
  for query, values in zip(
    languages, difference(figures, baseline, languages, metric), strict=True
  ):
    rows.append([query])
    for language, value in zip([*languages, "pool"], values, strict=True):
      test = tests.get(f"{query}-{language}", {})
      mark = "*" if test.get("significant") else ""
      rows[-1].append(tables.signed(value) + mark)
  return documents.Table(
    f"Differences by direction: “{other['label']}”",
    "Rows are query languages, columns candidate languages. * is significant.",
    ["Query", *languages, "Pool"],
    rows,
  )
