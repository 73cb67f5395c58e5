"""What is trained on, as a page and as tables: whole, and only text."""

import copy
import re

import pytest

from hybridret_jax.reporting import inspected

EVIL = "\u202eevil\x1b[31m<script>alert(1)</script>&\n{{ 1 }}"
ESCAPED = (
  r"\u202eevil\x1b[31m&lt;script&gt;alert(1)&lt;/script&gt;&amp;\n{{ 1 }}"
)


def parts(seen, **more):
  return {"before": "", "seen": seen, "after": "", "left_out": 0} | more


def lengths(source, side, share):
  return {
    "source": source,
    "side": side,
    "texts": 1000,
    "cut_at": 16,
    "quantiles": dict.fromkeys(
      ("0", "0.25", "0.5", "0.75", "0.9", "0.99", "1"), 17
    ),
    "histogram": [[4, 0], [8, 1], [12, 4], [16, 8], [32, 2], [None, 1]],
    "tokens": 20_000,
    "cut_texts": int(1000 * share),
    "cut_share": share,
    "lost_tokens": 10,
    "lost_share": 0.01,
  }


@pytest.fixture
def found():
  counts = {"rows": 1234, "queries": 1200, "negatives": 77, "held_out": 5}
  more = {"groups": 900, "blocks": 800, "translations": 34}
  pair = {
    "query_id": "q1",
    "passage_id": "p1",
    "query_language": "de",
    "passage_language": "ar",
    "source": "news",
    "query": parts("wer", after="lost end"),
    "passage": parts("niemand"),
    "negatives": [parts("keiner")],
    "parallel": None,
  }
  example = {
    "id": "x1",
    "source": "news",
    "group": "g",
    "query": None,
    "passage": parts("ein Text", left_out=1500),
    "negatives": [],
    "all_negatives": 3,
  }
  return {
    "schema": 1,
    "settings": {
      "seed": 0,
      "steps": 10,
      "languages": ["de", "ar"],
      "batches": {"strategy": "hybrid", "batch_size": 8},
      "prefixes": {"query": "q: ", "passage": "p: "},
      "lengths": {"query": 16, "passage": 16},
      "cut_side": "right",
      "loud_share": 0.1,
    },
    "sources": [
      {"source": "news", **counts, **more, "languages": {"de": counts}}
    ],
    "lengths": [
      lengths("news", "query", 0.05),
      lengths("news", "passage", 0.862),
    ],
    "duplicates": {
      "sources": [
        {"source": "news", "side": "query", "rows": 1200}
        | {"shared": 11, "only_to_the_encoder": 7},
        {"source": "news", "side": "passage", "rows": 1234}
        | {"shared": 0, "only_to_the_encoder": 0},
      ],
      "examples": [
        {"side": "query", "ids": ["x1", "x2"], "texts": ["eins", "zwei"]}
      ],
    },
    "overlaps": [
      {
        "task": "test",
        "all_queries": 50,
        "queries": 3,
        "all_candidates": 60,
        "candidates": 4,
        "negatives": 2,
        "pairs": 1,
        "examples": [{"side": "query", "id": "t", "row": "x", "text": "wer"}],
      }
    ],
    "pairs": {"de": 1200, "de:ar": 300},
    "draws": {
      "batches": 10,
      "shares": {
        "kind": {"monolingual": 1.0},
        "language": {"de": 1.0},
        "direction": {"de": 0.75, "de:ar": 0.25},
        "source": {"news": 1.0},
      },
      "asked": {
        "kind": {"monolingual": 0.5},
        "language": {},
        "direction": {},
        "source": {"news": 1.0},
      },
      "pairs_of_a_group": {"news": 2.345},
    },
    "batches": [
      {
        "step": 1,
        "kind": "cross_lingual",
        "pairs": 8,
        "directions": {"de:ar": 8},
        "sources": {"news": 8},
        "switched": 0,
        "rows": [pair],
      }
    ],
    "examples": {"de": [example], "ar": []},
    "notes": ["A note."],
    "problems": [],
    "loud": ["news: 86% of the passages lose their end at 16 tokens."],
  }


def test_the_page_holds_everything_and_asks_for_nothing(found):
  page = inspected.html(found)
  assert page.count("86% of the passages") == 1
  for part in (
    *("1,234", "86.2 %", "<del>lost end</del>", "(1,500 characters more)"),
    *("3 hard negatives in all", "none: a passage only", "No row."),
    *("Step 1: cross_lingual, 8 pairs: de:ar 8", "A note.", "2.3", "zwei"),
  ):
    assert part in page, part
  # Only what is above the share is marked.
  assert page.count('class="is-cut"') == 1
  assert not re.search(r"(src|href)=\"(?!#|data:,)", page)
  assert "<script" not in page and "default-src 'none'" in page


def test_bars_are_as_high_as_they_are_frequent(found):
  page = inspected.html(found)
  # The first texts begin at one token.
  for about in ("1 to 4 tokens: 0 texts", "over 32 tokens: 1 texts"):
    assert about in page
  bars = inspected._bars(found["lengths"][0]["histogram"], 16)
  assert [x["height"] for x in bars] == [0, 12, 50, 100, 25, 12]
  assert [x["is_cut"] for x in bars] == [False] * 4 + [True] * 2


def strings(tree, place=()):
  """Where in the figures the texts of data are."""
  if isinstance(tree, str):
    yield place
  elif isinstance(tree, dict | list):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
      yield from strings(value, (*place, key))


def test_no_text_steers_the_page_or_the_terminal(found):
  """Each text in turn is one that would."""
  fixed = {"side", "batches", "prefixes", "cut_side", "languages"}
  places = [x for x in strings(found) if not fixed & {*x[:2], x[-1]}]
  assert len(places) > 15
  for *path, last in places:
    changed = copy.deepcopy(found)
    at = changed
    for key in path:
      at = at[key]
    at[last] = EVIL
    if last == "source" and path[0] == "sources":
      changed["draws"]["pairs_of_a_group"][EVIL] = 1.0
    page, table = inspected.html(changed), inspected.table(changed)
    for bad in ("\u202e", "\x1b", "<script"):
      assert bad not in page, (path, last)
    for bad in ("\u202e", "\x1b"):
      assert bad not in table, (path, last)
  changed = copy.deepcopy(found)
  changed["batches"][0]["rows"][0]["query"]["seen"] = EVIL
  assert ESCAPED in inspected.html(changed)


def test_the_terminal_begins_with_what_is_loud(found):
  lines = inspected.table(found).splitlines()
  assert lines[0].startswith("!! news: 86%")
  assert lines[-1] == "A note."
  by = {line.split("  ")[0]: line.split() for line in lines if line}
  assert by["de"][-2:] == ["75.0", "25.0"] and by["ar"][-2:] == ["–", "–"]
  assert by["test"] == ["test", "3", "of", "50", "4", "of", "60", "1", "2"]
  passages = next(x for x in lines if "news" in x and "86.2 %" in x)
  assert " ·▂▅█|▃▂ " in passages
  queries = next(x for x in lines if " 11 " in x)
  assert queries.split()[-3:] == ["1,200", "11", "7"]


def test_what_cannot_be_composed_is_told(found):
  found |= {"draws": None, "batches": [], "problems": ["too few", "too many"]}
  page, table = inspected.html(found), inspected.table(found)
  assert "None, they cannot be composed:" in page
  assert "<li>too many</li>" in page and "too many." in table
  assert "Drawn pairs" not in table


def test_many_languages_have_no_matrix_in_a_terminal(found):
  found["settings"]["languages"] = ["de", *(f"x{n}" for n in range(12))]
  lines = inspected.table(found).splitlines()
  assert not any("Drawn pairs" in line for line in lines)
  assert ["de", "1,234"] in [line.split() for line in lines]


def test_rows_of_languages_are_added_up_over_sources(found):
  other = copy.deepcopy(found["sources"][0])
  other["languages"]["ar"] = other["languages"]["de"] | {"rows": 6}
  found["sources"].append(other | {"source": "more"})
  lines = [line.split() for line in inspected.table(found).splitlines()]
  for row in (["news", "1,234", "0"], ["more", "1,234", "6"]):
    assert row in lines
  assert ["all", "2,468", "6"] in lines


def test_a_matrix_has_what_there_is():
  made = inspected.matrix(["de", "en"], {"de": 2, "en:de": 1})
  assert made == [
    ("de", [(2, 1.0), (None, 0.0)]),
    ("en", [(1, 0.5), (None, 0.0)]),
  ]
  assert inspected.matrix(["de"], {}) == [("de", [(None, 0.0)])]
