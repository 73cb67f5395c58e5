"""The whole config, checked before anything is downloaded or compiled."""

import inspect
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import ml_collections

from hybridret_jax.assembly import (
  check_inputs,
  judging,
  model,
  settled,
  systems,
  training_data,
)
from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.data import code_switching, composer, mining, pipeline
from hybridret_jax.models import (
  attention,
  dual_encoder,
  encoder,
  huggingface,
  stated,
)
from hybridret_jax.parallel import mesh
from hybridret_jax.reporting import trackers
from hybridret_jax.retrieval import evaluation, metrics
from hybridret_jax.retrieval.tasks import copies, xquad_r
from hybridret_jax.training import distillation, lora, loss, optimizer

# Sections that are handed on as keyword arguments, and to what.
_HANDED_ON = {
  "batches": composer.Composer,
  "code_switching": code_switching.Settings,
  "packing": pipeline.plan_layout,
  "loss": loss.contrastive,
  "lora": lora.Settings,
  "optimizer": optimizer.make,
  "mining": mining.Settings,
  "mesh": mesh.make,
  "tracking": trackers.start,
}
_OURS = {"loss": {"learnable_temperature"}}
_POSITIVE = (
  "batches.batch_size",
  "data.query_length",
  "data.passage_length",
  "packing.row_multiple",
  "packing.shapes",
  "train.steps",
  "train.log_every",
  "train.keep",
  "loss.temperature",
  "loss.block_size",
  "optimizer.learning_rate",
  "evaluation.query_length",
  "evaluation.passage_length",
  "evaluation.training_texts",
  "validation.max_blocks",
)
_NOT_NEGATIVE = (
  "evaluation.tokens_per_call",
  "batches.negatives",
  "batches.size_exponent",
  "batches.alpha_steps",
  "batches.language_exponent",
  "model.projection",
  "model.projection_hidden",
  "loss.hard_negative_weight",
  "loss.alignment_weight",
  "optimizer.weight_decay",
  "optimizer.warmup_steps",
  "optimizer.clip_norm",
  "train.chunk_tokens",
  "train.evaluate_every",
  "train.checkpoint_every",
  *("train.patience", "train.skip_nonfinite"),
  "evaluation.depth",
  "evaluation.run_depth",
  "evaluation.examples",
)
_SHARES = (
  "batches.alpha",
  "batches.parallel_share",
  "distillation.share",
  "distillation.group_share",
  "model.start_share",
  "validation.share",
  "optimizer.final_share",
)


def whole(
  config: ml_collections.ConfigDict,
  modes: Sequence[str],
  inputs: inputs_lib.Inputs | None = None,
  *,
  with_model: bool = True,
) -> None:
  """Raises one ValueError that lists all that is wrong, each with its mend.

  Of the settings, of the model's folder, and of every source and task that the
  modes will read: those are read whole, into `inputs`.

  Args:
    config: the whole config.
    modes: out of train, evaluate and export.
    inputs: keeps what is read.
    with_model: whether a model is needed: given vectors are judged without.
  """
  inputs = inputs or inputs_lib.Inputs()
  problems = _problems(config, modes, inputs, with_model)
  if "train" in modes and not problems:
    problems += check_inputs.of_batches(settled.of(config), inputs)
  _raise(problems)


def without_batches(
  config: ml_collections.ConfigDict,
  modes: Sequence[str],
  inputs: inputs_lib.Inputs,
  *,
  with_model: bool = True,
) -> None:
  """As `whole`, but for whether batches can be composed of the sources."""
  _raise(_problems(config, modes, inputs, with_model))


def _raise(problems):
  if problems:
    lines = "\n  - ".join(problems)
    raise ValueError(f"the config has {len(problems)} problem(s):\n  - {lines}")


def _problems(config, modes, inputs, with_model=True) -> list[str]:
  problems = []
  try:
    config = settled.of(config, download=False)
  except ValueError as error:
    problems.append(f"model.init: {error}")
    config = settled.filled(config, stated.Stated())
  problems += [
    *_keys(config),
    *_numbers(config),
    *_choices(config),
    *trackers.problems(config.tracking.trackers),
    *(trackers.missing(config.tracking.trackers) if "train" in modes else ()),
    *_lengths(config),
    *_devices(config),
    *(_model(config) if with_model and not problems else ()),
    *check_inputs.problems(config, modes, inputs),
  ]
  return problems


def _keys(config) -> Iterator[str]:
  for section, target in _HANDED_ON.items():
    known = set(_parameters(target)) | _OURS.get(section, set())
    for key in set(config[section]) - known:
      yield f"{section}.{key} is no setting; known: {', '.join(sorted(known))}"


def _parameters(target: Callable[..., Any]) -> list[str]:
  return [
    name
    for name in inspect.signature(target).parameters
    if name not in ("vectors", "gather", "total", "folder", "settings")
  ]


def _numbers(config) -> Iterator[str]:
  for key in _POSITIVE:
    if not _at(config, key) > 0:
      yield f"{key} is {_at(config, key)}; give a number above 0"
  for key in _NOT_NEGATIVE:
    if _at(config, key) < 0:
      yield f"{key} is {_at(config, key)}; give 0 or more"
  for key in _SHARES:
    if not 0 <= _at(config, key) <= 1:
      yield f"{key} is {_at(config, key)}; give a share between 0 and 1"
  if 0 < config.evaluation.depth < config.evaluation.run_depth:
    yield (
      f"evaluation.run_depth {config.evaluation.run_depth} is more than"
      f" evaluation.depth {config.evaluation.depth}; raise that or lower it"
    )
  if not 0 < config.optimizer.layer_decay <= 1:
    yield (
      f"optimizer.layer_decay is {config.optimizer.layer_decay}; give a number"
      " above 0 and at most 1 (1: all layers at one rate)"
    )
  if not 0 <= config.train.average_decay < 1:
    yield (
      f"train.average_decay is {config.train.average_decay}; give 0 (no"
      " average) to below 1, such as 0.999"
    )
  if config.loss.alignment_weight and not config.batches.parallel_share:
    yield (
      f"loss.alignment_weight is {config.loss.alignment_weight}, but no pair"
      " carries a parallel query; set batches.parallel_share above 0"
    )
  if config.distillation.share and config.model.init == model.SCRATCH:
    yield (
      f"distillation.share is {config.distillation.share}, but a model from"
      " scratch has no vectors to be drawn to; set it to 0 or give model.init"
    )
  if config.optimizer.warmup_steps > config.train.steps:
    yield (
      f"optimizer.warmup_steps {config.optimizer.warmup_steps} is more than"
      f" train.steps {config.train.steps}; lower it"
    )


def _choices(config) -> Iterator[str]:
  for key, allowed in (
    ("batches.strategy", composer.STRATEGIES),
    ("batches.pairs", composer.PAIRS),
    ("batches.language_weighting", composer.WEIGHTINGS),
    ("model.pooling", dual_encoder.POOLINGS),
    ("model.remat", encoder.REMATS),
    ("model.attention", attention.IMPLEMENTATIONS),
    ("model.dtype", ("float32", "bfloat16", "float64")),
    ("loss.directions", loss.DIRECTIONS),
    ("loss.same_group", loss.SAME_GROUP),
    ("distillation.targets", distillation.TARGETS),
    ("optimizer.schedule", optimizer.SCHEDULES),
    ("evaluation.candidates", xquad_r.CANDIDATES),
    ("evaluation.identical_candidates", copies.CHOICES),
  ):
    if _at(config, key) not in allowed:
      yield f"{key} is {_at(config, key)!r}; choose from {', '.join(allowed)}"
  try:
    optimizer.make(
      total_steps=1,
      frozen=config.optimizer.frozen,
      **{key: config.optimizer[key] for key in ("name", "b1", "b2", "eps")},
    )
  except ValueError as error:
    yield f"optimizer.{error}"
  yield from _adapters(config)
  for section, settings in (
    (config.code_switching, code_switching.Settings),
    (config.mining, mining.Settings),
  ):
    try:
      settings(**section)
    except (TypeError, ValueError) as error:
      yield str(error)
  for name in config.evaluation.systems:
    try:
      systems.parse(name)
    except ValueError as error:
      yield str(error)
  setting, _, metric = config.validation.figure.partition("/")
  if setting != judging.MEAN and (
    setting not in evaluation.SETTINGS
    or metric not in (*metrics.ALL, "rank_distance")
  ):
    yield (
      f"validation.figure is {config.validation.figure!r}; use"
      f" {judging.MEAN!r} or SETTING/METRIC, a setting of"
      f" {', '.join(evaluation.SETTINGS)} and a metric of"
      f" {', '.join(metrics.ALL)}"
    )
  try:
    training_data.languages(config)
  except ValueError as error:
    yield str(error)


def _adapters(config) -> Iterator[str]:
  """What is wrong with LoRA's settings, the encoder apart."""
  try:
    settings = lora.Settings(**config.lora)
  except (TypeError, ValueError) as error:
    yield f"lora.{error}"
    return
  if settings.rank and config.model.init == model.SCRATCH:
    yield (
      f"lora.rank is {settings.rank}, but a model from scratch has nothing to"
      " adapt; set it to 0 or give model.init"
    )
  if config.export.adapter and not settings.rank:
    yield "export.adapter is True, but lora.rank is 0: there is no adapter"
  if config.export.adapter and config.train.average_decay:
    yield (
      "export.adapter is True, but what train.average_decay averages is the"
      " whole model, which no adapter of that rank gives; set one of them off"
    )


def _lengths(config) -> Iterator[str]:
  rows = tuple(config.packing.row_lengths)
  if not rows or min(rows) < 1 or sorted(set(rows)) != list(rows):
    yield (
      f"packing.row_lengths is {rows}; give lengths in ascending order, such as"
      " (64, 256)"
    )
    return
  for shape in config.packing.row_counts:
    if len(shape) != len(rows):
      yield (
        f"packing.row_counts names {tuple(shape)}, but packing.row_lengths has"
        f" {len(rows)} length(s); give one number of rows for each"
      )
  for side in ("query", "passage"):
    length = config.data[f"{side}_length"]
    if length > rows[-1]:
      yield (
        f"data.{side}_length {length} is more than the longest of"
        f" packing.row_lengths {rows}; raise that or cut texts shorter"
      )


def _devices(config) -> Iterator[str]:
  devices = jax.device_count()
  try:
    data, fsdp, tensor = mesh.fill(**config.mesh, devices=devices)
  except ValueError as error:
    yield str(error)
    return
  slices = data * fsdp
  counts = {n for shape in config.packing.row_counts for n in shape}
  # The shape that any batch fits follows row_multiple in either case.
  for count in sorted({*counts, config.packing.row_multiple}):
    name = "row_counts" if count in counts else "row_multiple"
    if count % slices:
      up = -(-count // slices) * slices
      yield (
        f"packing.{name} {count} is not a multiple of the {slices} slices that"
        f" rows are split into (mesh data x fsdp); use {up - slices or up} or"
        f" {up}"
      )


def _model(config) -> Iterator[str]:
  init = config.model.init
  if init is None:
    yield "model.init is not set; give a Hugging Face folder or a hub id"
    return
  if config.model.revision and (
    init == model.SCRATCH or pathlib.Path(init).expanduser().is_dir()
  ):
    yield (
      f"model.revision is {config.model.revision!r}, but model.init {init!r} is"
      " not of the hub; take it away, or give OWNER/NAME"
    )
    return
  if init == model.SCRATCH:
    if not config.model.tokenizer:
      yield (
        "model.tokenizer is empty, but a model from scratch has none; give a"
        ' folder, or "train"'
      )
    longest = config.model.scratch.max_positions
  else:
    folder = pathlib.Path(init).expanduser()
    if not folder.is_dir():
      if not huggingface.is_hub_id(init):
        yield f"model.init {init!r} is no folder and no hub id; give either"
      return
    try:
      made = model.make(config)
      made.check_weights()
      if config.export.adapter and made.module.heads:
        yield (
          "export.adapter is True, but the model's dense layers"
          f" ({', '.join(made.module.heads)}) learn beside the adapters, and no"
          " adapter folder holds them; set it to False"
        )
      if config.lora.rank:
        adapters = lora.Settings(**config.lora)
        jax.eval_shape(
          lambda key: lora.start(made.init(key), adapters, key),
          jax.random.key(0),
        )
    except (ValueError, FileNotFoundError) as error:
      yield f"model.init: {error}"
      return
    longest = made.module.encoder.max_length
  for section, side in (
    (section, side)
    for section in ("data", "evaluation")
    for side in ("query", "passage")
  ):
    length = config[section][f"{side}_length"]
    if section == "data" and length > longest:
      yield (
        f"{section}.{side}_length {length} is more than the {longest} tokens"
        " that the model takes; lower it"
      )


def _at(config, dotted):
  for name in dotted.split("."):
    config = config[name]
  return config
