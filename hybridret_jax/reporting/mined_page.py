"""A page of mined hard negatives, for people who look before they train."""

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import jinja2

from hybridret_jax.ground import display

_TEMPLATES = pathlib.Path(__file__).parent / "templates"


def html(
  rows: Iterable[Mapping[str, Any]],
  counts: Mapping[str, Any],
  *,
  model: str,
  settings: Mapping[str, Any],
) -> str:
  """The page: counts of each language, and its examples.

  Args:
    rows: with `lang`, `query`, `passage`, `positive_score`, `negatives`,
      `negative_scores` and `negative_langs`.
    counts: `left_out` and `languages`, as they are saved beside it.
    model: what encoded.
    settings: of the mining.
  """
  languages: dict[str, list[dict[str, Any]]] = {}
  for row in rows:
    shown = dict(row)
    for key in ("query", "passage"):
      shown[key] = display.visible(row[key])
    shown["negatives"] = [display.visible(text) for text in row["negatives"]]
    languages.setdefault(row["lang"], []).append(shown)
  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
  )
  return environment.get_template("mined.html").render(
    languages=languages,
    counts=counts,
    model=model,
    settings=", ".join(f"{key} {value}" for key, value in settings.items()),
  )
