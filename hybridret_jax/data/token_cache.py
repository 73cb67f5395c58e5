"""Arrays of tokens that are kept; a damaged file is made again."""

import logging
import pathlib
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from hybridret_jax.ground import writing

_LOG = logging.getLogger(__name__)


def read(path: pathlib.Path) -> dict[str, np.ndarray] | None:
  """What is kept there by name; None if nothing is, or it is damaged."""
  try:
    with np.load(path) as file:
      arrays = {name: file[name] for name in file.files}
      if missing := {"ids", "offsets", "cut"} - arrays.keys():
        raise KeyError(*missing)
      return arrays
  except FileNotFoundError:
    return None
  except (
    *(ValueError, OSError, KeyError, EOFError, TypeError),
    *(zipfile.BadZipFile, zlib.error, MemoryError),
  ) as error:
    _LOG.warning("%s: damaged (%s); it is made again.", path, error)
    return None


def write(path: pathlib.Path, arrays: Mapping[str, Any]) -> None:
  """Keeps arrays by name, without those that are None."""
  with writing.replacing(path) as aside:
    np.savez(aside, **{k: x for k, x in arrays.items() if x is not None})
