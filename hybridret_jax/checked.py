"""What a verb begins with: config, folder and inputs, all checked."""

import logging
import pathlib
from collections.abc import Mapping

from hybridret_jax import defaults
from hybridret_jax.assembly import (
  check,
  devices,
  given,
  inputs,
  own_settings,
  places,
  settled,
  tasks,
)
from hybridret_jax.data import mining
from hybridret_jax.ground import faults
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


def own(config, folder):
  """A run's own config, of a folder that holds one, with devices started."""
  if config is None:
    config = own_settings.recorded(defaults.get_config(), folder)
  else:
    config = own_settings.bound(config, folder)
  devices.start(config)
  return config


def to_mine(config, model, vectors):
  """(corpus, settings, model or given vectors) of `mine`, checked."""
  if isinstance(vectors, Mapping):
    vectors = [given.parse(f"{name}:{at}") for name, at in vectors.items()]
  settings = mining.Settings(**config.mining)
  if len(vectors) > 1 or (vectors and model is not None):
    raise faults.Fault(
      "--vectors", "several things are to mine", "give one model or one folder"
    )
  by = vectors[0] if vectors else model or config.model.init
  if by is None or by == settled.SCRATCH:
    raise faults.Fault(
      "--model", "nothing encodes", "give a run, a model's folder or a hub id"
    )
  devices.start(config)
  return inputs.Inputs().corpus(config), settings, by


def to_inspect(config, workdir):
  """(config, folder, what was read) of a look at what is to be trained on.

  Weights are not looked at, and whether batches can be composed is for the look
  to say; all tasks are read.

  Raises:
    ValueError: all that is wrong with settings, sources and tasks.
    Fault: the folder is somebody else's, or no tokenizer is named.
  """
  folder = pathlib.Path(workdir)
  places.check_run(folder)
  config = own_settings.bound(config, folder)
  if config.model.init is None and not config.model.tokenizer:
    raise faults.Fault(
      "model.init",
      "is not set, and without a model or a tokenizer nobody knows what an"
      " encoder sees of a text",
      "give it, or model.tokenizer",
    )
  devices.start(config)
  read = inputs.Inputs()
  check.without_batches(config, ["train", "evaluate"], read, with_model=False)
  return config, folder, read
