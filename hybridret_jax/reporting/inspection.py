"""What one is about to train on, as a page and as tables for a terminal."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import tabulate

from hybridret_jax.ground import display

LOUD = 0.1  # Share of texts that are cut above which it is said aloud.
_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_BAR = 100  # Height of a histogram.


def html(
  found: Mapping[str, Any],
  *,
  examples: Sequence[Mapping[str, Any]],
  batches: Sequence[Mapping[str, Any]],
) -> str:
  """The page; texts are shown as text, whatever characters they have.

  Args:
    found: the figures.
    examples: rows with `language`, `source`, `id`, `group`, `query`, `passage`.
    batches: with `step`, `kind`, `pairs`, `switched` and `shown`.
  """
  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
  )
  environment.filters["visible"] = display.visible
  return environment.get_template("inspect.html").render(
    found=found,
    warnings=warnings(found),
    lengths=[_drawn(one) for one in found["lengths"]],
    most=max((max(row) for row in found["available"]), default=0) or 1,
    most_drawn=max((max(row) for row in found["drawn"]), default=0) or 1,
    examples=examples,
    batches=batches,
  )


def warnings(found: Mapping[str, Any]) -> list[str]:
  """What nobody should miss, a sentence each."""
  said = [
    f"{one['cut']:.0%} of the {_plural(one['side'])} of {one['source']} are cut"
    f" at {one['most']} tokens, and {one['lost']:.0%} of their tokens are lost."
    for one in found["lengths"]
    if one["texts"] and one["cut"] > LOUD
  ]
  said += [
    f"{one['queries']:,} of {one['of_queries']:,} queries and"
    f" {one['candidates']:,} of {one['of_candidates']:,} candidates of"
    f" {one['task']} are trained on, letter by letter."
    for one in found["overlaps"]
    if one["queries"] or one["candidates"]
  ]
  said += [f"{line}." for line in found["not_served"]]
  return said


def text(found: Mapping[str, Any]) -> str:
  """The main tables, for a terminal."""
  rows = [
    [x["source"], x["language"], *(x[key] for key in _COUNTED)]
    for x in found["sources"]
  ]
  parts = [
    f"{found['rows']:,} rows of {found['groups']:,} groups in"
    f" {found['blocks']:,} blocks; {found['held_out_rows']:,} rows are held"
    " out.",
    _table(("source", "language", *_COUNTED), rows),
    _table(
      ("source", "side", "texts", "5 %", "half", "95 %", "longest", "cut at")
      + ("cut", "tokens lost"),
      [
        [
          *(one["source"], one["side"], one["texts"], *one["quantiles"]),
          *(one["most"], f"{one['cut']:.1%}", f"{one['lost']:.1%}"),
        ]
        for one in found["lengths"]
        if one["texts"]
      ],
    ),
    f"Pairs of {found['steps']:,} batches by language (query down, passage"
    " across):",
    _table(
      ("", *found["languages"]),
      [
        [tag, *row]
        for tag, row in zip(found["languages"], found["drawn"], strict=True)
      ],
    ),
  ]
  for what, count in found["left_out"].items():
    parts.append(f"Left out: {count:,} x {what}.")
  parts += [f"LOOK: {line}" for line in warnings(found)]
  return "\n\n".join(parts)


_COUNTED = ("rows", "groups", "queries", "negatives")


def _table(heads, rows) -> str:
  shown = [
    [display.visible(x) if isinstance(x, str) else x for x in row]
    for row in rows
  ]
  return tabulate.tabulate(
    shown, heads, tablefmt="simple", intfmt=",", disable_numparse=False
  )


def _drawn(one: Mapping[str, Any]) -> dict[str, Any]:
  """With the heights of its histogram's bars and the place of the cut."""
  if not one["texts"]:
    return {**one, "bars": [], "at": 0}
  top = max(one["bins"]) or 1
  return {
    **one,
    "bars": [_BAR * count / top for count in one["bins"]],
    "at": one["most"] / one["step"],
  }


def _plural(side: str) -> str:
  return {"query": "queries", "passage": "passages"}[side]
