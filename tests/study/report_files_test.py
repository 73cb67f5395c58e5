"""What a study's report writes beside its page."""

import json
import re

import pytest

from hybridret_jax.study import report_files
from tests.study import made_study


@pytest.fixture(scope="module")
def study():
  # One strategy, so that few pictures are drawn.
  return made_study.collected("cross_lingual", "legal", "alpha=0.5")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, study):
  page = report_files.save(tmp_path_factory.mktemp("report"), study)
  assert page.name == "index.html"
  return page.parent


def test_it_writes_every_form(folder, study):
  assert {
    x.name for x in folder.iterdir() if x.suffix not in (".png", ".svg")
  } == {*("index.html", "study.md", "study.tex", "study.json")}
  assert json.loads((folder / "study.json").read_text()) == study
  stems = {x.stem for x in folder.glob("*.png")}
  assert stems == {x.stem for x in folder.glob("*.svg")}
  assert stems == {
    "groups_primary_xquad_r",
    "groups_alpha_xquad_r",
    "alpha_alpha_xquad_r",
    "heatmap_primary_generic_monolingual_xquad_r",
    "heatmap_primary_generic_hybrid_xquad_r",
    "heatmap_alpha_0_0_xquad_r",
    "heatmap_alpha_1_0_xquad_r",
    "difference_primary_hybrid_monolingual_generic_xquad_r",
  }


def test_markdown_has_tables_pictures_and_limits(folder):
  text = (folder / "study.md").read_text()
  titles = re.findall("^## (.*)$", text, re.MULTILINE)
  assert titles == [
    "Figures: alpha",
    "Figures: primary",
    "Claims",
    "What the verdicts rest on",
    "Tests: primary, xquad_r",
    "Alpha: alpha, xquad_r",
    "Language bias: alpha, xquad_r",
    "Language bias: primary, xquad_r",
    "Languages trained on and not: alpha, xquad_r",
    "Languages trained on and not: primary, xquad_r",
    "Over seeds: alpha",
    "Over seeds: primary",
    "Other metrics: alpha, xquad_r",
    "Other metrics: primary, xquad_r",
    "Training cost",
    "Pictures",
    "Limits",
    "How to run it again",
  ]
  pictures = re.findall(r"!\[(.+?)\]\((.+?)\)", text)
  assert all(name and (folder / path).is_file() for name, path in pictures)
  assert len(pictures) == 8
  assert "This study is unfinished" in text
  assert "- Numbers that numpy drew." in text
  assert not re.search("[\ue000\ue001]", text)


def test_latex_is_balanced(folder):
  text = (folder / "study.tex").read_text()
  assert text.count("\\begin{table}") == text.count("\\end{table}") == 15
  assert text.count("{") == text.count("}")
  labels = re.findall(r"\\label\{(.*?)\}", text)
  assert len(labels) == len(set(labels))
  assert "% This study is unfinished" in text
  assert "\\item Numbers that numpy drew." in text
  body = re.sub(r"^%.*$", "", text, flags=re.MULTILINE)
  assert not re.search(r"(?<!\\)[_%#]", re.sub(r"\\label\{.*?\}", "", body))
  for row in re.findall(r"^ .*\\\\$", body, re.MULTILINE):
    assert not re.search("[−±–“”†\ue000\ue001]", row), row


def test_nothing_finished_has_no_pictures(tmp_path):
  study = made_study.collected("primary", "alpha", "start")
  report_files.save(tmp_path, study)
  assert list(tmp_path.glob("*.png")) == []
  assert "0 of 28 cells finished" in (tmp_path / "study.md").read_text()
