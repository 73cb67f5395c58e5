"""One table as Markdown, LaTeX and HTML."""

import re

import pytest

from hybridret_jax.reporting import documents

TABLE = documents.Table(
  "Figures: a_b",
  "50 % of − and ±.",
  ["Domain", "Strategy", "Seeds", "Mono", "Cross"],
  [
    ["legal", "hybrid", "2 of 3", documents.bold("0.705") + " ± 0.003", "–"],
    ["start", "as it is", "", "0.7", "0.6"],
    ["XLM-R", "hybrid *", "", "0.798", "0.705"],
  ],
  words=2,
  spans=[("", 1), ("xquad_r", 2)],
  apart=2,
)


def test_markdown_says_what_stood_over_the_heads():
  text = documents.markdown(TABLE)
  lines = text.splitlines()
  assert lines[:4] == ["## Figures: a_b", "", "50 % of − and ±.", ""]
  heads = [x.strip() for x in lines[4].strip("|").split("|")]
  assert heads == [
    "Domain",
    "Strategy",
    "Seeds",
    "xquad_r Mono",
    "xquad_r Cross",
  ]
  assert "**0.705** ± 0.003" in lines[6]
  assert len({len(x) for x in lines[4:]}) == 1


def test_latex_has_heads_in_two_rows_and_escapes():
  lines = documents.latex(TABLE, about="x&y").splitlines()
  assert lines[2] == (
    "\\caption{x\\&y: Figures: a\\_b. 50 \\% of $-$ and $\\pm$.}"
  )
  assert lines[3] == "\\label{tab:x-y-figures-a-b}"
  assert lines[4] == "\\begin{tabular}{llrrr}"
  assert lines[6] == " &  &  & \\multicolumn{2}{c}{xquad\\_r} \\\\"
  assert lines[7] == "\\cmidrule(lr){4-5}"
  assert "\\textbf{0.705} $\\pm$ 0.003" in lines[10]
  assert [x for x in range(len(lines)) if lines[x] == "\\midrule"] == [9, 11]
  assert lines[12].startswith(" start")
  assert lines[-1] == "\\end{table}"


def test_sentences_wrap_in_latex():
  table = documents.Table("T", "", ["Claim", "p"], [["Long.", "1"]], prose=True)
  text = documents.latex(table, about="x")
  assert "\\begin{tabular}{p{0.3\\linewidth}r}" in text
  assert "midrule\n Long." in text


def test_rows_have_a_cell_per_column_in_latex():
  text = documents.latex(TABLE, about="x")
  rows = [x for x in text.splitlines() if x.endswith("\\\\")]
  assert len(rows) == 5
  for row in rows:
    cells = row.count("&") + 1
    spanned = sum(int(x) - 1 for x in re.findall(r"multicolumn{(\d)}", row))
    assert cells + spanned == 5


def test_html_is_escaped():
  text = documents.html(documents.bold("a<b") + " & c")
  assert text == "<b>a&lt;b</b> &amp; c"


@pytest.mark.parametrize("form", [documents.markdown, documents.html])
def test_no_mark_is_left(form):
  cell = TABLE.rows[0][3]
  text = form(TABLE) if form is documents.markdown else form(cell)
  assert not re.search("[\ue000\ue001]", text)
