"""Pictures of saved results and of a run's log, drawn with matplotlib."""

import os
import pathlib
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib import figure as mpl_figure

from hybridret_jax.reporting import atomic, results, tables

CELL = 0.52  # inches
COLOURS = "viridis"
_MACRO = tuple(f"/{setting}/map" for setting in tables.SETTINGS)


def save(
  folder: str | os.PathLike, saved: dict[str, Any]
) -> list[pathlib.Path]:
  """Draws each system's matrix as heatmap_<system>.png; says where they are."""
  paths = []
  for name, figures in saved["systems"].items():
    path = pathlib.Path(folder) / f"heatmap_{results.slug(name)}.png"
    title = f"{saved['task']}: mAP, {name}"
    _write(path, heatmap(figures, title=title, unseen=results.unseen(saved)))
    paths.append(path)
  return paths


def save_curves(
  path: str | os.PathLike, records: Sequence[dict[str, Any]]
) -> None:
  """Draws what `training_log.read` returned: losses and validation figures."""
  _write(pathlib.Path(path), curves(records))


def heatmap(
  figures: dict[str, Any], *, title: str, unseen: tuple[str, ...] = ()
) -> mpl_figure.Figure:
  """The mAP of every direction, with the pool as a column apart.

  Colours span 0 to 1 in every picture, so that two of them compare. Languages
  in `unseen` are marked with †.
  """
  languages = figures["languages"]
  values = np.array(
    [row for _, row in results.matrix(figures)], dtype=np.float64
  )
  count = len(languages)
  height = max(CELL * count, 1.4)
  width = CELL * (count + 1.5)
  size = (max(width + 2.1, 4.2), height + 1.6)
  drawing = mpl_figure.Figure(figsize=size, dpi=150)
  drawing.suptitle(_wrapped(title, size[0]), fontsize=11)
  axes, pool, bar = drawing.subplots(
    1, 3, width_ratios=[count, 1, 0.35], gridspec_kw={"wspace": 0.12}
  )
  drawing.subplots_adjust(
    left=0.75 / size[0],
    right=1 - 0.55 / size[0],
    top=1 - 0.75 / size[1],
    bottom=0.6 / size[1],
  )
  names = [f"{x}†" if x in unseen else x for x in languages]
  image = _cells(axes, values[:, :count], names)
  axes.set_yticks(range(count), names)
  axes.set_xlabel("Candidate language" + (" († unseen)" if unseen else ""))
  axes.set_ylabel("Query language")
  _cells(pool, values[:, count:], ["pool"])
  pool.set_yticks([])
  drawing.colorbar(image, cax=bar)
  return drawing


def curves(records: Sequence[dict[str, Any]]) -> mpl_figure.Figure:
  """Losses beside the validation mAP of the three settings, by step."""
  losses = _series(records, lambda key: "loss" in key)
  validation = _series(records, lambda key: key.endswith(_MACRO))
  drawing = mpl_figure.Figure(figsize=(10, 4), dpi=150, layout="constrained")
  left, right = drawing.subplots(1, 2)
  for axes, series, title in (
    (left, losses, "Training loss"),
    (right, validation, "Validation mAP"),
  ):
    for key, (steps, values) in sorted(series.items()):
      label = key.removeprefix("eval/").removesuffix("/map")
      marker = "o" if axes is right else ""
      axes.plot(steps, values, label=label, marker=marker, linewidth=1.2)
    axes.set_title(title)
    axes.set_xlabel("Step")
    axes.grid(alpha=0.3)
    if series:
      axes.legend(fontsize=8)
  right.set_ylim(0, 1)
  return drawing


def _cells(axes: Any, values: np.ndarray, names: Sequence[str]) -> Any:
  """Colours and prints a block of values; an empty cell stays white."""
  image = axes.imshow(values, vmin=0, vmax=1, cmap=COLOURS, aspect="auto")
  axes.set_xticks(range(len(names)), names)
  axes.tick_params(length=0)
  axes.spines[:].set_visible(False)
  axes.set_xticks(np.arange(1, len(names)) - 0.5, minor=True)
  axes.set_yticks(np.arange(1, len(values)) - 0.5, minor=True)
  axes.grid(which="minor", color="white", linewidth=1)
  axes.tick_params(which="minor", length=0)
  for (row, column), value in np.ndenumerate(values):
    text = "–" if np.isnan(value) else f"{value:.2f}"
    # Viridis is dark below 0.6.
    dark = np.isfinite(value) and value < 0.6
    axes.text(
      column,
      row,
      text,
      ha="center",
      va="center",
      fontsize=9,
      color="white" if dark else "black",
    )
  return image


def _series(
  records: Sequence[dict[str, Any]], wanted: Callable[[str], bool]
) -> dict[str, tuple[list[int], list[float]]]:
  """Steps and values of each wanted key, where it has a value."""
  series: dict[str, tuple[list[int], list[float]]] = {}
  for record in records:
    for key, value in record.items():
      if key != "step" and value is not None and wanted(key):
        steps, values = series.setdefault(key, ([], []))
        steps.append(record["step"])
        values.append(value)
  return series


def _wrapped(title: str, inches: float) -> str:
  return "\n".join(textwrap.wrap(title, int(inches * 11)))


def _write(path: pathlib.Path, drawing: mpl_figure.Figure) -> None:
  with atomic.replacing(path) as aside:
    drawing.savefig(aside, format="png")
