r"""Text that is shown: characters that would steer what shows it made visible.

A terminal, a Markdown or TeX file, a page or a log shows text of data. A
control character in it moves the cursor or hides what stands before it, and a
bidirectional one turns round what follows. They are written as Python writes
them: `\x1b`, `\u202e`. So are characters that show nothing at all where no
script needs them. What Arabic, Hindi, Persian or emoji need to be written
(zero-width joiner and non-joiner, variation selectors) stays as it is. Files
that programs read (results.json, TREC files) keep the text as it was.
"""

import re

_INVISIBLE = "".join(
  (
    "\x00-\x1f\x7f-\x9f",  # C0, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069",  # bidirectional
    "\u2028\u2029",  # ends of lines to some
    # Nothing is seen of them.
    "\u00ad\u034f\u115f\u1160\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164",
    "\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e007f",
    "\ud800-\udfff",  # halves of what UTF-16 writes as two
  )
)
_ONE_LINE = re.compile(f"[{_INVISIBLE}]")
_LINES = re.compile(f"(?![\n\t])[{_INVISIBLE}]")


def visible(text: str) -> str:
  """`text` as one line that shows all that is in it."""
  return _ONE_LINE.sub(_written, text)


def visible_lines(text: str) -> str:
  """`visible` of a text of several lines: their ends and tabs stay."""
  return _LINES.sub(_written, text)


def _written(found: re.Match[str]) -> str:
  return found[0].encode("unicode_escape").decode()
