"""The configs that the package carries, by name, from any folder."""

import ast
import difflib
import functools
import importlib.util
import pathlib
import types
from typing import Any

import ml_collections

from hybridret_jax.ground import faults

_SUFFIX = ".py"


def names() -> list[str]:
  """Names of the configs, those of a subfolder with its name: study/paper."""
  folder = _folder()
  found = [
    path.relative_to(folder).with_suffix("").as_posix()
    for path in folder.rglob(f"*{_SUFFIX}")
    if "def get_config" in path.read_text("utf-8")
  ]
  return sorted(found, key=lambda name: (name.count("/"), name))


def about(name: str) -> str:
  """The first line of what a config says of itself."""
  tree = ast.parse(path(name).read_text("utf-8"))
  return (ast.get_docstring(tree) or "").split("\n")[0]


def path(name: str) -> pathlib.Path:
  """The file of a config.

  Args:
    name: as in `names`; also with .py, or with configs/ before it.

  Raises:
    Fault: there is none of this name.
  """
  plain = name.removesuffix(_SUFFIX).removeprefix("./").removeprefix("configs/")
  found = _folder() / f"{plain}{_SUFFIX}"
  known = names()
  if plain not in known:
    near = difflib.get_close_matches(plain, known, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise faults.Fault(
      f"config {name!r}",
      "no such file, and no config of this name is shipped",
      f"{hint}there are {', '.join(known)}",
    )
  return found


def find(value: str) -> str:
  """The file that --config=VALUE means: a file as it stands, else a name's.

  Raises:
    Fault: it is neither.
  """
  if pathlib.Path(value).is_file():
    return value
  # A config may take an argument behind a colon.
  place, colon, argument = value.partition(":")
  if colon and pathlib.Path(place).is_file():
    return value
  return f"{path(place)}{colon}{argument}"


def module(name: str) -> types.ModuleType:
  """The module of a shipped file by its name, or of another by its path.

  What configs of configs/ share is imported so.
  """
  shared = _folder() / f"{name}{_SUFFIX}"
  # Loaded each time: the file of a notebook's config changes.
  place = shared if shared.is_file() else pathlib.Path(find(name))
  stem = f"hybridret_jax_config_{place.stem}"
  spec = importlib.util.spec_from_file_location(stem, place)
  assert spec is not None and spec.loader is not None
  made = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(made)
  return made


def get_config(name: str, **settings: Any) -> ml_collections.ConfigDict:
  """A config, with some settings changed.

  Args:
    name: of a shipped one, or the path of a file with get_config(); what stands
      behind a colon is handed to it, as in "me5_own_pairs:v5e-1".
    settings: values by their dotted names, as in
      `get_config("quickstart", **{"train.steps": 10})`.

  Raises:
    Fault: there is no such config, or no such setting in it.
  """
  place, colon, argument = name.rpartition(":")
  if not colon or pathlib.Path(name).is_file():
    place, argument = name, ""
  given = (argument,) if argument else ()
  config = module(place).get_config(*given).copy_and_resolve_references()
  with config.unlocked():
    for key, value in settings.items():
      if not has(config, key):
        raise unknown(key, config)
      *sections, last = key.split(".")
      place = config
      for section in sections:
        place = place[section]
      try:
        place[last] = value
      except (TypeError, ValueError) as error:
        raise faults.Fault(
          key, f"is {value!r} ({error})", f"its default is {place[last]!r}"
        ) from error
  return config.lock()


def has(config: ml_collections.ConfigDict, key: str) -> bool:
  """Whether a config has a setting, or a section, of this dotted name."""
  for name in key.split("."):
    if not isinstance(config, ml_collections.ConfigDict) or name not in config:
      return False
    config = config[name]
  return True


def unknown(key: str, config: ml_collections.ConfigDict) -> faults.Fault:
  """What to say of a setting that a config does not have."""
  known = _keys(config)
  near = difflib.get_close_matches(key, known, 3, cutoff=0.6)
  last = key.rpartition(".")[2]
  near += [x for x in known if x.rpartition(".")[2] == last and x not in near]
  mend = (
    f"did you mean {' or '.join(near[:3])}?"
    if near
    else (f"its sections are {', '.join(sorted(config))}")
  )
  return faults.Fault(key, "the config has no such setting", mend)


def _keys(config, prefix="") -> list[str]:
  found = []
  for key in config:
    value = config[key]
    if isinstance(value, ml_collections.ConfigDict):
      found += _keys(value, f"{prefix}{key}.")
    else:
      found.append(f"{prefix}{key}")
  return found


@functools.cache
def _folder() -> pathlib.Path:
  """configs/: within the package, or beside it in a checkout."""
  here = pathlib.Path(__file__).parent
  for folder in (here / "configs", here.parent / "configs"):
    if (folder / f"quickstart{_SUFFIX}").is_file():
      return folder
  raise faults.Fault(
    here / "configs", "is missing", "install the package again"
  )
