"""Curves of a run and figures by language, drawn with matplotlib."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import figure as mpl_figure

from hybridret_jax.reporting import tables

# Steps and the values at them.
Series = tuple[list[float], list[float]]
# Each stands out from white and from a dark page by 3 to 1 at least.
COLOURS = ("#3a86c8", "#c8641a", "#2e9e6b", "#b565a7", "#8c7a1f", "#7a7f87")
POINTS = 500
_MACRO = tuple(f"/{setting}/map" for setting in tables.SETTINGS)
_WITHOUT = {
  "without_own_language": "without own-language answers",
  "one_copy": "one copy of each candidate",
}


def curves(records: Sequence[dict[str, Any]]) -> mpl_figure.Figure:
  """Losses beside the validation mAP of the three settings, by step."""
  drawing = mpl_figure.Figure(figsize=(10, 4), dpi=150, layout="constrained")
  left, right = drawing.subplots(1, 2)
  _losses(left, losses(records))
  _validation(right, validation(records))
  return drawing


def loss_panel(series: Mapping[str, Series]) -> mpl_figure.Figure:
  """Losses by step, alone."""
  return panel(lambda axes: _losses(axes, series))


def validation_panel(series: Mapping[str, Series]) -> mpl_figure.Figure:
  """Validation mAP by step, alone."""
  return panel(lambda axes: _validation(axes, series))


def losses(records: Sequence[dict[str, Any]]) -> dict[str, Series]:
  """The losses that a run logged, each kind by its name."""
  found = _series(records, lambda key: "loss" in key)
  return {key: found[key] for key in sorted(found)}


def validation(records: Sequence[dict[str, Any]]) -> dict[str, Series]:
  """The validation mAP in the settings that a run logged."""
  found = _series(records, lambda key: key.endswith(_MACRO))
  return {
    key.removeprefix("eval/").removesuffix("/map"): found[key]
    for key in sorted(found)
  }


def mean(series: Mapping[str, Series]) -> Series:
  """The mean of several series at each step that any of them has."""
  by_step: dict[float, list[float]] = {}
  for steps, values in series.values():
    for step, value in zip(steps, values, strict=True):
      by_step.setdefault(step, []).append(value)
  steps = sorted(by_step)
  return steps, [float(np.mean(by_step[step])) for step in steps]


def settings(
  systems: Mapping[str, dict[str, Any]], *, title: str, metric: str = "map"
) -> mpl_figure.Figure:
  """A metric of every system in the three settings, with its interval."""
  count = len(systems)
  drawing = mpl_figure.Figure(
    figsize=(10, 1.3 + 0.35 * count), dpi=150, layout="constrained"
  )
  drawing.suptitle(title, fontsize=11)
  parts = drawing.subplots(1, len(tables.SETTINGS), sharey=True)
  for axes, (setting, name) in zip(parts, tables.SETTINGS.items(), strict=True):
    for row, figures in enumerate(systems.values()):
      value = figures["macro"].get(setting, {}).get(metric)
      ends = tables.ends(figures, setting, metric)
      colour = COLOURS[row % len(COLOURS)]
      if ends and None not in ends:
        axes.plot(ends, [row, row], color=colour, linewidth=2)
      if value is not None:
        axes.plot([value], [row], "o", color=colour, markersize=6)
    axes.set_title(name, fontsize=10)
    axes.set_xlabel(tables.METRICS.get(metric, metric))
    axes.grid(axis="x", alpha=0.3)
  parts[0].set_yticks(range(count), list(systems), fontsize=8)
  parts[0].set_ylim(count - 0.5, -0.5)
  return drawing


def bias(
  figures: dict[str, Any], *, title: str, unseen: Sequence[str] = ()
) -> mpl_figure.Figure:
  """Pool mAP by query language, as it is and with less to prefer.

  Beside it the share of first hits in the query's own language. What the
  figures do not hold is left out.
  """
  found = figures.get("bias", {})
  maps, first = (
    {x: row.get(key) for x, row in figures["pool"].items()}
    for key in ("map", "same_language_first")
  )
  series = [("the whole pool", maps)]
  for key, label in _WITHOUT.items():
    if key in found:
      series.append((label, found[key]["by_language"]))
  languages = figures["languages"]
  names = [f"{x}†" if x in unseen else x for x in languages]
  rows = np.arange(len(names))
  drawing = mpl_figure.Figure(
    figsize=(10, 1.9 + 0.28 * len(names)), dpi=150, layout="constrained"
  )
  drawing.suptitle(title, fontsize=11)
  left, right = drawing.subplots(1, 2, sharey=True)
  for (label, values), marker, colour in zip(
    series, "oDs", COLOURS, strict=False
  ):
    dots = _floats(values, languages)
    left.plot(dots, rows, marker, color=colour, label=label)
  left.set_xlabel("mAP on the pool")
  drawing.legend(loc="outside lower left", ncols=len(series), fontsize=8)
  right.barh(rows, _floats(first, languages), height=0.6, color=COLOURS[0])
  right.set_xlabel("Share of first hits in the query's language")
  for axes in (left, right):
    axes.set_xlim(0, 1)
    axes.grid(axis="x", alpha=0.3)
  left.set_yticks(rows, names)
  left.set_ylim(len(names) - 0.5, -0.5)
  left.set_ylabel("Query language" + (" († unseen)" if unseen else ""))
  return drawing


def panel(draw: Callable[[Any], None]) -> mpl_figure.Figure:
  """What is drawn on one pair of axes, at the size that a page has for it."""
  drawing = mpl_figure.Figure(figsize=(5, 3.4), layout="constrained")
  draw(drawing.subplots())
  return drawing


def _losses(axes: Any, series: Mapping[str, Series]) -> None:
  _lines(axes, series, title="Training loss", marker="")


def _validation(axes: Any, series: Mapping[str, Series]) -> None:
  _lines(axes, series, title="Validation mAP", marker="o")
  axes.set_ylim(0, 1)


def _lines(
  axes: Any, series: Mapping[str, Series], *, title: str, marker: str
) -> None:
  axes.set_prop_cycle(color=COLOURS)
  for label, (steps, values) in series.items():
    thin = _thinned(steps, values)
    # One point makes no line.
    mark = marker if len(steps) > 1 else "o"
    axes.plot(*thin, label=label, marker=mark, linewidth=1.2)
  axes.set_title(title)
  axes.set_xlabel("Step")
  axes.grid(alpha=0.3)
  if series:
    axes.legend(fontsize=8)


def _thinned(steps: list[float], values: list[float]) -> Series:
  """At most `POINTS` points: of a longer series, means of equal parts."""
  if len(steps) <= POINTS:
    return steps, values
  thin_steps, thin_values = (
    [float(np.mean(part)) for part in np.array_split(series, POINTS)]
    for series in (steps, values)
  )
  return thin_steps, thin_values


def _floats(values: Mapping[str, float | None], languages) -> list[float]:
  found = (values.get(x) for x in languages)
  return [np.nan if x is None else x for x in found]


def _series(
  records: Sequence[dict[str, Any]], wanted: Callable[[str], bool]
) -> dict[str, Series]:
  """Steps and values of each wanted key, where it has a value."""
  series: dict[str, Series] = {}
  for record in records:
    for key, value in record.items():
      if key != "step" and value is not None and wanted(key):
        steps, values = series.setdefault(key, ([], []))
        steps.append(record["step"])
        values.append(value)
  return series
