"""The page shows texts as texts, and says aloud what is to be seen."""

import pytest

from hybridret_jax.reporting import inspection

HOSTILE = "<script>alert(1)</script> \u202egnp \x1b[2J"


@pytest.fixture
def found():
  length = {
    "source": "pairs",
    "side": "passage",
    "texts": 100,
    "most": 64,
    "quantiles": [10, 50, 90, 700],
    "cut": 0.86,
    "lost": 0.5,
    "bins": [1, 5, 94],
    "step": 30,
  }
  counted = {"rows": 1200, "groups": 600, "queries": 1200, "negatives": 0}
  return {
    "rows": 1200,
    "groups": 600,
    "blocks": 590,
    "held_out_rows": 12,
    "languages": ["de", "en"],
    "sources": [{"source": HOSTILE, "language": "de", **counted}],
    "lengths": [
      length,
      {**length, "side": "query", "cut": 0.05},
      {"source": "pairs", "side": "query", "texts": 0, "most": 64},
    ],
    "available": [[1200, 600], [600, 0]],
    "drawn": [[3, 2], [1, 0]],
    "steps": 10,
    "asked": {"kind": {"monolingual": 0.5}},
    "realised": {"kind": {"monolingual": 0.6}},
    "not_served": ["the share of x cannot be had"],
    "left_out": {"rows without a passage": 7},
    "notes": [HOSTILE],
    "overlaps": [
      {
        "task": "xquad_r",
        "queries": 3,
        "candidates": 0,
        "of_queries": 10,
        "of_candidates": 20,
        "examples": [HOSTILE],
      },
      {
        "task": "clean",
        "queries": 0,
        "candidates": 0,
        "of_queries": 10,
        "of_candidates": 20,
        "examples": [],
      },
    ],
  }


def test_what_nobody_should_miss(found):
  assert inspection.warnings(found) == [
    "86% of the passages of pairs are cut at 64 tokens, and 50% of their tokens"
    " are lost.",
    "3 of 10 queries and 0 of 20 candidates of xquad_r are trained on, letter"
    " by letter.",
    "the share of x cannot be had.",
  ]


def test_the_terminal_has_tables_and_no_escapes(found):
  text = inspection.text(found)
  assert text.isprintable() or "\n" in text
  assert "\x1b" not in text and "\u202e" not in text
  for part in (
    "1,200 rows of 600 groups in 590 blocks; 12 rows are held out.",
    "86.0%",
    "Left out: 7 x rows without a passage.",
    "LOOK: 86% of the passages",
  ):
    assert part in text


def test_the_page_shows_text_as_text(found):
  row = dict.fromkeys(("source", "id", "group", "query", "passage"), HOSTILE)
  pair = row | {
    "query_language": "de",
    "passage_language": "en",
    "negatives": 2,
  }
  batch = {"step": 1, "kind": "mixed", "pairs": 8, "switched": 1}
  page = inspection.html(
    found,
    examples=[row | {"language": "de"}],
    batches=[batch | {"shown": [pair]}],
  )
  assert "<script" not in page and "&lt;script&gt;" in page
  assert "\x1b" not in page and "\u202e" not in page
  assert "default-src 'none'" in page
  # A histogram for each side that has texts, its cut among the bars.
  assert page.count("<svg") == 2
  assert 'x="23.5"' in page  # 64 of 30 tokens a bar, 11 wide each.
  assert "Step 1: mixed, 8 pairs, 1 texts with replaced words" in page
  assert page.count('style="--share:1.000"') == 2
