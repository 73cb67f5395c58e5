"""Reports of parts of a study, joined: what all cells at once would show."""

import copy
import json

import pytest

from hybridret_jax.study import design, joining, report
from tests.study import made_study


@pytest.fixture(scope="module")
def config():
  """One claim of each grid, so that Holm's method has to see both."""
  alpha = {
    "grid": "alpha",
    "a": (("alpha", "0.5"),),
    "b": (("alpha", "1.0"),),
  }
  return made_study.config(
    claims=(
      made_study.claim("pool"),
      made_study.claim("distance", **made_study.DISTANCE),
      made_study.claim("alpha", **alpha),
      made_study.claim("alpha_at_least", **alpha, rule="at_least", margin=0.01),
    )
  )


@pytest.fixture(scope="module")
def cells(config):
  return design.cells(config)


@pytest.fixture(scope="module")
def part(config):
  """Calls for the report of all cells but those whose name holds a `skip`."""
  _, finished = made_study.whole()
  folders = {one.cell.key: one for one in finished}

  def made(*skip):
    left = [
      folders[cell.key]
      for cell in design.cells(config)
      if not any(x in name for x in skip for name in cell.names)
    ]
    return report.collect(config, left)

  return made


@pytest.fixture(scope="module")
def whole(part):
  return part()


@pytest.fixture(scope="module")
def halves(part):
  return part("alpha/", "start"), part("primary/")


def without_costs(study):
  return {key: value for key, value in study.items() if key != "costs"}


def near(claims):
  """Claims whose p after Holm, made of p with six digits, is about this."""
  found = copy.deepcopy(claims)
  for claim in found:
    for row in (claim, claim["groups"] or {}):
      if row.get("p_holm"):
        row["p_holm"] = pytest.approx(row["p_holm"], rel=1e-5)
  return found


def test_two_grids_joined_are_the_report_of_all_cells(cells, whole, halves):
  one, two = halves
  assert one["missing"] and two["missing"]
  for mine, other in ((one, two), (two, one)):
    joined = joining.join(cells, mine, {"there": other})
    expected = copy.deepcopy(without_costs(whole))
    assert joined["claims"] == near(expected["claims"])
    del joined["claims"], expected["claims"]
    assert without_costs(joined) == expected
    costs = joined["costs"]
    assert costs["cells"] == whole["costs"]["cells"]
    assert costs["groups"] == whole["costs"]["groups"]
    assert costs["seconds"] == whole["costs"]["seconds"]


def test_holm_is_over_the_claims_of_all_parts(cells, whole, halves):
  """Each half has fewer claims to adjust for than the whole."""
  one, two = halves
  joined = joining.join(cells, one, {"there": two})
  wanted = {x["id"]: x["p_holm"] for x in whole["claims"]}
  found = {x["id"]: x["p_holm"] for x in joined["claims"]}
  alone = {x["id"]: x["p_holm"] for x in one["claims"]}
  assert found["pool"] == pytest.approx(wanted["pool"], rel=1e-5)
  assert alone["pool"] < wanted["pool"]


def test_a_grid_is_taken_from_the_part_with_more_of_it(cells, part, whole):
  few = part("seed=1", "seed=2")
  more = part("seed=2")
  for mine, other in ((few, more), (more, few)):
    joined = joining.join(cells, mine, {"there": other})
    assert joined["grids"] == more["grids"]
    assert joined["claims"] == near(more["claims"])
    assert joined["missing"] == more["missing"]
    assert joined["finished"] == more["finished"] < whole["finished"]


def test_a_part_that_has_nothing_changes_nothing(cells, config, whole):
  nothing = report.collect(config, [])
  wanted = whole | {"claims": near(whole["claims"])}
  assert joining.join(cells, nothing, {"there": whole}) == wanted
  assert joining.join(cells, whole, {"there": nothing}) == wanted


def test_a_report_is_written_of_the_parts(config, whole, halves, tmp_path):
  one, two = halves
  for name, half in (("one", one), ("two", two)):
    (tmp_path / name).mkdir()
    (tmp_path / name / "study.json").write_text(json.dumps(half))
  parts = {x: joining.read(tmp_path / x) for x in ("one", "two")}
  page = report.write(config, [], tmp_path / "report", parts=parts)
  assert "unfinished" not in page.read_text()
  found = json.loads((tmp_path / "report/study.json").read_text())
  assert found["grids"] == whole["grids"]
  assert found["tests"] == whole["tests"]


def test_a_folder_without_a_report_is_named(tmp_path):
  with pytest.raises(ValueError, match=r"no study\.json; name the folder"):
    joining.read(tmp_path)
  (tmp_path / "study.json").write_text("{")
  with pytest.raises(ValueError, match="is no JSON"):
    joining.read(tmp_path)


@pytest.mark.parametrize(
  ("change", "problem"),
  [
    (lambda x: x.update(name="other"), "name is 'other' there"),
    (lambda x: x["grids"][0]["seeds"].append("3"), "grids is"),
    (lambda x: x["claims"][0].update(margin=0.5), "claims is"),
    (lambda x: x["claims"].pop(), "number of claims is 3 there and 4 here"),
    (lambda x: [y.update(b="x") for y in x["tests"]], "tests is"),
    (lambda x: x["tasks"][0].update(languages=["de"]), "languages of xquad_r"),
    (
      lambda x: x["starts"][0]["systems"][0]["tasks"]["xquad_r"]["figures"][
        "monolingual/map"
      ].update(mean=0.1),
      "the start, {}, untrained, xquad_r, monolingual/map is 0.1 there",
    ),
  ],
)
def test_a_part_of_another_study_is_refused(change, problem, cells, whole):
  other = copy.deepcopy(whole)
  change(other)
  with pytest.raises(ValueError) as error:
    joining.join(cells, whole, {"there": other})
  assert "there is a report of another study" in str(error.value)
  assert problem in str(error.value)
