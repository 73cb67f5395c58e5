"""The study's page: one file without a script that says what is missing."""

import html.parser
import re

import pytest

from hybridret_jax.reporting import tables
from hybridret_jax.study import html_page
from tests.study import made_study


class Elements(html.parser.HTMLParser):
  """Every start tag's attributes, and what is open where a text stands."""

  def __init__(self, text):
    super().__init__()
    self.tags = []
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))


def plain(text):
  return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", text))


@pytest.fixture(scope="module")
def text():
  return html_page.render(made_study.collected())


@pytest.fixture(scope="module")
def partial():
  return html_page.render(
    made_study.collected("strategy=hybrid/seed=1", "legal/strategy=mono")
  )


def test_nothing_is_asked_for_and_no_script_runs(text):
  tags = Elements(text).tags
  links = [y for _, x in tags for k, y in x.items() if k in ("href", "src")]
  assert {x for x in links if not x.startswith("#")} == {"data:,"}
  assert not re.search(r"url\((?!#)|@import|https?:(?!//www\.w3\.org)", text)
  assert "script" not in {tag for tag, _ in tags}
  (policy,) = [x["content"] for _, x in tags if "http-equiv" in x]
  assert "default-src 'none'" in policy
  assert "script-src" not in policy


def test_links_have_one_target_each(text):
  tags = Elements(text).tags
  ids = [x["id"] for _, x in tags if "id" in x]
  assert len(ids) == len(set(ids))
  targets = {x["href"][1:] for tag, x in tags if tag == "a"}
  assert targets <= set(ids)


def test_it_has_every_section(text):
  assert re.findall('<section id="(.*?)"', text) == [
    *("figures", "claims", "tests", "alpha", "directions", "bias"),
    *("languages", "more", "cost", "limits", "again"),
  ]
  found = plain(text)
  for part in (
    "28 of 28 cells finished",
    "72 questions and 72 candidates in 3 languages",
    "not directly comparable",
    "What pool says. paper xquad_r: Multilingual pool mAP greater",
    "On the Pareto front:",
    "generic, hybrid, mean over 3 seeds",
    "hybrid minus monolingual (generic), primary, xquad_r",
    "Languages of the first 10 candidates",
    "Probability of equal expected rank",
    "Numbers that numpy drew.",
    "--mode=study --config=configs/study/made.py",
    "numpy 2",
  ):
    assert part in found, part
  assert "unfinished" not in found


def test_an_unfinished_study_says_so(partial):
  warning = re.findall('<p class="warning" role="note">(.*?)</p>', partial)
  assert len(warning) == 1
  assert "5 of 28 cells are missing" in warning[0]
  assert "primary/domain=generic/strategy=hybrid/seed=1" in warning[0]
  found = plain(partial)
  assert "generic, hybrid 2 of 3" in found
  assert "legal, monolingual 0 of 3 – – – –" in found
  assert "legal, monolingual: missing" in found
  assert "generic, hybrid, mean over 2 of 3 seeds" in found
  assert "hybrid minus monolingual (legal), primary, xquad_r: missing" in found


def test_drawings_have_words_and_tables_have_heads(text):
  tags = Elements(text).tags
  drawings = [x for _, x in tags if x.get("class") == "drawing"]
  # Two grids in four figures; a curve in four, and three trade-offs.
  assert len(drawings) == 2 * 4 + 4 + 3
  for drawing in drawings:
    assert drawing["role"] == "img"
    assert len(drawing["aria-label"]) > 40
  assert text.count("<table") == text.count("<thead>")
  assert all("scope" in x for tag, x in tags if tag == "th")
  regions = [x for _, x in tags if x.get("role") == "region"]
  assert len(regions) == text.count("<table")
  assert all(x["aria-label"] and x["tabindex"] == "0" for x in regions)


def test_cells_are_in_line_with_heads(text):
  for table in re.findall("<table.*?</table>", text, re.DOTALL):
    widths = []
    for row in re.findall("<tr.*?</tr>", table, re.DOTALL):
      cells = Elements(row).tags
      widths.append(
        sum(int(x.get("colspan") or 1) for t, x in cells if t in ("th", "td"))
      )
    # Titles over the heads may leave the last columns without one.
    assert len(set(widths[1:])) == 1, table[:300]
    assert widths[0] <= widths[1]


def test_directions_are_the_means(text):
  study = made_study.collected()
  group = study["grids"][1]["groups"][0]
  mean = group["tasks"]["xquad_r"]["mean"]
  part = text.split("generic, monolingual, mean over 3 seeds</figcaption>")[1]
  part = part.split("</table>")[0]
  cells = re.findall(r'<td class="s\d+[^>]*>(.*?)</td>', part)
  wanted = []
  for query in made_study.LANGUAGES:
    row = [mean["directions"][f"{query}-{x}"] for x in made_study.LANGUAGES]
    wanted += [f"{x['map']:.2f}" for x in [*row, mean["pool"][query]]]
  assert cells == wanted
  assert "hi†" in part


def test_differences_are_marked_where_they_are_significant(text):
  study = made_study.collected()
  test = study["tests"][0]
  assert (test["a"], test["at"]) == ("hybrid", {"domain": "generic"})
  name = "hybrid minus monolingual (generic), primary, xquad_r</figcaption>"
  part = text.split(name)[1].split("</table>")[0]
  rows = re.findall("<tr>.*?</tr>", part.split("<tbody>")[1], re.DOTALL)
  for query, row in zip(made_study.LANGUAGES, rows, strict=True):
    cells = re.findall(r"<td [^>]*>(.*?)</td>", row)[:3]
    for answer, cell in zip(made_study.LANGUAGES, cells, strict=True):
      found = test["directions"][f"{query}-{answer}"]
      assert cell.startswith(tables.signed(found["difference"], 2))
      assert ("*" in cell) == found["significant"]
  assert "<sup>*</sup>" in part


def test_texts_are_escaped():
  study = made_study.collected() | {"name": "<b>&", "notes": ["</style> <i>"]}
  text = html_page.render(study)
  assert "<title>&lt;b&gt;&amp;</title>" in text
  assert "&lt;/style&gt; &lt;i&gt;" in text


def test_equal_studies_give_equal_pages(text):
  assert html_page.render(made_study.collected()) == text
  assert len(text.encode()) < 700_000


def test_verdicts_are_words_and_bold_stays_bold():
  assert str(html_page.cell("not supported")) == (
    '<span class="verdict not_supported">not supported</span>'
  )
  bold = html_page.documents.bold("0.7") + " ± 0.1"
  assert str(html_page.cell(bold)) == (
    '<b>0.7</b><span class="ends">± 0.1</span>'
  )
  assert str(html_page.cell("<0.001")) == "&lt;0.001"
