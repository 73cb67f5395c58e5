"""A study's report on disk: page, Markdown, LaTeX, JSON and figures."""

import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from hybridret_jax.ground import writing
from hybridret_jax.reporting import (
  documents,
  figures,
  heatmaps,
  results,
)
from hybridret_jax.study import cell_tables, findings, html_page, plots

PAGE = "index.html"


def save(folder: str | os.PathLike, study: Mapping[str, Any]) -> pathlib.Path:
  """Writes all that is shown of a study; says where the page is.

  study.json comes last, so where it is, the rest is complete.

  Args:
    folder: made where it is missing.
    study: as docs/results_schema.md describes study.json.
  """
  folder = pathlib.Path(folder)
  pictures = {}
  for name, text, drawing in drawings(study):
    figures.write(folder / name, drawing)
    pictures[name] = text
  writing.show(folder / "study.md", markdown(study, pictures))
  writing.show(folder / "study.tex", latex(study))
  writing.show(folder / PAGE, html_page.render(study))
  whole = json.dumps(study, indent=1, ensure_ascii=False, allow_nan=False)
  writing.write(folder / "study.json", whole + "\n")
  return folder / PAGE


def markdown(study: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
  """Every table, and the pictures by name with what they show."""
  parts = [f"# {study['name']}", html_page.progress(study)]
  parts.append(findings.warning(study))
  parts += [f"{task['name']}: {task['about']}" for task in study["tasks"]]
  parts += map(documents.markdown, _tables(study))
  if pictures:
    parts.append("## Pictures")
    parts += [f"![{text}]({name}.png)" for name, text in pictures.items()]
  parts.append("## Limits")
  parts.append("\n".join(f"- {x}" for x in findings.sentences(study)))
  parts.append(f"## How to run it again\n\n```\n{study['rerun']}\n```")
  return "\n\n".join(part for part in parts if part) + "\n"


def latex(study: Mapping[str, Any]) -> str:
  """Every table as a table environment."""
  parts = ["% Needs \\usepackage{booktabs}."]
  warning = findings.warning(study)
  if warning:
    parts.append(f"% {warning}")
  parts += [documents.latex(x, about=study["name"]) for x in _tables(study)]
  items = map(documents.escaped, findings.sentences(study))
  lines = [f"\\item {item}" for item in items]
  if lines:
    lines = ["\\paragraph{Limits}", "\\begin{itemize}", *lines]
    parts.append("\n".join([*lines, "\\end{itemize}"]))
  return "\n\n".join(parts) + "\n"


def drawings(
  study: Mapping[str, Any],
) -> Iterator[tuple[str, str, plots.Drawing]]:
  """(file name, what it shows, the drawing) of every picture."""
  grids = {grid["name"]: grid for grid in study["grids"]}
  for grid in study["grids"]:
    for task in study["tasks"]:
      text = f"Figures of every group of {grid['name']} on {task['name']}"
      drawing = plots.groups(study, grid, task["name"])
      yield _file("groups", grid["name"], task["name"]), text, drawing
  for curve in study["alpha"]:
    text = f"The alpha curve of {findings.curve_name(curve)}"
    drawing = plots.alpha(study, grids[curve["grid"]], curve)
    name = _file("alpha", curve["grid"], *curve["at"].values(), curve["task"])
    yield name, text, drawing
  for grid in study["grids"]:
    for group in grid["groups"]:
      for task, found in group["tasks"].items():
        if found["mean"] is not None:
          words = [grid["name"], *cell_tables.words_of(grid, group), task]
          text = f"mAP by direction, mean over seeds: {', '.join(words)}"
          drawing = heatmaps.heatmap(
            found["mean"], title=text, unseen=html_page.unseen(found)
          )
          yield _file("heatmap", *words), text, drawing
  for test in study["tests"]:
    one, other = test["means"]["a"], test["means"]["b"]
    if one is not None and other is not None:
      text = f"Differences in mAP by direction, {html_page.test_name(test)}"
      drawing = heatmaps.difference(
        one,
        other,
        title=text,
        tests=test["directions"],
        unseen=html_page.unseen(test | {"mean": one}),
      )
      words = [test["grid"], test["a"], test["b"], *test["at"].values()]
      yield _file("difference", *words, test["task"]), text, drawing


def _file(*words: str) -> str:
  return "_".join(results.slug(word) for word in words)


def _tables(study: Mapping[str, Any]) -> Iterator[documents.Table]:
  yield from cell_tables.headline(study)
  yield from findings.claims(study)
  yield from findings.tests(study)
  yield from findings.alpha(study)
  yield from cell_tables.bias(study)
  yield from cell_tables.seen(study)
  yield from cell_tables.spreads(study)
  yield from cell_tables.metrics(study)
  yield from findings.costs(study)
