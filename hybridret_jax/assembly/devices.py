"""Start-up of a process: its job, its devices, its memory, its compilations."""

import contextlib
import ctypes
import importlib.metadata
import importlib.util
import logging
import pathlib
import re
import warnings

import jax
import ml_collections

from hybridret_jax.assembly import training_data
from hybridret_jax.ground import caching
from hybridret_jax.parallel import hosts

_LOG = logging.getLogger(__name__)
# What JAX warns of.
_OF_A_PROGRAM = re.compile(
  r"Error (reading|writing) persistent compilation cache entry for"
  r" '([^']*)': (.*)",
  re.DOTALL,
)
# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8


def start(config: ml_collections.ConfigDict) -> None:
  """Joins the job, if there is one, and keeps compiled programs on disk.

  To be called before anything asks for a device.
  """
  if _computes_on_processors():
    _keep_freed_memory()
  hosts.start()
  _keep_programs(training_data.cache_folder(config) / "compiled")


def _keep_programs(folder: pathlib.Path) -> None:
  """Has JAX keep compiled programs, as far as the folder lets it."""
  why = caching.unwritable(folder)
  if why:
    caching.say(folder.parent, why)
    if not folder.is_dir():
      return
    # It reads what is there, and has nothing to write.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1e9)
  jax.config.update("jax_compilation_cache_dir", str(folder))
  before = warnings.showwarning

  def shown(message, category, filename, lineno, file=None, line=None):
    found = _OF_A_PROGRAM.match(str(message))
    if not found:
      before(message, category, filename, lineno, file, line)
    elif found[1] == "writing":
      caching.say(folder.parent, found[3])
    else:
      _LOG.warning("%s: %s is damaged and compiled again.", folder, found[2])
      # JAX leaves a file that is there as it is.
      for path in _programs(folder, found[2]):
        with contextlib.suppress(OSError):
          path.unlink()

  warnings.showwarning = shown


def _programs(folder: pathlib.Path, name: str) -> list[pathlib.Path]:
  """Files of a program, of whatever shapes."""
  return [x for x in folder.iterdir() if x.name.startswith(f"{name}-")]


def _computes_on_processors() -> bool:
  """Whether JAX will find no accelerator; asks no device."""
  if platforms := jax.config.values["jax_platforms"]:
    return platforms == "cpu"
  plugins = importlib.metadata.entry_points(group="jax_plugins")
  return not plugins and importlib.util.find_spec("libtpu") is None


def _keep_freed_memory() -> None:
  """Has the allocator keep what a step frees for the next one.

  By default glibc returns large blocks to the system at once, and so every
  step's intermediate values are mapped and zeroed anew, page by page. Threads
  that are started later share one arena, as others would unmap theirs still;
  so it comes before JAX starts its own. Other allocators are left as they are.
  """
  try:
    mallopt = ctypes.CDLL(None).mallopt
  except (AttributeError, OSError, TypeError):
    return
  mallopt(_M_TRIM_THRESHOLD, -1)
  mallopt(_M_MMAP_MAX, 0)
  mallopt(_M_ARENA_MAX, 1)
