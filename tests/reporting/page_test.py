"""The page is one file that asks for nothing and escapes what it is given."""

import base64
import hashlib
import html.parser
import json
import re

import pytest

from hybridret_jax.reporting import page, page_data

TITLE = "Tom & Jerry's <page>"


class Elements(html.parser.HTMLParser):
  """Every start tag's attributes, and the text of elements with an id."""

  def __init__(self, text: str):
    super().__init__()
    self.tags: list[tuple[str, dict[str, str | None]]] = []
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))

  def values(self, name: str) -> list[str]:
    return [x[name] or "" for _, x in self.tags if name in x]


@pytest.fixture(scope="module")
def text(make_entries, make_comparison) -> str:
  entries = make_entries()
  return page.render(entries, make_comparison(entries), title=TITLE)


def embedded(text: str) -> dict:
  return json.loads(re.findall(r'id="data">(.*?)</script>', text, re.DOTALL)[0])


def test_nothing_is_asked_for(text):
  elements = Elements(text)
  links = elements.values("href") + elements.values("src")
  assert {x for x in links if not x.startswith("#")} == {"data:,"}
  assert not re.search(r"url\((?!#)|@import|https?:(?!//www\.w3\.org)", text)
  assert not {x for _, y in elements.tags for x in y if x.startswith("on")}


def test_only_its_own_script_may_run(text):
  policy = [
    x["content"] or ""
    for tag, x in Elements(text).tags
    if x.get("http-equiv") == "Content-Security-Policy"
  ]
  script = text[text.rindex("<script>") + 8 : text.rindex("</script>")]
  digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
  assert len(policy) == 1
  assert f"script-src 'sha256-{digest}'" in policy[0]
  assert "default-src 'none'" in policy[0]


def test_links_and_names_have_one_target(text):
  elements = Elements(text)
  ids = elements.values("id")
  assert len(ids) == len(set(ids))
  targets = [x[1:] for x in elements.values("href") if x.startswith("#")]
  targets = [x for x in targets if not re.fullmatch(r"m[0-9a-f]+", x)]
  assert targets and set(targets + elements.values("for")) <= set(ids)


def test_it_embeds_what_it_shows(text, entries, compared):
  assert embedded(text) == page_data.collect(entries, compared)


def test_texts_are_escaped(text):
  assert "<title>Tom &amp; Jerry&#39;s &lt;page&gt;</title>" in text
  assert "What do dams &lt;/script&gt; store?" in text
  assert "<monolingual>" not in text
  assert text.count("</script>") == 2


def test_it_is_small_and_repeats(text, entries, compared):
  assert len(text.encode()) < 400_000
  again = page.render(entries, compared, title=TITLE)
  assert again == text


def test_it_has_every_section(text):
  sections = re.findall('<section id="(.*?)"', text)
  assert sections == [
    "summary",
    "comparison",
    "directions",
    "bias",
    "examples",
    "training",
    "run-settings",
  ]
  plain = re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", text))
  for part in (
    "35 questions and 6,170 candidates",
    "the unit that is resampled is the article (48 of them)",
    "not about the strategies that trained them",
    "trained on",
    "Share of each candidate language among the first 100 candidates",
    "probability of equal expected rank",
    "Run Steps Pairs/s Padding hybrid 3 102 12.5 %",
    "&lt;monolingual&gt; 3 102 12.5 %",
    "hybrid evaluate 12.5 s",
    "hybrid: Made by hand.",
    "jax 0.10.2",
  ):
    assert part in plain


def test_what_training_cost_is_shown_for_each_run(entries):
  cost = {"devices": "8 × <TPU>", "mfu": 0.41, "seconds": 5400}
  text = page.render(entries, title="x", costs={"hybrid": cost})
  part = text.split("Training cost")[1].split("</table>")[0]
  rows = re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", part)).strip()
  assert "hybrid 8 × &lt;TPU&gt; – 90 min – – 41.0 %" in rows
  assert "monolingual&gt; – 3 – 102 12.5 % –" in rows


def test_shares_are_shown_beside_what_was_asked(entries):
  found = {
    "steps": 1500,
    "asked": {"kind": {"mixed": 1.0}, "source": {"<legal>": 0.5}},
    "realised": {"kind": {"mixed": 1.0}, "source": {"<legal>": 0.4987}},
  }
  text = page.render(entries, title="x", mixtures={"hybrid": found})
  part = text.split("<h3>Batches</h3>")[1].split("</details>")[0]
  rows = re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", part)).strip()
  assert "realised shares of 1,500 steps" in rows
  assert "Source &lt;legal&gt; 50.00 % 49.87 %" in rows
  assert "<h3>Batches</h3>" not in page.render(entries, title="x")


def test_only_settings_that_differ_are_shown(text):
  part = text.split("Only the settings that differ.")[1].split("<details>")[0]
  plain = re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", part))
  assert "optimizer. learning_ rate 3e-05 1e-05 alpha 0.5 1" in plain
  assert "layers" not in plain


def test_what_is_not_there_is_left_out(make_results):
  saved = make_results(("el", "en"))
  saved["task"] = "own"
  entry = {"label": "only", "system": "trained", "results": saved}
  text = page.render([entry], title="One")
  sections = re.findall('<section id="(.*?)"', text)
  assert sections == [
    "summary",
    "directions",
    "bias",
    "training",
    "run-settings",
  ]
  for part in (
    'id="other"',
    'id="difference"',
    "Training cost",
    "Holm",
    "PEER",
    "arXiv",
    "<svg",
  ):
    assert part not in text.split("<script")[0]


def test_a_figure_that_is_missing_is_a_dash(entries):
  figures = entries[1]["results"]["systems"]["trained"]
  figures["directions"]["el-zh"] = {}
  figures["macro"]["cross_lingual"]["map"] = None
  del figures["pool"]["th"]
  text = page.render(entries, title="Holes")
  assert 'class="none">–</td>' in text


def test_save_writes_the_page(tmp_path, entries, compared, text):
  path = page.save(
    tmp_path / "report" / "page.html",
    entries,
    compared,
    title=TITLE,
  )
  assert path.read_text("utf-8") == text


def test_systems_that_do_not_belong_together_are_refused(entries, compared):
  compared["baseline"] = "nobody"
  with pytest.raises(ValueError, match="the comparison names 'nobody'"):
    page.render(entries, compared, title="x")
