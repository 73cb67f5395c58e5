"""What a process that was killed leaves where it was writing."""

import pathlib

from hybridret_jax.ground import writing

_NOBODY = 2**22 + 1  # Above the greatest number of a process.


def name(folder: pathlib.Path, suffix: str = "") -> pathlib.Path:
  """A path aside of a process of this machine that is dead."""
  mark = f"{writing._machine()}-{_NOBODY}-1-01234567"
  return folder / f".hybridret-{mark}{suffix}"
