"""Grids become cells: order, names, keys, configs, and what is refused."""

import pathlib

import ml_collections
import pytest

from hybridret_jax import defaults
from hybridret_jax.study import design

FOLDER = pathlib.Path("/somewhere/study")
STRATEGIES = (
  ("hybrid", (("batches.strategy", "hybrid"),)),
  ("monolingual", (("batches.strategy", "monolingual"),)),
)
DOMAINS = (
  ("legal", (("data.sources", ("{study}/data/legal", "other")),)),
  ("generic", (("data.sources", ("{study}/data/generic",)),)),
)


def study(**grids):
  """A study of grids given as (axes, seeds)."""
  config = ml_collections.ConfigDict()
  config.run = defaults.get_config()
  config.run.model.init = "some/model"
  config.modes = ("train", "evaluate")
  config.grids = ml_collections.ConfigDict()
  for name, (axes, seeds) in grids.items():
    config.grids[name] = ml_collections.ConfigDict()
    config.grids[name].axes = axes
    config.grids[name].seeds = seeds
  return config.lock()


def primary(seeds=(0, 1)):
  return study(primary=((("domain", DOMAINS), ("strategy", STRATEGIES)), seeds))


def keys(config):
  return [cell.key for cell in design.cells(config)]


def test_cells_come_seed_by_seed_in_the_order_written():
  found = design.cells(primary(seeds=(3, 1)))
  assert [cell.names for cell in found] == [
    ("start",),
    *(
      (f"primary/domain={domain}/strategy={strategy}/seed={seed}",)
      for seed in (3, 1)
      for domain in ("legal", "generic")
      for strategy in ("hybrid", "monolingual")
    ),
  ]
  cell = found[6]
  assert cell.factors == {
    "primary": {"domain": "legal", "strategy": "monolingual"}
  }
  assert cell.seed == 1
  assert dict(cell.overrides) == {
    "data.sources": ("{study}/data/legal", "other"),
    "batches.strategy": "monolingual",
  }
  assert len({cell.key for cell in found}) == 9
  assert all(len(cell.key) == 12 for cell in found)


def test_a_cells_config_is_the_runs_with_its_overrides():
  config = primary()
  cell = design.cells(config)[2]
  run = design.run_config(config, cell, FOLDER)
  assert run.data.sources == (f"{FOLDER}/data/legal", "other")
  assert run.batches.strategy == "monolingual"
  assert run.seed == 0
  assert run.is_locked
  # What 60 cells need not leave behind.
  assert run.evaluation.run_depth == 0
  assert not run.evaluation.figures and not run.evaluation.keep_vectors
  assert config.run.data.sources == () and config.run.batches.alpha == 0.5
  rest = dict(run.batches)
  assert rest == {**dict(config.run.batches), "strategy": "monolingual"}


def test_a_study_may_keep_its_ranked_lists():
  config = primary()
  with config.unlocked():
    config.run_depth = 7
  run = design.run_config(config, design.cells(config)[1], FOLDER)
  assert run.evaluation.run_depth == 7


def test_the_start_is_judged_only():
  config = primary()
  cell = design.cells(config)[0]
  assert design.is_start(cell) and cell.factors == {}
  assert design.modes(config, cell) == ("evaluate",)
  run = design.run_config(config, cell, FOLDER)
  assert run.evaluation.systems == design.START_SYSTEMS
  other = design.cells(config)[1]
  assert design.modes(config, other) == ("train", "evaluate")
  assert not design.is_start(other)


def test_every_level_that_sets_the_model_has_a_start():
  inits = (
    ("xlmr", (("model.init", "a/b"), ("data.query_prefix", ""))),
    ("labse", (("model.init", "c/d"), ("model.pooling", "cls"))),
  )
  axes = (("init", inits), ("strategy", STRATEGIES))
  config = study(one=(axes, (0,)))
  starts = [x for x in design.cells(config) if design.is_start(x)]
  assert [cell.name for cell in starts] == [
    "start/init=xlmr",
    "start/init=labse",
  ]
  run = design.run_config(config, starts[1], FOLDER)
  assert (run.model.init, run.model.pooling) == ("c/d", "cls")
  # A grid without that axis starts from the config's own.
  config = study(one=(axes, (0,)), two=((("strategy", STRATEGIES),), (0,)))
  names = [x.name for x in design.cells(config) if design.is_start(x)]
  assert names == ["start", "start/init=xlmr", "start/init=labse"]


def test_equal_cells_of_two_grids_are_one():
  config = study(
    narrow=((("strategy", STRATEGIES[:1]),), (0,)),
    wide=((("mix", STRATEGIES),), (0, 1)),
  )
  found = design.cells(config)
  assert [cell.names for cell in found[1:]] == [
    ("narrow/strategy=hybrid/seed=0", "wide/mix=hybrid/seed=0"),
    ("wide/mix=monolingual/seed=0",),
    ("wide/mix=hybrid/seed=1",),
    ("wide/mix=monolingual/seed=1",),
  ]
  assert found[1].factors == {
    "narrow": {"strategy": "hybrid"},
    "wide": {"mix": "hybrid"},
  }


def test_a_key_follows_from_what_changes_numbers_only():
  before = keys(primary())
  for path, value in (
    ("cache", "/elsewhere"),
    ("data.folder", "/elsewhere"),
    ("export.folder", "out"),
    ("mesh.fsdp", 2),
    ("train.log_every", 3),
  ):
    config = primary()
    config.run.update_from_flattened_dict({path: value})
    assert keys(config) == before, path
  for path, value in (
    ("train.steps", 7),
    ("evaluation.depth", 7),
    ("loss.temperature", 0.5),
    ("data.query_prefix", ""),
  ):
    config = primary()
    config.run.update_from_flattened_dict({path: value})
    assert not set(keys(config)) & set(before), path


def test_a_grid_that_grows_keeps_its_keys():
  assert set(keys(primary(seeds=(0,)))) < set(keys(primary(seeds=(0, 1))))


def test_a_cell_is_found_by_key_name_or_index():
  found = design.cells(primary())
  for wanted in (found[3].key, found[3].name, "3"):
    assert design.find(found, wanted) is found[3]
  for wanted in ("9", "-1", "primary", ""):
    with pytest.raises(ValueError, match="0 to 8"):
      design.find(found, wanted)


@pytest.mark.parametrize(
  ("axes", "seeds", "said"),
  [
    ((("x", (("a", (("batches.strateg", "b"),)),)),), (0,), "strateg"),
    ((("x", (("a", (("batches.alpha", "b"),)),)),), (0,), "batches.alpha"),
    ((("x", (("a", (("seed", 1),)),)),), (0,), "the grid's seeds"),
    ((("x", (("a", ()), ("b", ()))),), (0,), "are the same run"),
    ((("x", (("a", ()), ("a", ()))),), (0,), "each once"),
    ((("x", ()),), (0,), "one or more"),
    ((("x", (("a/b", ()),)),), (0,), "'a/b' cannot name"),
    ((("x=", (("a", ()),)),), (0,), "'x=' cannot name"),
    ((("x", (("a", ()),)), ("x", (("b", ()),))), (0,), "an axis twice"),
    ((), (), "seeds ()"),
    ((), (1, 1), "seeds (1, 1)"),
  ],
)
def test_what_is_no_grid_is_refused(axes, seeds, said):
  with pytest.raises(ValueError) as error:
    design.cells(study(primary=(axes, seeds)))
  assert said in str(error.value) and "primary" in str(error.value)


def test_a_grid_is_not_called_start():
  with pytest.raises(ValueError, match="another name"):
    design.cells(study(start=((), (0,))))
