"""A run's own settings, which hold for all that is done with it afterwards."""

import json
import logging
import pathlib
from collections.abc import Callable
from typing import Any

import ml_collections

from hybridret_jax.assembly import binding, model, run_record
from hybridret_jax.ground import faults, reading
from hybridret_jax.models import huggingface
from hybridret_jax.training import checkpoint

_LOG = logging.getLogger(__name__)
CONFIG = "config.json"
CHECKPOINTS = "checkpoints"
TOKENIZER = "tokenizer"  # Of a run that trained its own.


def holds_run(workdir: pathlib.Path) -> bool:
  """Whether training has begun in the folder.

  Raises:
    Fault: there are checkpoints without the settings that made them.
  """
  if not (workdir / CHECKPOINTS).is_dir():
    return False
  if not (workdir / CONFIG).is_file():
    raise faults.Fault(
      workdir / CONFIG,
      "is missing, so nobody knows which settings made the checkpoints beside"
      " it",
      "bring it back from where the run was copied from, or give another"
      " --workdir",
    )
  return True


def filled(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> ml_collections.ConfigDict:
  """The config, with a run's own word on what it leaves open (None).

  What vectors follow from is left to the model's folder before training (see
  `settled`), and to the run once there is one.
  """
  if not holds_run(workdir):
    return config
  before, now = _flat_record(workdir), binding.flat(settings(config))
  found = {
    key: value
    for key, value in before.items()
    if now.get(key) is None and binding.kind(key) == binding.VECTORS
  }
  if now["model.revision"] is None and before["model.init"] in (
    now["model.init"],
    found.get("model.init"),
  ):
    found["model.revision"] = before.get("model.revision")
  return _with(config, found)


def bound(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> ml_collections.ConfigDict:
  """The config with which a run that is there is judged, searched or shipped.

  What vectors follow from and what describes training are the run's own; what
  may differ each time (`binding`) is as given. A folder without a run binds
  nothing.

  Raises:
    Fault: a setting that vectors follow from is given otherwise; each is named.
  """
  if not holds_run(workdir):
    return config
  config = filled(config, workdir)
  before, now = _flat_record(workdir), binding.flat(settings(config))
  different, told = _compared(workdir, before, now)
  refused = [key for key in different if binding.kind(key) == binding.VECTORS]
  if refused:
    raise faults.Fault(
      workdir,
      f"holds a run whose vectors follow from other settings: {told(refused)}",
      "leave them as they were (without --config a run's own are taken), or"
      " judge its export in another --workdir with --config.model.init",
    )
  unused = [key for key in different if binding.kind(key) == binding.TRAINING]
  if unused:
    _LOG.info(
      "%s was trained otherwise, and its own settings hold: %s.",
      workdir,
      told(unused),
    )
  younger = [
    key
    for key in now.keys() - before.keys()
    if now[key] is not None
    and binding.kind(key) in (binding.VECTORS, binding.TRAINING)
  ]
  if younger:
    _LOG.info(
      "%s is older than %s: taken as given.",
      workdir / CONFIG,
      ", ".join(f"{key} ({now[key]!r})" for key in sorted(younger)),
    )
  free = (binding.TODAY, binding.COMPUTING)
  chosen = {
    key: value for key, value in before.items() if binding.kind(key) not in free
  }
  # Where the same content lies today.
  chosen |= {key: now[key] for key in binding.PLACES if key in now}
  return _with(config, chosen)


def recorded(
  defaults: ml_collections.ConfigDict, workdir: pathlib.Path
) -> ml_collections.ConfigDict:
  """The run's own config, over `defaults` for settings that are younger.

  Raises:
    Fault: the folder holds no run, or its config cannot be read.
  """
  if not holds_run(workdir):
    raise faults.Fault(
      workdir, "holds no run whose settings could be taken", "give --config"
    )
  found = _flat_record(workdir)
  _check_kinds(found, binding.flat(settings(defaults)), workdir / CONFIG)
  return _with(defaults, found)


def described(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> dict[str, Any]:
  """The settings to be written beside what is made of a run, nested.

  Those of `config`, but a start or tokenizer under the name that the run was
  trained with, wherever it lies today.
  """
  found = settings(config)
  if holds_run(workdir):
    before = _flat_record(workdir)
    for key in binding.PLACES:
      section, _, name = key.partition(".")
      found[section][name] = before.get(key, found[section][name])
  return found


def unlike(settings: dict[str, Any], workdir: pathlib.Path) -> list[str]:
  """Settings that vectors follow from, where others than the run's; told.

  Args:
    settings: of something that was made of the run, nested.
    workdir: of the run.
  """
  before, then = _flat_record(workdir), binding.flat(settings)
  return [
    binding.told([key], before, then)
    for key in binding.differing(before, then, lambda *_: True)
    if binding.kind(key) == binding.VECTORS and key in then
  ]


def going_on(
  config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> dict[str, Any]:
  """The settings with which training goes on, nested: the run's own.

  What may change when training goes on (`binding.goes_on`) is as given.

  Raises:
    Fault: others than these are given otherwise; each is named.
  """
  before, now = _flat_record(workdir), binding.flat(settings(config))
  done = _steps_done(workdir)
  different, told = _compared(workdir, before, now)
  refused = [
    key for key in different if not binding.goes_on(key, before, now, done=done)
  ]
  if refused:
    more = ""
    if binding.STEPS in refused:
      more = (
        "; train.steps can only grow, and with optimizer.schedule constant,"
        f" from the {done} steps done"
      )
    raise faults.Fault(
      workdir,
      f"holds a run of other settings: {told(refused)}",
      f"give another --workdir, or the same settings to go on{more}",
    )
  for key in different:
    _LOG.info("Going on with %s.", told([key]))
  return described(config, workdir)


def settings(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """All settings of a config as JSON has them, nested."""
  return json.loads(config.to_json_best_effort())


def _compared(workdir, before, now) -> tuple[list[str], Callable[..., str]]:
  """Keys whose values differ, and what tells of some of them.

  Another place of a start or a tokenizer is the same if its files are.
  """
  record = run_record.load(workdir)
  found = {
    key: _other_place(workdir, record, key, before, now)
    for key in binding.PLACES
    if before.get(key) != now.get(key)
  }
  different = binding.differing(before, now, lambda key, *_: found[key] == [])

  def told(keys):
    parts = []
    for key in keys:
      files = ", ".join(found.get(key) or ())
      parts.append(
        binding.told([key], before, now) + f" ({files})" * bool(files)
      )
    return "; ".join(parts)

  return different, told


def _other_place(workdir, record, key, before, now) -> list[str] | None:
  """How the files of a given place differ from the run's; None: not known."""
  given = now.get(key)
  if given in (None, model.SCRATCH, model.TRAIN_TOKENIZER):
    return None
  files = _start_files if key == "model.init" else _tokenizer_files
  part = "start" if key == "model.init" else "tokenizer"
  try:
    known = record[part] if record else files(workdir, before)
    return run_record.other_files(known, files(workdir, now)) if known else None
  except (ValueError, OSError):
    return None  # What is not there is not the same.


def _start_files(workdir, settings) -> dict[str, str]:
  place = settings["model.init"]
  if place in (None, model.SCRATCH):
    return {}
  return run_record.start_of(
    huggingface.resolve(place, settings.get("model.revision"))
  )


def _tokenizer_files(workdir, settings) -> dict[str, str]:
  place = settings["model.tokenizer"]
  if place == model.TRAIN_TOKENIZER:
    return run_record.tokenizer_of(workdir / TOKENIZER)
  if place:
    return run_record.tokenizer_of(pathlib.Path(place).expanduser())
  if settings["model.init"] in (None, model.SCRATCH):
    return {}
  return run_record.tokenizer_of(
    huggingface.resolve(settings["model.init"], settings.get("model.revision"))
  )


def _steps_done(workdir) -> int:
  """Steps of the newest checkpoint; 0 where there is none."""
  saved = checkpoint.saved(workdir / CHECKPOINTS)
  return max((one.step for one in saved), default=0)


def _flat_record(workdir) -> dict[str, Any]:
  path = workdir / CONFIG
  mend = "bring it back from where the run was copied from"
  return binding.flat(reading.document(path, mend=mend))


def _check_kinds(found, known, path) -> None:
  """Refuses values that are none of their settings."""
  for key, value in found.items():
    is_section = any(other.startswith(f"{key}.") for other in known)
    if is_section or not _is_like(value, known.get(key)):
      raise faults.Fault(
        path,
        f"{key} is {reading.shown(value)}, no value of that setting",
        "bring it back from where the run was copied from",
      )


def _is_like(value, known) -> bool:
  """Whether a value may be of a setting with such a default."""
  if value is None or known is None:
    return True
  if isinstance(known, bool) or isinstance(value, bool):
    return isinstance(known, bool) and isinstance(value, bool)
  if isinstance(known, int | float):
    return isinstance(value, int | float)
  return isinstance(value, type(known))


def _with(config, settings) -> ml_collections.ConfigDict:
  """A copy of the config with other values; JSON's lists are tuples."""
  config = config.copy_and_resolve_references()
  with config.unlocked(), config.ignore_type():
    for key, value in settings.items():
      *sections, name = key.split(".")
      place = config
      for section in sections:
        if section not in place:
          place[section] = ml_collections.ConfigDict()
        place = place[section]
      place[name] = _tupled(value)
  return config


def _tupled(value):
  return tuple(map(_tupled, value)) if isinstance(value, list) else value
