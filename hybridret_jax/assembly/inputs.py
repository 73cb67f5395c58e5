"""Sources and tasks of a config, each read once, whoever asks for it."""

import json
from typing import Any

import ml_collections

from hybridret_jax.assembly import tasks, training_data
from hybridret_jax.data import lexicons as lexicons_lib
from hybridret_jax.data import sources
from hybridret_jax.retrieval.tasks import task as task_lib

KEPT = 1_000_000  # Candidates of a task above this are read again when needed.


class Inputs:
  """What was read so far, by the settings that it follows from.

  Files are not looked at again: of one command, checks and verbs see the same.
  """

  def __init__(self):
    self._corpora: dict[str, sources.Corpus] = {}
    self._tasks: dict[str, task_lib.Task] = {}
    self._lexicons: dict[str, lexicons_lib.Lexicons | None] = {}

  def corpus(self, config: ml_collections.ConfigDict) -> sources.Corpus:
    """All rows of a config's sources; `training_data.read`."""
    key = _key(config, [config.data.sources, config.data.languages])
    if key not in self._corpora:
      self._corpora[key] = training_data.read(config)
    return self._corpora[key]

  def lexicons(
    self, config: ml_collections.ConfigDict
  ) -> lexicons_lib.Lexicons | None:
    """The lexicons of a config; `training_data.lexicons`."""
    given = config.code_switching
    used = [given.lexicons, given.languages] if given.probability else []
    key = _key(config, used)
    if key not in self._lexicons:
      self._lexicons[key] = training_data.lexicons(config)
    return self._lexicons[key]

  def task(
    self,
    config: ml_collections.ConfigDict,
    spec: str,
    held: sources.Corpus | None = None,
  ) -> task_lib.Task:
    """The task that `spec` names; `tasks.load`."""
    if spec == tasks.HELD_OUT:
      return tasks.load(config, spec, held)
    # How long texts may be does not change a task.
    settings = {
      name: str(value)
      for name, value in config.evaluation.items()
      if not name.endswith("_length")
    }
    # Names of files are looked through for them.
    languages = [str(language) for language in config.data.languages]
    key = _key(config, [spec, settings, languages])
    if key in self._tasks:
      return self._tasks[key]
    task = tasks.load(config, spec, held)
    if task.num_candidates <= KEPT:
      self._tasks[key] = task
    return task


def _key(config: ml_collections.ConfigDict, settings: list[Any]) -> str:
  return json.dumps([config.data.folder, config.cache, *settings])
