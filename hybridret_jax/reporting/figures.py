"""The pictures of results and of a run's log as PNG and SVG files."""

import io
import os
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
from matplotlib import figure as mpl_figure

from hybridret_jax.ground import writing
from hybridret_jax.reporting import (
  charts,
  comparison,
  heatmaps,
  results,
  tables,
)

FORMATS = ("png", "svg")
_UNDATED = {"Date": None}
# Stands for the page's text colour until the SVG is inside the page.
_INK = "#010203"
_INK_SETTINGS = (
  "text.color",
  "axes.edgecolor",
  "axes.labelcolor",
  "axes.titlecolor",
  "xtick.color",
  "ytick.color",
  "legend.labelcolor",
)


def save(
  folder: str | os.PathLike, saved: dict[str, Any]
) -> list[pathlib.Path]:
  """Draws each system's matrix and, where it has them, its bias figures.

  Returns:
    heatmap_<system>, bias_<system> and shares_<system>, each .png and .svg.
  """
  folder = pathlib.Path(folder)
  unseen = results.unseen(saved)
  paths = []
  for name, figures in saved["systems"].items():
    slug = results.slug(name)
    about = f"{saved['task']}: {{}}, {name}"
    drawings = {
      "heatmap": heatmaps.heatmap(
        figures, title=about.format("mAP"), unseen=unseen
      )
    }
    if figures.get("bias"):
      drawings["bias"] = charts.bias(
        figures, title=about.format("language bias on the pool"), unseen=unseen
      )
    if figures.get("bias", {}).get("top_shares"):
      k = figures["bias"]["top_shares"]["k"]
      drawings["shares"] = heatmaps.shares(
        figures,
        title=about.format(f"languages of the first {k} candidates"),
        unseen=unseen,
      )
    for kind, drawing in drawings.items():
      paths += write(folder / f"{kind}_{slug}", drawing)
  return paths


def save_curves(
  path: str | os.PathLike, records: Sequence[dict[str, Any]]
) -> list[pathlib.Path]:
  """Draws what `training_log.read` returned, beside `path` in each format."""
  return write(pathlib.Path(path).with_suffix(""), charts.curves(records))


def save_comparison(
  folder: str | os.PathLike,
  entries: Sequence[comparison.Entry],
  compared: dict[str, Any] | None = None,
) -> list[pathlib.Path]:
  """Draws the systems beside each other, and each against the baseline.

  Returns:
    settings and, for each other system of the comparison, difference_<label>,
    each .png and .svg.
  """
  comparison.check(entries, compared)
  folder = pathlib.Path(folder)
  task = entries[0]["results"]["task"]
  by_label = {x["label"]: comparison.figures_of(x) for x in entries}
  paths = write(
    folder / "settings", charts.settings(by_label, title=f"{task}: mAP")
  )
  if compared is None:
    return paths
  metric = compared["metric"]
  title = tables.METRICS.get(metric, metric)
  unseen = {x["label"]: results.unseen(x["results"]) for x in entries}
  for other in compared["others"]:
    label, baseline = other["label"], compared["baseline"]
    drawing = heatmaps.difference(
      by_label[label],
      by_label[baseline],
      title=f"{task}: {title}, {label} minus {baseline}",
      tests=other.get("directions"),
      unseen=unseen[label],
      metric=metric,
    )
    paths += write(folder / f"difference_{results.slug(label)}", drawing)
  return paths


def inline_svg(draw: Callable[[], mpl_figure.Figure], *, name: str) -> str:
  """A drawing as an <svg> element that takes a page's ground and ink.

  Args:
    draw: makes it.
    name: unlike that of any other drawing on the page; references inside the
      element are made of it.
  """
  ink: dict[Any, Any] = dict.fromkeys(_INK_SETTINGS, _INK)
  ink |= {
    "legend.frameon": False,
    "svg.hashsalt": name,
    "svg.fonttype": "none",
  }
  out = io.StringIO()
  with matplotlib.rc_context(ink):
    draw().savefig(out, format="svg", transparent=True, metadata=_UNDATED)
  text = out.getvalue()
  text = text[text.index("<svg") :].replace(_INK, "currentColor")
  text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
  # Matplotlib's counters repeat from drawing to drawing.
  text = re.sub(r' id="[a-zA-Z.]+[a-zA-Z0-9]*_\d+"', "", text)
  return re.sub(r"\n\s*", "\n", text)


def write(stem: pathlib.Path, drawing: mpl_figure.Figure) -> list[pathlib.Path]:
  """`stem` with each format's ending; equal drawings give equal bytes."""
  paths = []
  for ending in FORMATS:
    path = stem.with_name(f"{stem.name}.{ending}")
    with (
      matplotlib.rc_context({"svg.hashsalt": stem.name}),
      writing.replacing(path) as aside,
    ):
      metadata = _UNDATED if ending == "svg" else None
      drawing.savefig(aside, format=ending, metadata=metadata)
    paths.append(path)
  return paths
