"""The study's page in a browser: narrow, wide, light, dark, by keyboard."""

import re

import pytest

from hybridret_jax.ground import writing
from hybridret_jax.study import html_page
from tests.reporting import page_browser_test
from tests.study import made_study

browser = page_browser_test.browser
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
  path = tmp_path_factory.mktemp("study") / "index.html"
  # Unfinished, so that everything there may be is on the page.
  writing.write(path, html_page.render(made_study.collected("seed=2")))
  return path


@pytest.fixture
def opened(browser, path):
  """Opens the page; after the test there must be no errors and no requests."""
  contexts, heard, asked = [], [], []

  def open_page(**settings):
    context = browser.new_context(offline=True, **settings)
    contexts.append(context)
    tab = context.new_page()
    tab.on("console", lambda message: heard.append(message.text))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())
    return tab

  yield open_page
  for context in contexts:
    context.close()
  assert heard == []
  assert asked == [path.as_uri()] * len(contexts)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_it_fits_and_can_be_read(opened, size, scheme):
  tab = opened(viewport=size, color_scheme=scheme)
  tab.evaluate(
    "document.querySelectorAll('details').forEach(x => x.open = true)"
  )
  assert tab.evaluate("document.documentElement.scrollWidth") == size["width"]
  ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
  dark = max(map(int, re.findall(r"\d+", ground))) < 60
  assert dark == (scheme == "dark")
  found = tab.evaluate(page_browser_test.FAINT)
  assert found["texts"] > 1000
  assert found["faint"] == []
  ink = tab.evaluate("getComputedStyle(document.body).color")
  label = tab.locator("svg text").first
  assert label.evaluate("x => getComputedStyle(x).fill") == ink


def test_wide_tables_scroll_by_keyboard_and_keep_their_first_column(opened):
  tab = opened(viewport=PHONE)
  region = tab.locator("#tests .scroll").first
  region.focus()
  for _ in range(8):
    tab.keyboard.press("ArrowRight")
  tab.wait_for_timeout(600)
  assert region.evaluate("x => x.scrollLeft") > 20
  first = region.locator("tbody th").first
  assert first.bounding_box()["x"] == pytest.approx(
    region.bounding_box()["x"], abs=1
  )


def test_folds_open_and_links_lead_to_sections(opened):
  tab = opened(viewport=DESKTOP)
  fold = tab.locator("#directions details").nth(1)
  matrix = fold.locator(".heat").first
  assert not matrix.is_visible()
  fold.locator("summary").focus()
  tab.keyboard.press("Enter")
  assert matrix.is_visible()
  tab.locator("nav a", has_text="Limits").click()
  assert tab.evaluate("location.hash") == "#limits"
