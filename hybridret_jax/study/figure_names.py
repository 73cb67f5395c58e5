"""Figures of a study: their names, what tables call them, and their texts.

A name is PART:SETTING/METRIC, as `macro_unseen:cross_lingual/map`; without PART
it is of `macro`. `bias:KEY` is the mean of a bias figure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hybridret_jax.reporting import tables

# What the paper's tables have, and what they call it.
HEADLINE = {
  "monolingual/map": "Mono",
  "cross_lingual/map": "Cross",
  "multilingual_pool/map": "Pool",
  "multilingual_pool/rank_distance": "Rank distance",
}
SAME_LANGUAGE = "multilingual_pool/same_language_first"
PARTS = {
  "macro": "",
  "macro_seen": "languages trained on",
  "macro_unseen": "languages not trained on",
}
POOL_ONLY = {
  "rank_distance": "Rank distance",
  "same_language_first": "First hit in query's language",
}
LOWER = ("rank_distance",)  # Metrics of which less is better,
NEUTRAL = ("same_language_first",)  # and of which neither is.


def all_figures() -> list[str]:
  """Every figure that a report keeps, where a task has it."""
  names = [
    *HEADLINE,
    SAME_LANGUAGE,
    *(f"{s}/{metric}" for s in tables.SETTINGS for metric in tables.METRICS),
    *(f"{p}:{s}/map" for p in [*PARTS][1:] for s in tables.SETTINGS),
    *(f"bias:{key}" for key in tables.BIAS),
  ]
  return list(dict.fromkeys(names))


def parse(figure: str) -> tuple[str, str, str]:
  """(part, setting, metric) of a figure's name; (bias, key, "") of a bias.

  Raises:
    ValueError: it names none.
  """
  part, colon, rest = figure.rpartition(":")
  part = part if colon else "macro"
  if part == "bias" and rest in tables.BIAS:
    return part, rest, ""
  setting, _, metric = rest.partition("/")
  known = setting in tables.SETTINGS and (
    metric in tables.METRICS
    or (setting == "multilingual_pool" and metric in POOL_ONLY)
  )
  if part not in PARTS or not known:
    raise ValueError(
      f"figure {figure!r}: write SETTING/METRIC with a setting out of"
      f" {', '.join(tables.SETTINGS)} and a metric out of"
      f" {', '.join(tables.METRICS)} (multilingual_pool also has"
      f" {', '.join(POOL_ONLY)}), with {' or '.join([*PARTS][1:])} and a colon"
      f" before it, or bias: and one of {', '.join(tables.BIAS)}"
    )
  return part, setting, metric


def value(figures: Mapping[str, Any], figure: str) -> float | None:
  """A figure of a system as results.json holds it; None where it has none."""
  part, setting, metric = parse(figure)
  if part == "bias":
    return figures.get("bias", {}).get(setting, {}).get("macro")
  return figures.get(part, {}).get(setting, {}).get(metric)


def title(figure: str) -> str:
  """What tables call it, in full."""
  part, setting, metric = parse(figure)
  if part == "bias":
    return tables.BIAS[setting][0]
  name = POOL_ONLY.get(metric)
  if name is None:
    name = f"{tables.SETTINGS[setting]} {tables.METRICS[metric]}"
  return name + (f", {PARTS[part]}" if PARTS[part] else "")


def better(figure: str, number: float) -> float:
  """The number, turned so that more of it is better."""
  return -number if parse(figure)[2] in LOWER else number


def text(figure: str, number: float | None) -> str:
  """A value as tables show it."""
  metric = parse(figure)[2]
  if metric == "rank_distance":
    return tables.whole(number)
  if metric == "same_language_first":
    return tables.percent(number)
  return tables.number(number).replace("-", "−")


def spread(figure: str, number: float | None) -> str:
  """A standard deviation of values, with a digit more of whole numbers."""
  if parse(figure)[2] == "same_language_first" and number is not None:
    return f"{100 * number:.1f} %"
  return tables.number(number, _digits(figure))


def signed(figure: str, number: float | None) -> str:
  """A difference of two values."""
  return tables.signed(number, _digits(figure))


def interval(figure: str, ends: Sequence[float | None]) -> str:
  """Both ends of the interval of a value or difference."""
  return tables.interval(ends, _digits(figure))


def _digits(figure: str) -> int:
  return 1 if parse(figure)[2] == "rank_distance" else 3
