"""What a planted bug is, and how it gets into a file."""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Mutation:
  """A bug in one place.

  Attributes:
    name: what the command line calls it.
    bug: what goes wrong, in a line.
    known_from: a project that had it, or whose users asked to be spared it,
      with its issue where there is one; empty where it is the obvious mistake
      of code like this.
    file: where it is planted, from the repository's root.
    old: text that stands there exactly once.
    new: what takes its place.
    tests: pytest's names of the tests that are to catch it, the cheapest that
      do.
  """

  name: str
  bug: str
  known_from: str
  file: str
  old: str
  new: str
  tests: tuple[str, ...]


class Gone(ValueError):
  """The text that a mutation replaces is not there, or not once."""


def plant(mutation: Mutation, root: pathlib.Path) -> str:
  """Plants the bug in the file below `root`; returns what stood there.

  Raises:
    Gone: the old text does not stand in the file exactly once.
  """
  path = root / mutation.file
  text = path.read_text("utf-8") if path.is_file() else ""
  found = text.count(mutation.old)
  if found != 1:
    raise Gone(
      f"{mutation.file} holds the text that {mutation.name} replaces {found}"
      " times instead of once; write the mutation for what stands there now:"
      f"\n{mutation.old}"
    )
  path.write_text(text.replace(mutation.old, mutation.new), "utf-8")
  return text
