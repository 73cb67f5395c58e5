"""Start-up of a process: its job, its devices, its compilation cache."""

import jax
import ml_collections

from hybridret_jax.assembly import training_data
from hybridret_jax.parallel import hosts


def start(config: ml_collections.ConfigDict) -> None:
  """Joins the job, if there is one, and keeps compiled programs on disk."""
  hosts.start()
  folder = training_data.cache_folder(config) / "compiled"
  jax.config.update("jax_compilation_cache_dir", str(folder))
