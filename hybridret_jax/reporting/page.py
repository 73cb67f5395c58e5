"""Results as one HTML file that needs nothing else: no network, no server."""

import base64
import functools
import hashlib
import importlib.resources
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import markupsafe

from hybridret_jax.ground import writing
from hybridret_jax.reporting import (
  charts,
  comparison,
  figures,
  heatmaps,
  page_data,
  paper,
  results,
  shares,
  tables,
  throughput,
)

_PACKAGE = "hybridret_jax.reporting"
_NO_CELL = {"text": "–", "class": "none", "significant": False}


def save(
  path: str | os.PathLike,
  entries: Sequence[comparison.Entry],
  compared: dict[str, Any] | None = None,
  *,
  title: str,
  costs: Mapping[str, dict[str, Any]] | None = None,
  mixtures: Mapping[str, dict[str, Any]] | None = None,
) -> pathlib.Path:
  """Writes what `render` makes and says where it is."""
  path = pathlib.Path(path)
  text = render(entries, compared, title=title, costs=costs, mixtures=mixtures)
  writing.show(path, text)
  return path


def render(
  entries: Sequence[comparison.Entry],
  compared: dict[str, Any] | None = None,
  *,
  title: str,
  costs: Mapping[str, dict[str, Any]] | None = None,
  mixtures: Mapping[str, dict[str, Any]] | None = None,
) -> str:
  """One task's page: systems of one run or of several, to switch between.

  What the entries do not hold is left out. Without the script the page shows
  the systems that it starts with.

  Args:
    entries: systems on the same task.
    compared: the tests, as docs/results_schema.md describes them.
    title: the page's name.
    costs: run -> `throughput.summary`; without it what the run's log says.
    mixtures: run -> what `shares.load` returned, of runs that have it.

  Raises:
    ValueError: the entries do not belong together, or `compared` names a
      system that is not among them.
  """
  comparison.check(entries, compared)
  data = page_data.collect(entries, compared)
  metric = data["start"]["metric"]
  script = source("page.js")
  digest = hashlib.sha256(script.encode()).digest()
  return (
    environment()
    .get_template("page.html")
    .render(
      title=title,
      style=markupsafe.Markup(source("page.css")),
      script=markupsafe.Markup(script),
      script_hash=base64.b64encode(digest).decode(),
      scales={
        "s": heatmaps.palette(heatmaps.SEQUENTIAL, page_data.STEPS),
        "d": heatmaps.palette(heatmaps.DIVERGING, page_data.DIFFERENCE_STEPS),
      },
      data=data,
      start=data["start"],
      tested=_tested(data),
      metric=metric,
      metric_names=tables.METRICS,
      metric_title=tables.METRICS.get(metric, metric),
      one=data["systems"][data["start"]["one"]],
      other=data["systems"][data["start"]["other"]],
      task=entries[0]["results"]["task"],
      counts=tables.counts(entries[0]["results"]),
      unverified=results.unverified(comparison.by_run(entries)),
      settings=tables.SETTINGS,
      summary=[_summary(entry) for entry in entries],
      paper_rows=paper.rows(entries[0]["results"]["task"]),
      paper_note=paper.NOTE,
      interval_note=_interval_note(entries),
      compared=compared,
      compared_note=comparison.note(compared) if compared else "",
      seen_note=tables.SEEN_NOTE,
      bias=_bias(entries),
      training=_training(_runs(entries)),
      costs=_costs(_runs(entries), costs or {}),
      cost_note=throughput.NOTE,
      mixtures=mixtures or {},
      mixture_note=shares.NOTE,
      share_rows=shares.rows,
      seconds=_seconds(_runs(entries)),
      differing=_differing(_runs(entries)),
      runs=_runs(entries),
    )
  )


@functools.cache
def environment(package: str = _PACKAGE) -> jinja2.Environment:
  """Where a package's templates are, with what they call."""
  made = jinja2.Environment(
    loader=jinja2.PackageLoader(package),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
  )
  # Characters as they are: a third of the size of \u escapes.
  made.policies["json.dumps_kwargs"] = {
    "ensure_ascii": False,
    "separators": (",", ":"),
    "allow_nan": False,
  }
  made.filters |= {
    "number": tables.number,
    "signed": tables.signed,
    "whole": tables.whole,
    "share": tables.percent,
    "interval": tables.interval,
    "p": tables.p_value,
    "flat": tables.flat,
    "breakable": _breakable,
    "count": throughput.count,
    "cells": _cells,
    "difference_cells": _difference_cells,
  }
  made.globals |= {
    "difference_of": _difference_of,
    "limit_of": heatmaps.difference_limit,
    "largest": _largest,
    "is_best": _is_best,
  }
  return made


def source(name: str, package: str = _PACKAGE) -> str:
  """A template's text as it is."""
  folder = importlib.resources.files(package) / "templates"
  return (folder / name).read_text(encoding="utf-8")


def _summary(entry: comparison.Entry) -> dict[str, Any]:
  found = comparison.figures_of(entry)
  pool = found["macro"].get("multilingual_pool", {})
  return {
    "rank_distance": pool.get("rank_distance"),
    "rank_distance_ends": tables.ends(
      found, "multilingual_pool", "rank_distance"
    ),
    "same_language_first": pool.get("same_language_first"),
    "seen_and_not": tables.seen_and_not(found),
  }


def _interval_note(entries: Sequence[comparison.Entry]) -> str:
  for entry in entries:
    found = comparison.figures_of(entry).get("intervals")
    if found:
      return tables.interval_note(found)
  return ""


def _bias(entries: Sequence[comparison.Entry]) -> dict[str, Any]:
  """Macro bias figures of every system, and what they are."""
  systems = [comparison.figures_of(entry) for entry in entries]
  keys = tables.bias_keys(systems)
  return {
    "notes": [tables.BIAS[key] for key in keys],
    "rows": [
      [found.get("bias", {}).get(key, {}).get("macro") for key in keys]
      for found in systems
    ],
  }


def _runs(
  entries: Sequence[comparison.Entry],
) -> dict[str, comparison.Entry]:
  """An entry of each run: systems of a run share its log and settings."""
  runs: dict[str, comparison.Entry] = {}
  for entry in entries:
    runs.setdefault(entry.get("run", entry["label"]), entry)
  return runs


def _training(runs: dict[str, comparison.Entry]) -> list[dict[str, Any]]:
  """Drawings of the runs beside each other, then of each."""
  logs = {
    name: list(entry.get("records", ()))
    for name, entry in runs.items()
    if entry.get("records")
  }
  parts = []
  losses = {name: charts.losses(records) for name, records in logs.items()}
  maps = {name: charts.validation(records) for name, records in logs.items()}
  if len(logs) > 1:
    drawn = _panels(
      "all",
      {x: y["train/loss"] for x, y in losses.items() if "train/loss" in y},
      {name: charts.mean(found) for name, found in maps.items() if found},
    )
    about = "Training loss, and validation mAP averaged over the settings"
    parts.append({"name": "All runs", "about": about, "drawings": drawn})
  for number, name in enumerate(logs):
    drawn = _panels(f"run{number}", losses[name], maps[name])
    about = "Training losses, and validation mAP in the settings"
    parts.append({"name": name, "about": about, "drawings": drawn})
  return parts


def _panels(name: str, losses, validation) -> list[dict[str, Any]]:
  """Inline drawings, each with its last values in words."""
  return [
    {
      "svg": markupsafe.Markup(
        figures.inline_svg(
          functools.partial(draw, series), name=f"{name}-{kind}"
        )
      ),
      "text": f"{kind} by step; last values: "
      + ", ".join(f"{key} {ys[-1]:.3f}" for key, (_, ys) in series.items()),
    }
    for kind, draw, series in (
      ("Training loss", charts.loss_panel, losses),
      ("Validation mAP", charts.validation_panel, validation),
    )
    if series
  ]


def _costs(
  runs: dict[str, comparison.Entry], known: Mapping[str, dict[str, Any]]
) -> tuple[list[str], list[list[str]]] | None:
  """Heads and rows of what the runs' training cost; None without a figure."""
  heads, rows = throughput.table(
    {
      name: known.get(name) or throughput.summary([], entry.get("records", ()))
      for name, entry in runs.items()
    }
  )
  return (heads, rows) if len(heads) > 1 else None


def _seconds(
  runs: dict[str, comparison.Entry],
) -> dict[str, dict[str, float]]:
  """Run -> part of its evaluation -> seconds."""
  found = {name: entry["results"]["seconds"] for name, entry in runs.items()}
  return {name: seconds for name, seconds in found.items() if seconds}


def _differing(runs: dict[str, comparison.Entry]) -> list[list[str]]:
  """Settings with more than one value: name, then the value in each run."""
  flat = [
    tables.flat(
      {"checkpoint": entry["results"]["model"]} | entry["results"]["settings"]
    )
    for entry in runs.values()
  ]
  names = dict.fromkeys(name for one in flat for name in one)
  rows = [[name, *(one.get(name, "–") for one in flat)] for name in names]
  return [row for row in rows if len(set(row[1:])) > 1]


def _breakable(name: str) -> markupsafe.Markup:
  """A long name, escaped, that may break after its marks."""
  parts = re.split(r"(?<=[_.:/])", name)
  return markupsafe.Markup("<wbr>").join(parts)


def _cells(rows, unit: str = "number") -> list[list[dict[str, Any]]]:
  """Texts and colour classes on the scale from 0 to 1."""
  last = page_data.STEPS - 1

  def cell(value):
    text = tables.percent(value) if unit == "share" else f"{value:.2f}"
    step = round(min(max(value, 0.0), 1.0) * last)
    return {"text": text, "class": f"s{step}", "significant": False}

  return [[_NO_CELL if x is None else cell(x) for x in row] for row in rows]


def _difference_cells(rows, tested, languages) -> list[list[dict[str, Any]]]:
  """Texts, colour classes on the scale around 0, and what is significant."""
  limit = heatmaps.difference_limit(rows)
  last = page_data.DIFFERENCE_STEPS - 1

  def cell(value, direction):
    _, significant = (tested or {}).get(direction, (None, False))
    return {
      "text": tables.signed(value, 2),
      "class": f"d{round((value / limit + 1) / 2 * last)}",
      "significant": significant,
    }

  return [
    [
      _NO_CELL if x is None else cell(x, f"{query}-{answer}")
      for answer, x in zip([*languages, "pool"], row, strict=True)
    ]
    for query, row in zip(languages, rows, strict=True)
  ]


def _tested(data: dict[str, Any]) -> dict[str, Any] | None:
  """The tests of what the page starts with."""
  start, tests = data["start"], data["tests"]
  if (
    tests is None
    or tests["metric"] != start["metric"]
    or tests["baseline"] != start["other"]
  ):
    return None
  return tests["others"].get(str(start["one"]))


def _difference_of(one, other) -> list[list[float | None]]:
  return [
    [
      None if x is None or y is None else x - y
      for x, y in zip(row, against, strict=True)
    ]
    for row, against in zip(one, other, strict=True)
  ]


def _largest(systems: Sequence[dict[str, Any]], column: str) -> float:
  """What the bars of a column of figures by language end at."""
  return max(
    [1.0, *(x for s in systems for x in s["columns"][column].values() if x)]
  )


def _is_best(value: float | None, values: Sequence[float | None], sign=1):
  """Whether several values have one that is best, and this equals it."""
  there = [round(sign * x, 3) for x in values if x is not None]
  return (
    len(there) > 1
    and value is not None
    and round(sign * value, 3) == max(there)
  )
