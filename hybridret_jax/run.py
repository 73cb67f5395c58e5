"""A run: a config and its folder, and what they make, once and when asked."""

import functools
import pathlib
from typing import Any

import jax
import ml_collections
from jax.sharding import Mesh

from hybridret_jax.assembly import (
  distilling,
  encoding,
  judging,
  model,
  own_settings,
  run_folder,
  settled,
  tasks,
  trained,
  training_data,
)
from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.data import lexicons as lexicons_lib
from hybridret_jax.data import sources, tokenizer
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.retrieval.tasks import task as task_lib

TRAINED, UNTRAINED = "trained", "untrained"


class Run:
  """What the verbs work on; nothing is read or made before it is asked for.

  Attributes:
    config: settled: no setting is left open.
    workdir: folder of the run.
    inputs: sources and tasks that were read.
  """

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    inputs: inputs_lib.Inputs | None = None,
  ):
    """Takes a config as it stands; see `to_train` and `to_judge`."""
    self.config = settled.of(config)
    self.workdir = workdir
    self.inputs = inputs or inputs_lib.Inputs()
    self._parameters: dict[str, tuple[Any, int | None]] = {}

  @classmethod
  def to_train(
    cls,
    config: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    inputs: inputs_lib.Inputs | None = None,
  ) -> "Run":
    """A run that is begun, or goes on with the folder's own settings.

    Writes the folder's config and record, and trains a tokenizer where the
    config asks for one.

    Raises:
      Fault: the folder holds a run of other settings or of other inputs.
    """
    run = cls(own_settings.filled(config, workdir), workdir, inputs)
    run_folder.claim(run.config, workdir)
    # Whose tokenizer may be trained on it.
    run_folder.tokenizer(run.config, workdir, run.corpus)
    run_folder.keep_record(workdir, run.corpus, run.model, run.lexicons)
    return run

  @classmethod
  def to_judge(
    cls,
    config: ml_collections.ConfigDict,
    workdir: pathlib.Path,
    inputs: inputs_lib.Inputs | None = None,
  ) -> "Run":
    """A run with its own settings, where there is one; else as configured.

    Raises:
      Fault: a setting that its vectors follow from is given otherwise.
    """
    return cls(own_settings.bound(config, workdir), workdir, inputs)

  def check_inputs(self, *, corpus: bool, weights: bool) -> None:
    """Checks that what is used is what the run was trained with.

    Args:
      corpus: whether the data are used.
      weights: whether the start's weights are used, and not its shape alone.

    Raises:
      Fault: naming every source and file that is not what it was.
    """
    run_folder.check_made_of(
      self.workdir,
      corpus=self.corpus if corpus else None,
      lexicons=self.lexicons if corpus else None,
      made=self.model,
      weights=weights,
    )

  @functools.cached_property
  def mesh(self) -> Mesh:
    """The devices."""
    return meshes.make(**self.config.mesh)

  @functools.cached_property
  def corpus(self) -> sources.Corpus:
    """All rows of the config's sources."""
    return self.inputs.corpus(self.config)

  @functools.cached_property
  def lexicons(self) -> lexicons_lib.Lexicons | None:
    """What words are replaced by; None where nothing is code-switched."""
    return self.inputs.lexicons(self.config)

  @property
  def needs_corpus(self) -> bool:
    """Whether the model cannot be made without the data."""
    return run_folder.needs_tokenizer(self.config, self.workdir)

  @functools.cached_property
  def model(self) -> model.Model:
    """Module and tokenizer."""
    corpus = self.corpus if self.needs_corpus else None
    return model.make(
      self.config, run_folder.tokenizer(self.config, self.workdir, corpus)
    )

  def drawn_to(self, corpus: sources.Corpus) -> distilling.Targets | None:
    """What texts are drawn to in training; None without distillation."""
    if not self.config.distillation.share:
      return None
    start = self.model.start(seed=self.config.seed)
    return distilling.make(
      self.config,
      corpus,
      self.encode_texts,
      jax.device_put(start, meshes.replicated(self.mesh)),
      cache=judging.cache_folder(self.config),
    )

  @functools.cached_property
  def text_tokenizer(self) -> tokenizer.Tokenizer:
    """The model's tokenizer, trained where the config asks for one.

    Without a model (`model.init` None) the one that the config names.
    """
    trained_folder = run_folder.tokenizer(
      self.config, self.workdir, self.corpus
    )
    if self.config.model.init is None:
      return tokenizer.load(
        trained_folder or pathlib.Path(self.config.model.tokenizer).expanduser()
      )
    return self.model.tokenizer

  @functools.cached_property
  def split(self) -> tuple[sources.Corpus, sources.Corpus]:
    """The rows to train on, and those that are held out."""
    return training_data.split(self.config, self.corpus, self.model.tokenizer)

  @functools.cached_property
  def has_checkpoint(self) -> bool:
    """Whether there are trained parameters."""
    return trained.has_checkpoint(self.workdir)

  def parameters(self, origin: str) -> tuple[Any, int | None]:
    """The parameters on the mesh and, of "trained" ones, their step.

    Raises:
      ValueError: "trained" ones are asked for, and there is no checkpoint.
    """
    if origin not in self._parameters:
      self._parameters[origin] = self._make_parameters(origin)
    return self._parameters[origin]

  def _make_parameters(self, origin):
    if origin == TRAINED:
      return trained.parameters(
        self.config, self.model, self.mesh, self.workdir
      )
    params = self.model.start(seed=self.config.seed)
    return jax.device_put(params, meshes.replicated(self.mesh)), None

  def adapters(self) -> Any:
    """The best checkpoint's low-rank adapters, on the mesh.

    Raises:
      ValueError: there is no checkpoint.
    """
    return trained.adapters(self.config, self.model, self.mesh, self.workdir)

  @functools.cached_property
  def encode_texts(self) -> encoding.TextEncoder:
    """What encodes texts, with parameters."""
    return judging.encoder(self.config, self.model, self.mesh)

  def task(
    self, spec: str, held: sources.Corpus | None = None
  ) -> task_lib.Task:
    """The task that `spec` names, its copies settled as the config says.

    Args:
      spec: as in evaluation.tasks.
      held: rows of held-out blocks, where they are at hand.
    """
    if spec == tasks.HELD_OUT and held is None:
      held = self.split[1]
    task = self.inputs.task(self.config, spec, held)
    return judging.settle(self.config, task, self.encode_texts)
