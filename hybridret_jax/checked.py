"""What a verb begins with: config, folder and inputs, all checked."""

import logging
import pathlib

from hybridret_jax import defaults
from hybridret_jax.assembly import (
  check,
  devices,
  given,
  inputs,
  own_settings,
  places,
  tasks,
)
from hybridret_jax.parallel import hosts


def begin(config, workdir, modes, *, reads=None, vectors=(), normalize=False):
  """(config, folder, what was read) of a verb, once all is checked.

  Args:
    config: the whole config; None is the run's own.
    workdir: folder of the run.
    modes: out of train, evaluate and export: what will be done.
    reads: what is read as for these, where that is more.
    vectors: folders of given ones that are judged, which need no model; those
      of every task are read and checked.
    normalize: whether these are divided by their lengths.
  """
  folder = pathlib.Path(workdir)
  if modes:
    places.check_run(folder)
  if "export" in modes and config is not None:
    places.export_target(folder, config.export.folder)
  if config is None:
    config = own_settings.recorded(defaults.get_config(), folder)
  elif "train" not in modes:
    config = own_settings.bound(config, folder)
  devices.start(config)
  if not hosts.is_first():
    logging.getLogger("hybridret_jax").setLevel(logging.WARNING)
  read = inputs.Inputs()
  # Given vectors need no model.
  alone = bool(vectors) and config.model.init is None
  check.whole(config, reads or modes, read, with_model=not alone)
  for spec in config.evaluation.tasks if vectors else ():
    # Held-out blocks are not known before the model is.
    if spec != tasks.HELD_OUT:
      task = read.task(config, spec)
      for one in vectors:
        given.load(one, task, normalize=normalize)
  return config, folder, read
