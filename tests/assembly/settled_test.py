"""What is left open is the folder's word, then ours; what is given stays."""

import pytest

from hybridret_jax import defaults
from hybridret_jax.assembly import check, settled
from hybridret_jax.models import stated
from tests.assembly import model_folders

SAYS = stated.Stated(
  pooling="cls",
  projection=8,
  projection_hidden=16,
  prefixes={"query": "Q: ", "passage": ""},
  lengths={"query": 32, "passage": 1024},
  tied=False,
  truncate_dim=4,
  modules=True,
)


def at(config, key):
  section, name = key.split(".")
  return config[section][name]


def test_scratch_has_our_defaults():
  config = defaults.get_config()
  config.model.init = "scratch"
  found = settled.of(config)
  assert {key: at(found, key) for key in settled.DEFAULTS} == settled.DEFAULTS
  assert config.model.pooling is None  # The given one stays as it is.
  assert settled.of(found) is found


def test_a_silent_folder_has_our_defaults(tmp_path):
  folder = model_folders.make(tmp_path / "model", "bert")
  (folder / "tokenizer_config.json").unlink()
  found = settled.of(model_folders.config(folder, tmp_path))
  expected = settled.DEFAULTS | {
    "data.query_length": 38,  # The model takes no more.
    "data.passage_length": 38,
  }
  assert {key: at(found, key) for key in settled.DEFAULTS} == expected


def test_the_folders_word_comes_before_ours():
  found = settled.filled(defaults.get_config(), SAYS)
  assert {key: at(found, key) for key in settled.DEFAULTS} == {
    "model.pooling": "cls",
    "model.projection": 8,
    "model.projection_hidden": 16,
    "model.tied": False,
    "model.truncate_dim": 4,
    "data.query_prefix": "Q: ",
    "data.passage_prefix": "",
    "data.query_length": 32,
    "data.passage_length": 256,  # Training cuts where we do.
    "evaluation.query_length": 32,
    "evaluation.passage_length": 1024,
  }
  assert settled.notes(found, SAYS) == ()


@pytest.mark.parametrize("key", settled.DEFAULTS)
def test_what_is_given_stays_and_is_noted(key):
  other = {
    "model.pooling": "mean",
    "model.projection": 0,
    "model.projection_hidden": 0,
    "model.tied": True,
    "model.truncate_dim": 0,
    "data.query_prefix": "",
    "data.passage_prefix": "P: ",
  }.get(key, 2048)
  config = defaults.get_config()
  section, name = key.split(".")
  config[section][name] = other
  found = settled.filled(config, SAYS)
  assert at(found, key) == other
  (note,) = settled.notes(found, SAYS)
  assert note.startswith(f"{key}: the model's folder says")
  if key.endswith("_length"):
    config[section][name] = 16  # Shorter texts contradict nothing.
    assert settled.notes(settled.filled(config, SAYS), SAYS) == ()


@pytest.mark.parametrize(
  ("init", "prefix"),
  [("BAAI/bge-m3", ""), ("x/multilingual-e5-base", "query: ")],
)
def test_modules_without_prompts_have_none_but_e5s(init, prefix):
  config = defaults.get_config()
  config.model.init = init
  found = settled.filled(config, stated.Stated(modules=True))
  assert found.data.query_prefix == prefix


def test_opened_forgets_what_was_settled():
  found = settled.opened(settled.filled(defaults.get_config(), SAYS))
  assert all(at(found, key) is None for key in settled.DEFAULTS)


def test_a_folder_that_does_not_fit_is_told_before_anything_runs(tmp_path):
  folder = model_folders.make(tmp_path / "model")
  config = model_folders.config(folder, tmp_path)
  config.data.query_length = config.data.passage_length = 38
  config.packing.row_lengths = (38,)
  config.packing.row_multiple = 8
  check.whole(config, ["evaluate"])
  model_folders.change(folder / "1_Pooling/config.json", pooling_mode="max")
  model_folders.modules(folder)
  with pytest.raises(ValueError, match="model.init: .*1_Pooling/config.json"):
    check.whole(config, ["evaluate"])
  for name in ("modules.json", "1_Pooling/config.json"):
    (folder / name).unlink()
  model_folders.change(folder / "config.json", hidden_size=48)
  with pytest.raises(ValueError, match="weights do not fit: .*; and 25 more"):
    check.whole(config, ["evaluate"])
