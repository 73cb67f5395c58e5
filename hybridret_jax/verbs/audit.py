"""Composes a run's batches again, and compares them with what it logged."""

import logging
import pathlib
import re

import ml_collections

from hybridret_jax import run as runs
from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.assembly import training_data
from hybridret_jax.data import certificate, mixture
from hybridret_jax.ground import faults
from hybridret_jax.reporting import training_log

_LOG = logging.getLogger(__name__)
_NAMED = 5  # Steps that a message names.


def audit(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  *,
  steps: tuple[int, int] | None = None,
  inputs: inputs_lib.Inputs | None = None,
) -> int:
  """How many logged steps agree with what config and data make of them.

  Args:
    config: of the run.
    workdir: its folder.
    steps: the first and the last one, counted from 1; None is all.
    inputs: what was read of the config's sources, if anything was.

  Raises:
    Fault: the data or the tokenizer are not what the run was trained with, a
      step was not logged, or some differ.
  """
  run = runs.Run.to_judge(config, workdir, inputs)
  run.check_inputs(corpus=True, weights=False)
  logged = training_log.certificates(workdir)
  if not logged:
    raise faults.Fault(
      workdir / training_log.CERTIFICATE,
      "no step is logged",
      "audit a run that was trained with this version",
    )
  first, last = steps or (min(logged), max(logged))
  missing = [step for step in range(first, last + 1) if step not in logged]
  if missing:
    raise faults.Fault(
      workdir / training_log.CERTIFICATE,
      f"{len(missing)} of the steps {first} to {last} are not logged, the first"
      f" {missing[0]}",
      "audit those that are",
    )
  composer = training_data.composer_of(
    run.config, run.corpus, run.model.tokenizer
  )
  switching = training_data.switching(run.config, composer.corpus, run.lexicons)
  seed = run.config.seed
  other: list[int] = []

  def plans():
    for step in range(first, last + 1):
      plan = composer.plan(seed, step - 1)
      switched = ()
      if switching is not None:
        switched = switching.texts(plan, seed, step - 1)
      if certificate.of(plan, composer.corpus, switched) != logged[step]:
        other.append(step)
      yield plan

  shares = mixture.realised(plans(), composer.corpus)
  if other:
    some = ", ".join(map(str, other[:_NAMED]))
    raise faults.Fault(
      workdir / training_log.CERTIFICATE,
      f"{len(other)} of the steps {first} to {last} are not what config and"
      f" data make of them: {some}{', …' if len(other) > _NAMED else ''}",
      "bring back the config, the data and the version of the training",
    )
  _LOG.info("Steps %d to %d are what config and data make.", first, last)
  for line in mixture.told(composer.asked(first - 1, last - 1), shares):
    _LOG.info("Share of %s.", line)
  return last - first + 1


def parse(text: str | None) -> tuple[int, int] | None:
  """The steps that FIRST:LAST means; None of nothing.

  Raises:
    Fault: it is not of that form.
  """
  if text is None:
    return None
  found = re.fullmatch(r"([0-9]{1,12}):([0-9]{1,12})", text)
  first, last = map(int, found.groups()) if found else (0, 0)
  if not 1 <= first <= last:
    raise faults.Fault(
      "--steps", f"{text!r} are no steps", "give FIRST:LAST, from 1"
    )
  return first, last
