"""What a query found, as a table for the terminal."""

from collections.abc import Sequence
from typing import Any

import tabulate

from hybridret_jax.ground import display

SHOWN = 80  # Letters of a candidate.


def table(candidates: Sequence[dict[str, Any]]) -> str:
  """A line per candidate: rank, score, language and the text's beginning."""
  rows = [
    [
      candidate["rank"],
      f"{candidate['score']:.3f}",
      candidate["lang"],
      _beginning(candidate["text"]),
    ]
    for candidate in candidates
  ]
  heads = ["", "Score", "Language", "Candidate"]
  return tabulate.tabulate(rows, heads, disable_numparse=True)


def _beginning(text: str) -> str:
  line = display.visible(" ".join(text.split()))
  return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
