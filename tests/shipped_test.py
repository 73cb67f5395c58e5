"""Configs by name, with settings changed by name."""

import pathlib

import pytest

from hybridret_jax import defaults, explained, shipped
from hybridret_jax.assembly import binding, own_settings
from hybridret_jax.ground import faults


@pytest.mark.parametrize("name", shipped.names())
def test_every_shipped_config_is_made_and_says_what_it_is(name):
  config = shipped.get_config(name)
  assert config.is_locked and shipped.about(name).endswith((".", "?"))
  assert ("grids" in config) == name.startswith("study/")


def test_settings_are_changed_and_the_file_is_not():
  changed = shipped.get_config(
    "quickstart", **{"train.steps": 3, "data.languages": ("de", "en")}
  )
  assert changed.train.steps == 3 and changed.data.languages == ("de", "en")
  assert shipped.get_config("quickstart").train.steps == 400


@pytest.mark.parametrize(
  ("settings", "said"),
  [
    ({"train.stpes": 3}, r"train.stpes: .*did you mean train.steps"),
    ({"steps": 3}, r"steps: .*train.steps"),
    ({"zzz": 3}, "zzz: .*its sections are batches"),
    ({"train.steps.x": 3}, "train.steps.x: the config has no such setting"),
    ({"train.steps": "many"}, "train.steps: is 'many'"),
  ],
)
def test_what_is_no_setting_is_told(settings, said):
  with pytest.raises(faults.Fault, match=said):
    shipped.get_config("quickstart", **settings)


def test_what_stands_behind_a_colon_is_handed_on():
  found = shipped.get_config("me5_own_pairs:v5e-8", seed=3)
  assert found.model.attention == "splash" and found.seed == 3
  assert shipped.get_config("me5_own_pairs").model.attention == "xla"
  with pytest.raises(faults.Fault, match="v9z: there is no preset.*v5e-1, v5e"):
    shipped.get_config("me5_own_pairs:v9z")


def test_a_file_of_ones_own_builds_on_a_shipped_one(tmp_path):
  (tmp_path / "mine.py").write_text(
    '"""Mine."""\n'
    "from hybridret_jax import shipped\n"
    "def get_config():\n"
    '  return shipped.get_config("quickstart", seed=7)\n'
  )
  assert shipped.get_config(str(tmp_path / "mine.py")).seed == 7


def test_a_file_that_changed_is_read_again(tmp_path):
  path = tmp_path / "mine.py"
  text = (
    "from hybridret_jax import shipped\n"
    "def get_config():\n"
    '  return shipped.get_config("quickstart", seed=SEED)\n'
  )
  for seed in (7, 12):
    path.write_text(text.replace("SEED", str(seed)))
    assert shipped.get_config(str(path)).seed == seed


def test_every_setting_is_explained_with_its_default():
  found = {one.name: one for one in explained.settings()}
  flat = binding.flat(own_settings.settings(defaults.get_config()))
  assert found.keys() == flat.keys()
  for name, one in found.items():
    default = (
      list(one.default) if isinstance(one.default, tuple) else one.default
    )
    assert default == flat[name]
  # Out of the docstring of what the section is handed to.
  assert "monolingual" in found["batches.alpha"].meaning
  assert found["train.steps"].of == ""
  assert "--config.train.keep=2" in explained.text()


def test_the_page_of_settings_is_theirs():
  page = pathlib.Path(__file__).parents[1] / "docs" / "settings.md"
  assert page.read_text("utf-8") == explained.markdown(), (
    "write it anew: python -c 'from hybridret_jax import explained;"
    ' print(explained.markdown(), end="")\' > docs/settings.md'
  )
