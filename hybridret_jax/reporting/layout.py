"""Whether what a results file holds is laid out as tables and pages expect."""

from typing import Any

from hybridret_jax.ground import faults, reading

_MEND = "evaluate again"
_OF_RESULTS = {
  "task": str,
  "candidates": str,
  "systems": dict,
  "model": dict,
  "settings": dict,
  "seconds": dict,
  "versions": dict,
  "notes": list,
}
_OF_FIGURES = {
  "languages": list,
  "counts": dict,
  "macro": dict,
  "directions": dict,
  "pool": dict,
}
# Present or not; and of these, tables of numbers by row.
_MAY_HAVE = ("bias", "intervals", "pool_map_by_answer_language")
_NUMBERS = ("macro", "directions", "pool", "macro_seen", "macro_unseen")


def check(results: dict[str, Any], place: str) -> None:
  """Raises a Fault that names the key of what is laid out otherwise."""
  _check_kinds(results, _OF_RESULTS, place, "")
  _check_texts(results["notes"], place, "notes")
  for name, figures in results["systems"].items():
    at = f"systems.{name}"
    if not isinstance(figures, dict):
      raise _fault(place, at, figures, "an object")
    _check_kinds(figures, _OF_FIGURES, place, f"{at}.")
    _check_texts(figures["languages"], place, f"{at}.languages")
    for key in _NUMBERS:
      for row, values in figures.get(key, {}).items():
        _check_numbers(values, place, f"{at}.{key}.{row}")
    for key in _MAY_HAVE:
      if not isinstance(figures.get(key, {}), dict):
        raise _fault(place, f"{at}.{key}", figures[key], "an object")
    _check_numbers(
      figures.get("pool_map_by_answer_language", {}),
      place,
      f"{at}.pool_map_by_answer_language",
    )
    for key, value in figures["counts"].items():
      if not isinstance(value, dict) and type(value) is not int:
        raise _fault(place, f"{at}.counts.{key}", value, "a count")
    for key in ("queries", "candidates"):
      if type(figures["counts"].get(key)) is not int:
        found = figures["counts"].get(key)
        raise _fault(place, f"{at}.counts.{key}", found, "a count")


def check_examples(examples: dict[str, Any], place: str) -> None:
  """As `check`, of examples: `queries`, and what each system found."""
  _check_kinds(examples, {"queries": list, "systems": dict}, place, "")
  for number, query in enumerate(examples["queries"]):
    _check_item(query, ("id", "lang", "text"), (), place, f"queries.{number}")
  for name, lists in examples["systems"].items():
    at = f"systems.{name}"
    if not isinstance(lists, list):
      raise _fault(place, at, lists, "a list")
    for number, found in enumerate(lists):
      if not isinstance(found, list):
        raise _fault(place, f"{at}.{number}", found, "a list")
      for item in found:
        texts, numbers = ("id", "lang", "text"), ("rank", "score", "relevant")
        _check_item(item, texts, numbers, place, f"{at}.{number}")


def _check_item(item, texts, numbers, place, key):
  if not isinstance(item, dict):
    raise _fault(place, key, item, "an object")
  for name in texts:
    if not isinstance(item.get(name), str):
      raise _fault(place, f"{key}.{name}", item.get(name), "a text")
  for name in numbers:
    if not isinstance(item.get(name), int | float):
      raise _fault(place, f"{key}.{name}", item.get(name), "a number")


def _check_kinds(holder, kinds, place, before):
  for key, kind in kinds.items():
    if not isinstance(holder.get(key), kind):
      word = {str: "a text", dict: "an object", list: "a list"}[kind]
      raise _fault(place, f"{before}{key}", holder.get(key), word)


def _check_texts(values, place, key):
  for value in values:
    if not isinstance(value, str):
      raise _fault(place, key, value, "a list of texts")


def _check_numbers(values, place, key):
  if not isinstance(values, dict):
    raise _fault(place, key, values, "an object")
  for name, value in values.items():
    if value is not None and not (
      isinstance(value, int | float) and not isinstance(value, bool)
    ):
      raise _fault(place, f"{key}.{name}", value, "a number or null")


def _fault(place, key, value, wanted):
  key = "".join(c if c.isprintable() else "?" for c in key)[:200]
  return faults.Fault(
    place, f"{key} is {reading.shown(value)}; it has to be {wanted}", _MEND
  )
