"""The studies that are shipped say what they compare, and can run."""

import importlib
import itertools
import json
import pathlib
import sys

import numpy as np
import pytest

from hybridret_jax.data import sources
from hybridret_jax.retrieval.tasks import jsonl
from hybridret_jax.study import claims, design, preparation
from hybridret_jax.study.domains import datasets

ROOT = pathlib.Path(__file__).parents[2]
NAMES = (
  *("legal_vs_generic", "alpha_sweep", "tuning", "trimmed"),
  *("paper", "paper_layout"),
)
OF_E5 = NAMES[:3]
CELLS = {
  "legal_vs_generic": 1 + 2 * 3 * 5 + 3 * 3 * 2,
  "alpha_sweep": 1 + 7 * 2,
  "tuning": 1 + 9,
  "trimmed": 1 + 2 * 3,
  "paper": 2 + 2 * 3 * 3,
  "paper_layout": 2 + 2 * 3 * 3,
}
ANYWHERE = pathlib.Path("/study")


def load(name):
  # Configs are files beside the package, not part of it.
  if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
  return importlib.import_module(f"configs.study.{name}").get_config()


def runs(config, grid):
  """(cell, flat settings of its run) of a grid."""
  for cell in design.cells(config):
    if grid in cell.factors:
      run = design.run_config(config, cell, ANYWHERE)
      yield cell, design.flat(run.to_dict())


@pytest.mark.parametrize("name", NAMES)
def test_a_study_has_its_cells_and_its_claims_can_be_judged(name):
  config = load(name)
  assert config.name == name and config.is_locked
  assert len(design.cells(config)) == CELLS[name]
  claims.check(config)
  assert config.notes
  assert all(note.endswith(".") for note in config.notes)
  if name != "tuning":
    assert config.claims and config.tests.compare
  for claim in config.claims:
    assert claim.claim.endswith(".") and claim.source in ("paper", "study")
    assert claim.task in ("xquad_r", "legal_held_out")


def test_the_primary_grid_varies_domain_and_strategy_only():
  config = load("legal_vs_generic")
  found = list(runs(config, "primary"))
  varied = {
    key
    for key in found[0][1]
    if len({json.dumps(run[key]) for _, run in found}) > 1
  }
  assert varied == {"data.sources", "batches.strategy", "seed"}
  assert {run["data.sources"] for _, run in found} == {
    (f"{ANYWHERE}/data/{domain}_parallel",) for domain in datasets.DOMAINS
  }


def test_runs_of_the_studies_are_equally_long_and_none_stops_early():
  steps = set()
  for name in OF_E5:
    config = load(name)
    for grid in config.grids:
      for _, run in runs(config, grid):
        steps.add((run["train.steps"], run["batches.batch_size"]))
        assert not run["train.patience"] and not run["train.evaluate_every"]
        assert not run["validation.task"] and not run["validation.share"]
        assert not {"el", "vi"} & set(run["data.languages"])
  assert len(steps) == 1


def test_settings_are_chosen_on_what_nothing_is_trained_or_reported_on():
  tuning, config = load("tuning"), load("legal_vs_generic")
  assert tuning.run.evaluation.tasks == ("jsonl:{study}/data/belebele",)
  assert config.data.development == "belebele"
  assert "belebele" not in (*config.data.legal, *config.data.generic)
  assert not set(tuning.run.evaluation.tasks) & set(config.run.evaluation.tasks)
  # Each value of the studies is one that was tried.
  for key in ("optimizer.learning_rate", "loss.temperature"):
    section, name = key.split(".")
    tried = {run[key] for _, run in runs(tuning, "settings")}
    assert config.run[section][name] in tried


def test_half_of_the_sweep_is_a_cell_of_the_primary_grid():
  keys = {
    cell.key: cell.factors["primary"]
    for cell, _ in runs(load("legal_vs_generic"), "primary")
  }
  half = [
    (keys.get(cell.key), cell.seed)
    for cell, run in runs(load("alpha_sweep"), "alpha")
    if run["batches.alpha"] == 0.5
  ]
  assert half == [
    ({"domain": "generic", "strategy": "hybrid"}, s) for s in (0, 1)
  ]


def test_a_claim_about_the_start_needs_no_run_of_its_own():
  of_start = [x for x in load("legal_vs_generic").claims if x.b == "start"]
  assert {x.task for x in of_start} == {"legal_held_out"}


def lareqa_file():
  """A file of one question, in the form of XQuAD-R and MLQA-R."""
  answer = {"answer_start": 0, "text": "Here."}
  paragraph = {
    "context": "Here.",
    "sentences": ["Here."],
    "sentence_breaks": [[0, 5]],
    "qas": [{"id": "q", "question": "Where?", "answers": [answer]}],
  }
  return {"data": [{"title": "One", "paragraphs": [paragraph]}]}


def test_the_paper_s_grid_passes_its_checks(tmp_path):
  config = load("paper")
  languages = config.run.data.languages
  for source, language in itertools.product(config.run.data.sources, languages):
    (tmp_path / source).mkdir(exist_ok=True)
    lines = [
      json.dumps(
        {
          "id": f"{source}:{group}:{language}",
          "group": f"{source}:{group}",
          "lang": language,
          "query": f"{source} {group} {language}?",
          "passage": f"{source} {group} in {language}",
        }
      )
      for group in range(30)
    ]
    path = tmp_path / source / f"{language}.jsonl"
    path.write_text("\n".join(lines) + "\n")
  with config.unlocked():
    config.run.data.folder = str(tmp_path)
  cells = design.cells(config)
  with pytest.raises(ValueError, match="mlqa-r: no such file or folder"):
    preparation.whole(config, cells, tmp_path)
  for task in ("xquad-r", "mlqa-r"):
    (tmp_path / task).mkdir()
    (tmp_path / task / "en.json").write_text(json.dumps(lareqa_file()))
  preparation.whole(config, cells, tmp_path)
  (tmp_path / "mfaq" / "th.jsonl").unlink()
  (tmp_path / "mmarco" / "th.jsonl").unlink()
  with pytest.raises(ValueError, match="language th has 8. distinct blocks"):
    preparation.whole(config, cells, tmp_path)


@pytest.fixture(scope="module")
def prepared(shared, tmp_path_factory):
  """A study's folder with its data, made of the real sources."""
  config = load("legal_vs_generic")
  folder = tmp_path_factory.mktemp("study")
  datasets.prepare(folder / "data", folder=shared / "data", **config.data)
  return folder


@pytest.mark.parametrize("name", OF_E5)
def test_every_cell_can_be_fed_with_the_real_data(shared, prepared, name):
  config = load(name)
  with config.unlocked():
    config.run.data.folder = str(shared / "data")
  preparation.whole(config, design.cells(config), prepared)


def test_a_cell_with_too_few_blocks_is_refused_by_name(shared, prepared):
  config = load("legal_vs_generic")
  with config.unlocked():
    config.run.data.folder = str(shared / "data")
    del config.grids.primary
    config.grids.secondary.seeds = (0,)
    config.grids.secondary.axes = tuple(
      (
        axis,
        tuple(
          (
            level,
            tuple(
              (key, (*value, "hi"))
              if key == "data.languages" and level == "legal"
              else (key, value)
              for key, value in overrides
            ),
          )
          for level, overrides in levels
        ),
      )
      for axis, levels in config.grids.secondary.axes
    )
    config.claims = ()
    config.tests.compare = ()
  cells = design.cells(config)
  with pytest.raises(ValueError, match="leave it out of languages") as error:
    preparation.whole(config, cells, prepared)
  assert "domain=legal/strategy=monolingual/seed=0" in str(error.value)
  assert "language hi has 23 distinct blocks" in str(error.value)
  assert "cross_lingual" not in str(error.value)


def test_the_real_sets_are_equal_and_share_nothing(shared, prepared):
  config, data = load("legal_vs_generic"), prepared / "data"
  manifest = json.loads((data / "manifest.json").read_text())
  legal, generic = (manifest["parallel"][x] for x in datasets.DOMAINS)
  for key in ("groups", "rows", "by_language", "by_pair", "by_kind"):
    assert legal[key] == generic[key]
  assert legal["monolingual_blocks"] == generic["monolingual_blocks"]
  assert len(legal["by_pair"]) == 7 * 6
  names = (*config.data.legal, *config.data.generic, "belebele")
  whole = sources.read([shared / "data" / name for name in names])
  block_of = dict(zip(whole.ids, whole.block_row.tolist(), strict=True))
  folders = [p for d in datasets.DOMAINS for p in (data / d).iterdir()]
  kept = sources.read([*folders])
  trained = {block_of[x] for x in kept.ids}
  for domain in datasets.DOMAINS:
    matched = sources.read([data / f"{domain}_parallel"])
    assert len(matched) == legal["rows"]
    assert {block_of[x] for x in matched.ids} <= trained
  # A group stands where its match does, so batches are paired too.
  matches = manifest["matching"]["matches"]
  for path in sorted((data / "legal_parallel").iterdir()):
    pair = [path, data / "generic_parallel" / path.name]
    left, right = (list(sources.read([p]).groups) for p in pair)
    assert [matches[group] for group in left] == right
  tasks = [jsonl.load(data / x) for x in ("legal_held_out", "belebele")]
  held, chosen_on = (
    {block_of[x] for x in (*made.query_ids, *made.candidate_ids)}
    for made in tasks
  )
  assert not trained & held and not trained & chosen_on
  assert not held & chosen_on
  of_belebele = whole.source_row == len(whole.sources) - 1
  assert not trained & set(whole.block_row[of_belebele].tolist())
  # No passage of the tasks is trained on, under whatever name.
  passages = {kept.texts[text] for text in np.unique(kept.passage_row)}
  for made in tasks:
    assert not passages & set(made.candidate_texts)
