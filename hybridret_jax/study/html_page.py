"""A study as one HTML file that needs nothing else, not even a script."""

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import markupsafe

from hybridret_jax.reporting import (
  comparison,
  documents,
  figures,
  heatmaps,
  page,
  page_data,
  results,
  tables,
)
from hybridret_jax.study import (
  cell_tables,
  figure_names,
  findings,
  plots,
  verdicts,
)

_PACKAGE = "hybridret_jax.study"
# A cell that is one of them is coloured; the word itself says it.
_VERDICTS = verdicts.ORDER


def render(study: Mapping[str, Any]) -> str:
  """The page of what docs/results_schema.md describes as study.json.

  It is plain HTML, without a script: tables, drawings in the page's own ink,
  and what is long in folds. Equal studies give equal pages.
  """
  made = page.environment(_PACKAGE)
  made.filters |= {"cell": cell, "head": _joined_head}
  return made.get_template("study.html").render(
    study=study,
    style=markupsafe.Markup(
      page.source("page.css") + page.source("study.css", _PACKAGE)
    ),
    scales={
      "s": heatmaps.palette(heatmaps.SEQUENTIAL, page_data.STEPS),
      "d": heatmaps.palette(heatmaps.DIVERGING, page_data.DIFFERENCE_STEPS),
    },
    progress=progress(study),
    warning=findings.warning(study),
    headline=cell_tables.headline(study),
    groups=list(_by_task(study, functools.partial(_groups, study))),
    claims=findings.claims(study),
    tests=findings.tests(study),
    curves=list(_curves(study)),
    heatmaps=list(_by_task(study, _heatmaps)),
    differences=list(_by_task(study, functools.partial(_differences, study))),
    bias=cell_tables.bias(study),
    bias_notes=_bias_notes(study),
    shares=list(_by_task(study, _shares)),
    seen=cell_tables.seen(study),
    spreads=cell_tables.spreads(study),
    metrics=cell_tables.metrics(study),
    costs=findings.costs(study),
    sentences=findings.sentences(study),
  )


def progress(study: Mapping[str, Any]) -> str:
  """How far the study is."""
  grids = ", ".join(
    f"{grid['name']} ({' × '.join(_axis(axis) for axis in grid['axes'])}"
    f" × {len(grid['seeds'])} seeds)"
    for grid in study["grids"]
  )
  return (
    f"{study['finished']} of {study['cells']} cells finished; grids: {grids}."
  )


def unseen(found: Mapping[str, Any]) -> tuple[str, ...]:
  """Languages of a mean's matrix that were not trained on, where known."""
  trained = found["training_languages"]
  if not trained:
    return ()
  return tuple(x for x in found["mean"]["languages"] if x not in trained)


def test_name(test: Mapping[str, Any]) -> str:
  """What a comparison is of."""
  at = ", ".join(test["at"].values())
  where = f" ({at})" if at else ""
  return f"{test['a']} minus {test['b']}{where}, {test['grid']}, {test['task']}"


def _axis(axis: Mapping[str, Any]) -> str:
  return f"{len(axis['levels'])} levels of {axis['name'].replace('_', ' ')}"


def _by_task(
  study: Mapping[str, Any],
  make: Callable[[Mapping[str, Any], str], Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
  """What is made of each grid and task, titled; what is empty is left out."""
  for grid in study["grids"]:
    for task in study["tasks"]:
      made = make(grid, task["name"])
      if made:
        yield {"title": f"{grid['name']}, {task['name']}", **made}


def _groups(study: Mapping[str, Any], grid, task) -> dict[str, Any]:
  """Drawings of the headline figures."""
  drawn = []
  for figure in figure_names.HEADLINE:
    text = "; ".join(
      f"{cell_tables.label(grid, group)}"
      f" {_mean(group['tasks'][task]['figures'], figure)}"
      for group in grid["groups"]
    )
    drawn.append(
      _drawing(
        functools.partial(plots.groups_panel, study, grid, task, figure),
        f"{figure_names.title(figure)}, means: {text}",
        *("groups", grid["name"], task, figure),
      )
    )
  return {"drawings": drawn}


def _curves(study: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
  """Tables of the alpha curves with their drawings."""
  grids = {grid["name"]: grid for grid in study["grids"]}
  made = zip(study["alpha"], findings.alpha(study), strict=True)
  for number, (curve, table) in enumerate(made):
    grid = grids[curve["grid"]]
    drawn = []
    for figure in figure_names.HEADLINE:
      texts = []
      for point in curve["points"]:
        found = grid["groups"][point["group"]]["tasks"][curve["task"]]
        texts.append(f"{point['alpha']:g} {_mean(found['figures'], figure)}")
      drawn.append(
        _drawing(
          functools.partial(plots.alpha_panel, grid, curve, figure),
          f"{figure_names.title(figure)} by alpha, means: {', '.join(texts)}",
          f"alpha{number}",
          figure,
        )
      )
    for figure in plots.OTHERS:
      drawn.append(
        _drawing(
          functools.partial(plots.trade_off_panel, grid, curve, figure),
          f"{figure_names.title(figure)} against monolingual mAP by alpha."
          f" {findings.front_text(curve)}",
          f"trade{number}",
          figure,
        )
      )
    yield {"table": table, "drawings": drawn}


def _drawing(
  draw: Callable[[], plots.Drawing], text: str, *names: str
) -> dict[str, Any]:
  """An inline drawing with what it shows in words."""
  svg = figures.inline_svg(draw, name=results.slug(" ".join(names)))
  return {"svg": markupsafe.Markup(svg), "text": text}


def _heatmaps(grid: Mapping[str, Any], task: str) -> dict[str, Any]:
  """Each group's mean mAP by direction."""
  matrices = []
  for group in grid["groups"]:
    found = group["tasks"][task]
    caption = cell_tables.label(grid, group)
    if found["mean"] is None:
      matrices.append({"caption": f"{caption}: missing", "rows": []})
      continue
    count = f"mean over {cell_tables.seeds(group)} seeds"
    matrices.append(
      {
        "caption": f"{caption}, {count}",
        "languages": found["mean"]["languages"],
        "unseen": unseen(found),
        "rows": [row for _, row in results.matrix(found["mean"])],
      }
    )
  return {"matrices": matrices}


def _differences(study: Mapping[str, Any], grid, task) -> dict[str, Any]:
  """Each comparison's differences by direction; {} without any."""
  matrices = []
  for test in study["tests"]:
    if (test["grid"], test["task"]) != (grid["name"], task):
      continue
    one, other = test["means"]["a"], test["means"]["b"]
    if one is None or other is None:
      matrices.append({"caption": f"{test_name(test)}: missing", "rows": []})
      continue
    rows = comparison.difference(one, other, one["languages"])
    matrices.append(
      {
        "caption": test_name(test),
        "languages": one["languages"],
        "unseen": unseen(test | {"mean": one}),
        "rows": rows,
        "limit": heatmaps.difference_limit(rows),
        "tested": {
          key: (cell["p_holm"], cell["significant"])
          for key, cell in test["directions"].items()
        },
      }
    )
  return {"matrices": matrices} if matrices else {}


def _shares(grid: Mapping[str, Any], task: str) -> dict[str, Any]:
  """Each group's languages of the first candidates; {} where not known."""
  matrices, depth = [], None
  for group in grid["groups"]:
    found = group["tasks"][task]
    shares = (found["mean"] or {}).get("bias", {}).get("top_shares")
    if shares:
      languages, depth = found["mean"]["languages"], shares["k"]
      by_language = [shares["by_language"].get(x, {}) for x in languages]
      matrices.append(
        {
          "caption": cell_tables.label(grid, group),
          "languages": languages,
          "unseen": unseen(found),
          "rows": [
            [row.get(x) for x in languages]
            for row in [*by_language, shares["pool"]]
          ],
        }
      )
  return {"depth": depth, "matrices": matrices} if matrices else {}


def _bias_notes(study: Mapping[str, Any]) -> list[tuple[str, str]]:
  there = {
    figure.partition(":")[2]
    for grid in study["grids"]
    for group in grid["groups"]
    for found in group["tasks"].values()
    for figure in found["figures"]
    if figure.startswith("bias:")
  }
  return [tables.BIAS[key] for key in tables.BIAS if key in there]


def _mean(found: Mapping[str, Any], figure: str) -> str:
  return figure_names.text(figure, found.get(figure, {}).get("mean"))


def _joined_head(table: documents.Table) -> Sequence[str]:
  """Heads as the page shows them: the words' columns in one, but for prose."""
  if table.prose:
    return list(table.heads)
  first, *more = table.heads[: table.words]
  return [
    ", ".join([first, *map(str.lower, more)]),
    *table.heads[table.words :],
  ]


def cell(text: str) -> markupsafe.Markup:
  """A cell's text: what is after ± or is an interval on a line of its own."""
  if text in _VERDICTS:
    kind = results.slug(text)
    return markupsafe.Markup(f'<span class="verdict {kind}">{text}</span>')
  safe = documents.html(text)
  return markupsafe.Markup(
    re.sub(r" (±[^<]*)$", r'<span class="ends">\1</span>', str(safe))
  )
