"""Tables of texts, as Markdown, LaTeX and HTML show them."""

import dataclasses
import re
from collections.abc import Sequence

import markupsafe
import tabulate

from hybridret_jax.reporting import results

# Around what is bold; no text has them. As long as Markdown's own marks, so
# that columns stay aligned.
_BOLD = ("\ue000\ue000", "\ue001\ue001")
_LATEX = (
  (_BOLD[0], "\\textbf{"),
  (_BOLD[1], "}"),
  ("−", "$-$"),
  ("±", "$\\pm$"),
  ("×", "$\\times$"),
  ("–", "--"),
  ("“", "``"),
  ("”", "''"),
  ("†", "\\textdagger{}"),
)


@dataclasses.dataclass(frozen=True)
class Table:
  """Rows of texts under heads.

  Attributes:
    title: above it.
    note: what its figures are; may be empty.
    heads: of its columns.
    rows: a text per head.
    words: how many first columns are no numbers.
    spans: titles over so many columns each, from the first number on.
    prose: whether the first column holds sentences, which are to wrap.
    apart: how many last rows only orient, and stand apart from the others.
  """

  title: str
  note: str
  heads: Sequence[str]
  rows: Sequence[Sequence[str]]
  words: int = 1
  spans: Sequence[tuple[str, int]] = ()
  prose: bool = False
  apart: int = 0


def bold(text: str) -> str:
  """The text as a cell that every form shows in bold."""
  return f"{_BOLD[0]}{text}{_BOLD[1]}"


def markdown(table: Table) -> str:
  """A section: title, note and table. Heads say what stood over them."""
  over = [name for name, count in table.spans for _ in range(count)]
  over += [""] * (len(table.heads) - table.words - len(over))
  heads = [
    f"{name} {head}".strip()
    for name, head in zip([""] * table.words + over, table.heads, strict=True)
  ]
  parts = [
    f"## {table.title}",
    table.note,
    tabulated(heads, table.rows, words=table.words),
  ]
  text = "\n\n".join(part for part in parts if part)
  return re.sub("[\ue000\ue001]", "*", text)


def latex(table: Table, *, about: str) -> str:
  """A table environment that needs booktabs.

  Args:
    table: what to show.
    about: before its title in the caption and the label.
  """
  caption = escaped(f"{about}: {table.title}. {table.note}".strip())
  name = results.slug(f"{about} {table.title}").replace("_", "-")
  rows = tabulated(
    table.heads, table.rows, words=table.words, style="latex_booktabs"
  )
  if table.spans:
    rows = rows.replace("\\toprule\n", f"\\toprule\n{_spanned(table)}\n", 1)
  if table.apart:
    lines = rows.split("\n")
    lines.insert(-table.apart - 2, "\\midrule")
    rows = "\n".join(lines)
  if table.prose:
    rows = rows.replace("{tabular}{l", "{tabular}{p{0.3\\linewidth}", 1)
  text = (
    "\\begin{table}\n\\centering\n"
    f"\\caption{{{caption}}}\n\\label{{tab:{name}}}\n"
    f"{rows}\n\\end{{table}}"
  )
  for found, command in _LATEX:
    text = text.replace(found, command)
  return text


def html(text: str) -> markupsafe.Markup:
  """A cell's text, escaped, its bold part as <b>."""
  safe = str(markupsafe.escape(text))
  safe = safe.replace(_BOLD[0], "<b>").replace(_BOLD[1], "</b>")
  return markupsafe.Markup(safe)


def escaped(text: str) -> str:
  """Text with what LaTeX reads as commands made plain."""
  return "".join(tabulate.LATEX_ESCAPE_RULES.get(x, x) for x in text)


def tabulated(
  heads: Sequence[str],
  rows: Sequence[Sequence[str]],
  *,
  words: int = 1,
  style: str = "github",
) -> str:
  """Rows under heads; all but the first columns, the words, to the right."""
  align = ["left"] * words + ["right"] * (len(heads) - words)
  return tabulate.tabulate(
    rows, heads, tablefmt=style, colalign=align, disable_numparse=True
  )


def _spanned(table: Table) -> str:
  """The row of what stands over the heads, with a rule under each."""
  cells, rules, first = [""] * table.words, [], table.words + 1
  for name, count in table.spans:
    if name:
      cells.append(f"\\multicolumn{{{count}}}{{c}}{{{escaped(name)}}}")
      rules.append(f"\\cmidrule(lr){{{first}-{first + count - 1}}}")
    else:
      cells += [""] * count
    first += count
  cells += [""] * (len(table.heads) - first + 1)
  return " & ".join(cells) + " \\\\\n" + " ".join(rules)
