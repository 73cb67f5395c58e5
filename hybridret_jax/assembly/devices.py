"""Start-up of a process: its job, its devices, its memory, its compilations."""

import ctypes
import importlib.metadata
import importlib.util

import jax
import ml_collections

from hybridret_jax.assembly import training_data
from hybridret_jax.parallel import hosts

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8


def start(config: ml_collections.ConfigDict) -> None:
  """Joins the job, if there is one, and keeps compiled programs on disk.

  To be called before anything asks for a device.
  """
  if _computes_on_processors():
    _keep_freed_memory()
  hosts.start()
  folder = training_data.cache_folder(config) / "compiled"
  jax.config.update("jax_compilation_cache_dir", str(folder))


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
