"""A checkpoint to a Hugging Face folder that was loaded back and compared."""

import logging
import pathlib

import ml_collections

from hybridret_jax import retriever
from hybridret_jax import run as runs
from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.assembly import places, run_folder, training_data
from hybridret_jax.parallel import hosts

_LOG = logging.getLogger(__name__)


def export(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  inputs: inputs_lib.Inputs | None = None,
) -> pathlib.Path:
  """Writes the best checkpoint as a folder, once it agrees with itself.

  See `retriever.Retriever.save`. What it takes the place of is an export, see
  `places.export_target`. The run's own settings and inputs hold, and its card
  tells of them.

  Args:
    config: the whole config.
    workdir: folder of the run.
    inputs: what was read of the config's sources, if anything was.

  Returns:
    The folder.

  Raises:
    Fault: settings, data, tokenizer or start are not those of the run.
    ValueError: no checkpoint, a place that may not be written, or a loaded-back
      model that does not agree.
  """

  def place():
    return places.export_target(workdir, config.export.folder)

  place()
  run = runs.Run.to_judge(config, workdir, inputs)
  run.check_inputs(corpus=_has_data(run), weights=True)
  found = retriever.Retriever.of_run(run)
  if config.export.truncate_dim:
    found = _truncated(found, config)
  target = found.write(place)
  if hosts.is_first():
    print(f"Exported step {found.step} to {target}")
  return target


def _truncated(found, config) -> retriever.Retriever:
  """A retriever of fewer numbers; whether it was trained for them is said."""
  width, trained = config.export.truncate_dim, config.loss.matryoshka_dims
  if width not in (*trained, found.dimension):
    _LOG.warning(
      "export.truncate_dim is %d, but loss.matryoshka_dims was %s: the run was"
      " not trained to be cut there.",
      width,
      tuple(trained),
    )
  return found.truncated(width)


def _has_data(run: runs.Run) -> bool:
  """Whether the run's data are at hand: an export needs none itself."""
  if not run_folder.has_record(run.workdir):
    return False
  absent = training_data.absent(run.config)
  if absent:
    _LOG.warning(
      "Whether the data are what they were is not known: %s %s not here.",
      " ".join(absent),
      "is" if len(absent) == 1 else "are",
    )
  return not absent
