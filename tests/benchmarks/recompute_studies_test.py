"""The committed studies' statistics, made again without this package."""

import copy
import json
import pathlib

import pytest

from benchmarks import recompute_studies

RESULTS = pathlib.Path(__file__).parents[2] / "docs" / "results"
STUDIES = ("legal_vs_generic", "alpha_sweep", "paper_layout")


def committed(name):
  return json.loads((RESULTS / name / "study.json").read_text("utf-8"))


@pytest.mark.parametrize("name", STUDIES)
def test_every_number_is_what_it_follows_from(name):
  counts, problems = recompute_studies.recompute(committed(name))
  assert min(counts.values()) > 0
  assert problems == []


@pytest.mark.parametrize(
  ("change", "said"),
  [
    (lambda x: x["claims"][0].update(verdict="supported"), "verdict"),
    (lambda x: x["claims"][3].update(p_holm=0.2), "p_holm"),
    (lambda x: x["claims"][3].update(low=0.0), "low"),
    (
      lambda x: x["grids"][0]["groups"][0]["tasks"]["xquad_r"]["figures"][
        "monolingual/map"
      ].update(mean=0.5),
      "mean",
    ),
    (
      lambda x: x["tests"][6]["figures"]["monolingual/map"].update(p_holm=1e-9),
      "p_holm",
    ),
  ],
)
def test_what_was_altered_is_found(change, said):
  study = copy.deepcopy(committed("legal_vs_generic"))
  change(study)
  _, problems = recompute_studies.recompute(study)
  assert any(f": {said} is stated" in problem for problem in problems)
