"""What a command line says more than once."""

import re
from collections.abc import Sequence

_FLAG = re.compile(r"--?([A-Za-z_][\w.]*)(=.*)?", re.DOTALL)


def repeated(arguments: Sequence[str]) -> list[str]:
  """Names of the flags that are given more than once, in order."""
  names: list[str] = []
  for argument in arguments:
    if argument == "--":
      break
    found = _FLAG.fullmatch(argument)
    if found:
      names.append(found[1])
  return [name for name in dict.fromkeys(names) if names.count(name) > 1]
