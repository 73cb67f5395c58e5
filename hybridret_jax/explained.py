"""Every setting with its meaning and default, out of the code itself.

A setting's meaning is the comment beside it in defaults.py or, where its
section is handed to a function, that function's docstring.
"""

import ast
import dataclasses
import functools
import io
import itertools
import pathlib
import re
import tokenize
from typing import Any

from hybridret_jax import defaults

_ASSIGNED = re.compile(r"  config\.([\w.]+) = (.*)")


@dataclasses.dataclass(frozen=True)
class Setting:
  """A setting.

  Attributes:
    name: dotted.
    default: its value; None is left to the model's folder.
    meaning: what defaults.py says of it; "" where its name says it all.
    of: where its section is handed to, or "".
  """

  name: str
  default: Any
  meaning: str
  of: str


def settings() -> list[Setting]:
  """All settings, in the order of the file."""
  source = pathlib.Path(defaults.__file__).read_text("utf-8")
  comments = _comments(source)
  config = defaults.get_config()
  found, above, handed = [], [], {}
  for number, line in enumerate(source.splitlines(), start=1):
    if number in comments and line.lstrip().startswith("#"):
      above.append(comments[number])
      continue
    assigned = _ASSIGNED.match(line)
    if assigned:
      name, value = assigned[1], assigned[2]
      beside = comments.get(number, "")
      if "ConfigDict()" in value:
        handed[name] = beside or " ".join(above)
      else:
        section = name.rpartition(".")[0]
        found.append(
          Setting(
            name,
            _at(config, name),
            " ".join(filter(None, [*above, beside]))
            or _documented(handed.get(section, "")).get(
              name.rpartition(".")[2], ""
            ),
            handed.get(section, ""),
          )
        )
    above = []
  return found


def text() -> str:
  """What `settings` prints: a block a section."""
  blocks = []
  for section, found in _sections():
    of = f"  ({found[0].of})" if found[0].of else ""
    lines = [f"{section or 'of all'}{of}"]
    for one in found:
      told = "(the model's folder says)" if one.default is None else one.default
      lines.append(f"  --config.{one.name}={told!s}")
      if one.meaning:
        lines.append(f"      {one.meaning}")
    blocks.append("\n".join(lines))
  return "\n\n".join(blocks)


def markdown() -> str:
  """docs/settings.md."""
  blocks = [
    "# Settings",
    "Each is a flag, `--config.NAME=VALUE`, and a key of `get_config`. A"
    " default of None is left to the model's folder. `hybridret settings`"
    " prints them.",
  ]
  for section, found in _sections():
    blocks.append(f"## {section or 'Of all'}")
    if found[0].of:
      blocks.append(f"Handed to `{found[0].of}`.")
    lines = ["| | default | |", "|---|---|---|"]
    for one in found:
      meaning = one.meaning.replace("|", "\\|").replace("<", "&lt;")
      lines.append(f"| `{one.name}` | `{one.default!r}` | {meaning} |")
    blocks.append("\n".join(lines))
  return "\n\n".join(blocks) + "\n"


def _sections() -> list[tuple[str, list[Setting]]]:
  grouped = itertools.groupby(
    settings(), key=lambda one: one.name.rpartition(".")[0]
  )
  return [(section, list(found)) for section, found in grouped]


def _comments(source: str) -> dict[int, str]:
  tokens = tokenize.generate_tokens(io.StringIO(source).readline)
  return {
    token.start[0]: token.string.lstrip("# ").strip()
    for token in tokens
    if token.type == tokenize.COMMENT
  }


@functools.cache
def _documented(target: str) -> dict[str, str]:
  """What a function's or a class's docstring says of its arguments."""
  module, _, name = target.rpartition(".")
  path = (
    pathlib.Path(defaults.__file__).parent / f"{module.replace('.', '/')}.py"
  )
  if not module or not path.is_file():
    return {}
  for node in ast.parse(path.read_text("utf-8")).body:
    if isinstance(node, ast.FunctionDef) and node.name == name:
      return _arguments(ast.get_docstring(node) or "")
    if isinstance(node, ast.ClassDef) and node.name == name:
      made = [x for x in node.body if getattr(x, "name", "") == "__init__"]
      told = [ast.get_docstring(x) or "" for x in (node, *made)]  # pyright: ignore[reportArgumentType]
      return _arguments("\n".join(told))
  return {}


def _arguments(docstring: str) -> dict[str, str]:
  found: dict[str, str] = {}
  inside, name = False, ""
  for line in docstring.splitlines():
    if re.fullmatch(r"(Args|Attributes):", line):
      inside = True
    elif line and not line.startswith(" "):
      inside = False
    elif inside and (start := re.match(r"  (\w+): (.*)", line)):
      name = start[1]
      found[name] = start[2].strip()
    elif inside and name and line.strip():
      found[name] += f" {line.strip()}"
  return found


def _at(config, dotted):
  for name in dotted.split("."):
    config = config[name]
  return config
