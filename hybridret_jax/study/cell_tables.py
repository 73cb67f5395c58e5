"""Tables of a study's cells: figures, spread over seeds, bias, languages.

All take what study.json holds, as docs/results_schema.md describes it.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hybridret_jax.reporting import documents, paper, tables
from hybridret_jax.study import design, figure_names


@dataclasses.dataclass(frozen=True)
class _Row:
  """A group of cells, or a system of their start.

  Attributes:
    words: what it is called.
    seeds: how many are finished; "" of a start.
    tasks: by name what a group of study.json holds of it.
  """

  words: list[str]
  seeds: str
  tasks: Mapping[str, Mapping[str, Any]]

  def figures(self, task: str) -> Mapping[str, Any]:
    """Name -> its spread over seeds."""
    return self.tasks.get(task, {}).get("figures", {})

  def shares(self, task: str) -> Mapping[str, Any] | None:
    """Languages of the pool's first candidates."""
    mean = self.tasks.get(task, {}).get("mean") or {}
    return mean.get("bias", {}).get("top_shares")


def headline(study: Mapping[str, Any]) -> list[documents.Table]:
  """A table a grid in the paper's layout, the start and the paper's rows last.

  The best mean of a column is bold; for rank distance that is the lowest.
  """
  return [_headline(study, grid) for grid in study["grids"]]


def spreads(study: Mapping[str, Any]) -> list[documents.Table]:
  """A table a grid: every headline figure's spread over its seeds."""
  made = []
  for grid in study["grids"]:
    rows = []
    for task in _names(study["tasks"]):
      for group in grid["groups"]:
        for figure in figure_names.HEADLINE:
          found = group["tasks"][task]["figures"][figure]
          rows.append(
            [*words_of(grid, group), task, figure_names.title(figure)]
            + _spread(figure, found)
          )
    heads = [*_heads(grid), "Task", "Figure", "Mean", "SD", "Min", "Max"]
    made.append(
      documents.Table(
        f"Over seeds: {grid['name']}",
        f"Intervals are t intervals of the mean over seeds at"
        f" {100 * study['level']:g} %; SD is between seeds.",
        [*heads, "Interval", "Each seed"],
        rows,
        words=len(_heads(grid)) + 2,
      )
    )
  return made


def bias(study: Mapping[str, Any]) -> list[documents.Table]:
  """A table a grid and task: language bias on the pool, means over seeds."""
  figures = ["multilingual_pool/rank_distance", figure_names.SAME_LANGUAGE]
  figures += [f"bias:{key}" for key in tables.BIAS]
  made = []
  for grid in study["grids"]:
    rows = list(_rows(study, grid))
    for task in _names(study["tasks"]):
      there = [
        x for x in figures if any(_mean(r, task, x) is not None for r in rows)
      ]
      heads = [figure_names.title(x) for x in there]
      cells = [[means(row.figures(task), x) for x in there] for row in rows]
      depths = [x["k"] for row in rows if (x := row.shares(task))]
      if depths:
        heads.append(f"Own language in the first {depths[0]}")
        for row, mine in zip(rows, cells, strict=True):
          mine.append(tables.percent(_own_share(row.shares(task))))
      made.append(
        _table(
          grid,
          f"Language bias: {grid['name']}, {task}",
          "Means over seeds, ± the standard deviation between them.",
          heads,
          rows,
          cells,
        )
      )
  return made


def seen(study: Mapping[str, Any]) -> list[documents.Table]:
  """A table a grid and task: languages trained on beside the others.

  None where all or no language of the task was trained on.
  """
  figures = [
    f"{part}:{setting}/map"
    for setting in tables.SETTINGS
    for part in ("macro_seen", "macro_unseen")
  ]
  made = []
  for grid in study["grids"]:
    rows = list(_rows(study, grid))
    for task in study["tasks"]:
      unseen = [_unseen(row, task) for row in rows]
      if not any(unseen):
        continue
      note = f"Means over seeds, ± the standard deviation. {tables.SEEN_NOTE}"
      if len({x for x in unseen if x}) > 1:
        note += (
          " Groups were trained on different languages, so their columns are"
          " means over different directions."
        )
      cells = [
        [means(row.figures(task["name"]), x) for x in figures] + [without]
        for row, without in zip(rows, unseen, strict=True)
      ]
      made.append(
        _table(
          grid,
          f"Languages trained on and not: {grid['name']}, {task['name']}",
          note,
          [*["trained on", "not"] * len(tables.SETTINGS), "Which not"],
          rows,
          cells,
          spans=[(title, 2) for title in tables.SETTINGS.values()],
        )
      )
  return made


def metrics(study: Mapping[str, Any]) -> list[documents.Table]:
  """A table a grid and task: every metric in the settings."""
  made = []
  for grid in study["grids"]:
    for task in _names(study["tasks"]):
      rows = []
      for row in _rows(study, grid):
        for setting, title in tables.SETTINGS.items():
          values = [
            tables.number(_mean(row, task, f"{setting}/{metric}"))
            for metric in tables.METRICS
          ]
          rows.append([*row.words, title, *values])
      made.append(
        documents.Table(
          f"Other metrics: {grid['name']}, {task}",
          "Means over seeds.",
          [*_heads(grid), "Setting", *tables.METRICS.values()],
          rows,
          words=len(_heads(grid)) + 1,
        )
      )
  return made


def words_of(grid: Mapping[str, Any], group: Mapping[str, Any]) -> list[str]:
  """What a group is called: a level of each axis, or that it is all."""
  return [group["levels"][x["name"]] for x in grid["axes"]] or ["all"]


def label(grid: Mapping[str, Any], group: Mapping[str, Any]) -> str:
  """A group's name in one text."""
  return ", ".join(words_of(grid, group))


def seeds(group: Mapping[str, Any]) -> str:
  """How many seeds are finished, and of how many where some are missing."""
  there = len(group["finished"])
  whole = there + len(group["missing"])
  return str(there) if there == whole else f"{there} of {whole}"


def starts(
  study: Mapping[str, Any], grid: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
  """The models before training that cells of the grid start from."""
  axes = {axis["name"]: axis["levels"] for axis in grid["axes"]}
  for start in study["starts"]:
    if all(x in axes.get(axis, ()) for axis, x in start["levels"].items()):
      yield start


def means(
  figures: Mapping[str, Mapping[str, Any]],
  figure: str,
  mark: str | None = None,
) -> str:
  """A mean with its standard deviation; bold where it reads as `mark`."""
  found = figures.get(figure, {})
  text = figure_names.text(figure, found.get("mean"))
  shown = documents.bold(text) if text == mark else text
  if found.get("sd") is None:
    return shown
  return f"{shown} ± {figure_names.spread(figure, found['sd'])}"


def best(figure: str, numbers: Iterable[float | None]) -> str | None:
  """How the best of several means reads; None where there is no choice."""
  there = [x for x in numbers if x is not None]
  if len(there) < 2:
    return None
  chosen = max(there, key=lambda x: figure_names.better(figure, x))
  return figure_names.text(figure, chosen)


def _headline(
  study: Mapping[str, Any], grid: Mapping[str, Any]
) -> documents.Table:
  tasks = _names(study["tasks"])
  heads = _heads(grid)
  found = list(_rows(study, grid))
  trained = [row for row in found if row.seeds]
  columns = [(task, x) for task in tasks for x in figure_names.HEADLINE]
  marks = [
    best(x, [_mean(row, task, x) for row in trained]) for task, x in columns
  ]
  rows = []
  for row in found:
    cells = [
      means(row.figures(task), x, mark if row.seeds else None)
      for (task, x), mark in zip(columns, marks, strict=True)
    ]
    rows.append([*row.words, row.seeds, *cells])
  printed = [_printed(len(heads), tasks, key) for key in _paper_keys(tasks)]
  note = (
    "mAP is the macro mean over languages (mono, pool) or ordered pairs of"
    " languages (cross); ± is the standard deviation between seeds. The best"
    " mean of the trained cells is bold, told apart or not: that is for the"
    " tests to say."
  )
  if study["starts"]:
    note += " Rows of the start are the model before training, judged once."
  if printed:
    note += f" {paper.NOTE}"
  return documents.Table(
    f"Figures: {grid['name']}",
    note,
    [*heads, "Seeds", *[*figure_names.HEADLINE.values()] * len(tasks)],
    rows + printed,
    words=len(heads),
    spans=[("", 1), *((task, len(figure_names.HEADLINE)) for task in tasks)],
    apart=len(found) - len(trained) + len(printed),
  )


def _rows(study: Mapping[str, Any], grid: Mapping[str, Any]) -> Iterator[_Row]:
  """The grid's groups, then the systems of their starts."""
  for group in grid["groups"]:
    yield _Row(words_of(grid, group), seeds(group), group["tasks"])
  axes = len(grid["axes"])
  for start in starts(study, grid):
    name = ", ".join([design.START, *start["levels"].values()])
    for system in start["systems"]:
      words = [name, system["label"], *[""] * (axes - 2)]
      if axes < 2:
        words = [f"{name}: {system['label']}"]
      yield _Row(words, "", system["tasks"])


def _paper_keys(tasks: Sequence[str]) -> list[tuple[str, str]]:
  """(init, strategy) of the paper's rows, where it has one of the tasks."""
  rows = [row for task in tasks for row in paper.rows(task)]
  return list(dict.fromkeys((row.init, row.strategy) for row in rows))


def _printed(words: int, tasks: Sequence[str], key) -> list[str]:
  """The paper's row of an init and strategy over all tasks."""
  init, strategy = key
  cells = []
  for task in tasks:
    row = next(
      (x for x in paper.rows(task) if (x.init, x.strategy) == key), None
    )
    if row is None:
      cells += ["–"] * len(figure_names.HEADLINE)
      continue
    maps = (row.monolingual, row.cross_lingual, row.multilingual_pool)
    cells += [*map(tables.number, maps), tables.whole(row.rank_distance)]
  names = [init, f"{strategy} *", *[""] * (words - 2)]
  if words == 1:
    names = [f"{init}, {strategy} *"]
  return [*names, "", *cells]


def _table(grid, title, note, heads, rows, cells, spans=()) -> documents.Table:
  words = _heads(grid)
  return documents.Table(
    title,
    note,
    [*words, *heads],
    [[*row.words, *mine] for row, mine in zip(rows, cells, strict=True)],
    words=len(words),
    spans=spans,
    apart=sum(not row.seeds for row in rows),
  )


def _own_share(shares: Mapping[str, Any] | None) -> float | None:
  """Mean share of the query's own language in the pool's first candidates."""
  rows = shares["by_language"].items() if shares else ()
  own = [row[x] for x, row in rows if x in row]
  return sum(own) / len(own) if own else None


def _unseen(row: _Row, task: Mapping[str, Any]) -> str:
  """The task's languages that a group was not trained on; "" of a start."""
  trained = row.tasks.get(task["name"], {}).get("training_languages")
  if not trained:
    return ""
  return " ".join(x for x in task["languages"] if x not in trained)


def _spread(figure: str, found: Mapping[str, Any]) -> list[str]:
  each = ", ".join(
    f"{seed}: {figure_names.text(figure, x)}"
    for seed, x in found["by_seed"].items()
  )
  return [
    figure_names.text(figure, found["mean"]),
    figure_names.spread(figure, found["sd"]),
    figure_names.text(figure, found["min"]),
    figure_names.text(figure, found["max"]),
    figure_names.interval(figure, (found["low"], found["high"])),
    each or "–",
  ]


def _mean(row: _Row, task: str, figure: str) -> float | None:
  return row.figures(task).get(figure, {}).get("mean")


def _heads(grid: Mapping[str, Any]) -> list[str]:
  heads = [axis["name"].replace("_", " ").capitalize() for axis in grid["axes"]]
  return heads or ["Cells"]


def _names(parts: Sequence[Mapping[str, Any]]) -> list[str]:
  return [part["name"] for part in parts]
