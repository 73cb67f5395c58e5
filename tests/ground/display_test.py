"""Characters that steer what shows a text are visible; others stay."""

import unicodedata

import hypothesis
from hypothesis import strategies

from hybridret_jax.ground import display


def test_control_and_bidirectional_characters_are_written_out():
  found = display.visible("a\x1b[31mb\x9b\r\n\u202e\u2066\u200f\u061c\ufeff")
  assert found == ("a\\x1b[31mb\\x9b\\r\\n\\u202e\\u2066\\u200f\\u061c\\ufeff")


def test_lines_keep_their_ends_and_tabs():
  assert display.visible_lines("a\tb\nc\rd\u2028") == "a\tb\nc\\rd\\u2028"


def test_what_scripts_need_stays():
  text = "क्‍ष می‌خواهم 👩‍👧 ü ﷺ ไทย"
  assert display.visible(text) == text


def test_half_a_surrogate_pair_can_be_written():
  assert display.visible("\ud83d").encode() == b"\\ud83d"


@hypothesis.given(strategies.text(strategies.characters()))
def test_nothing_that_steers_is_left(text):
  shown = display.visible(text)
  kinds = {unicodedata.category(x) for x in shown}
  assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
  bidirectional = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI")
  assert not {unicodedata.bidirectional(x) for x in shown} & {
    *bidirectional,
    "PDI",
  }
  assert display.visible(shown) == shown
