"""The README's commands are commands that work."""

import pathlib
import re

from ml_collections import config_dict

from hybridret_jax import defaults

ROOT = pathlib.Path(__file__).parents[1]


def commands():
  """Every line of the README's shell blocks, continuations joined."""
  text = (ROOT / "README.md").read_text("utf-8")
  blocks = re.findall(r"```bash\n(.*?)```", text, re.S)
  joined = "".join(blocks).replace("\\\n", " ")
  return [line.split("#")[0].split() for line in joined.splitlines() if line]


def test_its_scripts_and_configs_are_there():
  seen = set()
  for words in commands():
    for word in words:
      name = word.removeprefix("--config=")
      if name.startswith(("launch/", "configs/", "benchmarks/")):
        assert (ROOT / name).is_file(), name
        seen.add(name)
  assert {"launch/quickstart.sh", "launch/test.sh"} <= seen


def test_its_settings_exist():
  settings = 0
  for words in commands():
    for word in words:
      if match := re.match(r"--config\.([\w.]+)=", word):
        value = defaults.get_config()
        for name in match[1].split("."):
          assert name in value, word
          value = value[name]
        assert not isinstance(value, config_dict.ConfigDict), word
        settings += 1
  assert settings >= 5


def test_its_links_lead_somewhere():
  text = (ROOT / "README.md").read_text("utf-8")
  for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
    assert (ROOT / target).exists(), target


def test_its_table_names_every_config():
  text = (ROOT / "README.md").read_text("utf-8")
  for path in (ROOT / "configs").glob("*.py"):
    assert f"`{path.stem}`" in text, path.stem
