"""What one is about to train on, as a page and as tables for the terminal."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jinja2

from hybridret_jax.ground import display
from hybridret_jax.reporting import documents

_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDE = 12  # Languages of a matrix that a terminal has room for.
SIDES = {"query": "query", "passage": "passage", "negative": "hard negative"}


def html(found: Mapping[str, Any]) -> str:
  """The page of what `inspecting.inspect` found; it needs no other file.

  Texts, names and ids are shown with their control characters written out, and
  as text, whatever markup they hold.
  """
  found = visible(found)
  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
  )
  environment.filters |= {"share": _share, "whole": _whole}
  codes = found["settings"]["languages"]
  draws = found["draws"]
  return environment.get_template("inspected.html").render(
    **found,
    codes=codes,
    sides=SIDES,
    bars=_bars,
    available=matrix(codes, found["pairs"]),
    drawn=matrix(codes, draws["shares"]["direction"]) if draws else [],
    spread=", ".join(
      f"{key} {value}" for key, value in found["settings"]["batches"].items()
    ),
  )


def table(found: Mapping[str, Any]) -> str:
  """The figures as tables for a terminal; what is loud stands first."""
  found = visible(found)
  parts = [f"!! {line}" for line in found["loud"]]
  for title, made in (
    ("Rows to train on", _sources),
    ("Rows by language", _languages),
    ("Tokens of texts", _lengths),
    ("Rows with a text of another group", _duplicates),
    ("Texts of tasks that are trained on", _overlaps),
    ("What batches draw", _draws),
    ("Drawn pairs, % (query's language down, passage's across)", _directions),
  ):
    text = made(found)
    if text:
      parts.append(f"\n{title}\n\n{text}")
  said = [f"{x}." for x in found["problems"]] + list(found["notes"])
  parts += ["", *said] if said else []
  return "\n".join(parts).lstrip("\n")


def visible(tree: Any) -> Any:
  """A tree whose texts, those of keys too, show every character."""
  if isinstance(tree, str):
    return display.visible(tree)
  if isinstance(tree, Mapping):
    return {visible(key): visible(value) for key, value in tree.items()}
  if isinstance(tree, list | tuple):
    return [visible(value) for value in tree]
  return tree


def matrix(
  codes: Sequence[str], values: Mapping[str, float]
) -> list[tuple[str, list[tuple[float | None, float]]]]:
  """Of each query language a value a passage language, and it by the largest.

  Args:
    codes: the languages.
    values: by direction, "de" or "de:en".
  """
  largest = max(values.values(), default=0) or 1

  def cell(query, passage):
    value = values.get(query if query == passage else f"{query}:{passage}")
    return value, (value or 0) / largest

  return [
    (query, [cell(query, passage) for passage in codes]) for query in codes
  ]


def _sources(found) -> str:
  heads = ["Source", "Languages", "Rows", "Groups", "Queries", "Negatives"]
  heads += ["Held out"]
  rows = [
    [
      of["source"],
      str(len(of["languages"])),
      *(_whole(of[key]) for key in ("rows", "groups", "queries")),
      *(_whole(of[key]) for key in ("negatives", "held_out")),
    ]
    for of in found["sources"]
  ]
  return _tabulated(heads, rows)


def _languages(found) -> str:
  """Sources down, languages across; of many languages their sums."""
  codes = found["settings"]["languages"]
  rows = [
    [of["source"]]
    + [of["languages"].get(tag, {}).get("rows", 0) for tag in codes]
    for of in found["sources"]
  ]
  sums = [sum(counts) for counts in zip(*(x[1:] for x in rows), strict=True)]
  if len(codes) > _WIDE:
    pairs = zip(codes, sums, strict=True)
    return _tabulated(["", "Rows"], [[x, _whole(n)] for x, n in pairs])
  rows += [["all", *sums]] if len(rows) > 1 else []
  return _tabulated(["", *codes], [[x, *map(_whole, n)] for x, *n in rows])


def _lengths(found) -> str:
  heads = ["Source", "Side", "Texts", "Median", "90 %", "Longest", "Lengths"]
  heads += ["Cut at", "Texts cut", "Tokens lost"]
  rows = [
    [
      of["source"],
      SIDES[of["side"]],
      _whole(of["texts"]),
      *(_whole(of["quantiles"][key]) for key in ("0.5", "0.9", "1")),
      _blocks(of["histogram"], of["cut_at"]),
      _whole(of["cut_at"]),
      _share(of["cut_share"]),
      _share(of["lost_share"]),
    ]
    for of in found["lengths"]
  ]
  return _tabulated(heads, rows, words=2)


def _duplicates(found) -> str:
  rows = [
    [
      of["source"],
      of["side"],
      *(_whole(of[key]) for key in ("rows", "shared", "only_to_the_encoder")),
    ]
    for of in found["duplicates"]["sources"]
    if of["shared"]
  ]
  heads = ["Source", "Side", "Rows", "Shared", "To the encoder only"]
  return _tabulated(heads, rows, words=2)


def _overlaps(found) -> str:
  rows = [
    [
      of["task"],
      f"{of['queries']:,} of {of['all_queries']:,}",
      f"{of['candidates']:,} of {of['all_candidates']:,}",
      *(_whole(of[key]) for key in ("pairs", "negatives")),
    ]
    for of in found["overlaps"]
  ]
  heads = ["Task", "Queries", "Candidates", "Both", "As hard negatives"]
  return _tabulated(heads, rows)


def _draws(found) -> str:
  draws = found["draws"]
  if draws is None:
    return ""
  rows = [
    [what, name, _share(share), _share(draws["asked"][what].get(name, 0.0))]
    + [f"{draws['pairs_of_a_group'][name]:.1f}" if what == "source" else ""]
    for what, shares in draws["shares"].items()
    if what != "direction"
    for name, share in sorted(shares.items())
  ]
  drawn = f"In {draws['batches']:,} batches"
  return _tabulated(["", "", drawn, "Asked", "Pairs of a group"], rows, words=2)


def _directions(found) -> str:
  codes = found["settings"]["languages"]
  if found["draws"] is None or len(codes) > _WIDE:
    return ""
  made = matrix(codes, found["draws"]["shares"]["direction"])
  rows = [
    [tag, *("–" if x is None else f"{100 * x:.1f}" for x, _ in cells)]
    for tag, cells in made
  ]
  return _tabulated(["", *codes], rows)


def _tabulated(heads, rows, *, words: int = 1) -> str:
  if not rows:
    return ""
  return documents.tabulated(heads, rows, words=words, style="simple")


def _bars(histogram, cut_at) -> list[dict[str, Any]]:
  """Heights in percent of the most frequent, with what each bar is."""
  most = max(count for _, count in histogram) or 1
  below, made = 0, []
  for end, count in histogram:
    about = f"over {below}" if end is None else f"{below + 1} to {end}"
    made.append(
      {
        "height": round(100 * count / most),
        "about": f"{about} tokens: {count:,} texts",
        "is_cut": end is None or end > cut_at,
      }
    )
    below = end if end is not None else below
  return made


def _blocks(histogram, cut_at) -> str:
  """A letter a bar, a dot where there is no text; what is cut behind a |."""
  most = max(count for _, count in histogram) or 1
  last = len(_BLOCKS) - 1
  letters = [
    _BLOCKS[-(-last * count // most)] if count else "·"
    for _, count in histogram
  ]
  whole = sum(end is not None and end <= cut_at for end, _ in histogram)
  return "".join([*letters[:whole], "|", *letters[whole:]])


def _share(share: float) -> str:
  return f"{100 * share:.1f} %"


_whole: Callable[[int], str] = "{:,}".format
