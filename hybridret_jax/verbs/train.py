"""Trains a dual encoder with hybrid batches: the loop, top to bottom."""

import contextlib
import dataclasses
import functools
import logging
import pathlib
import signal
from collections.abc import Iterator
from typing import Any

import jax
import ml_collections

from hybridret_jax import run as runs
from hybridret_jax.assembly import (
  binding,
  feeding,
  judging,
  nonfinite,
  own_settings,
  run_folder,
  systems,
  tasks,
  train_cost,
  train_step,
  training_data,
)
from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.data import mixture, pipeline, sources
from hybridret_jax.ground import owning, told
from hybridret_jax.parallel import hosts, peaks
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.reporting import (
  shares,
  throughput,
  trackers,
  training_log,
)
from hybridret_jax.retrieval import evaluation
from hybridret_jax.training import checkpoint, loss, meter
from hybridret_jax.training import state as states
from hybridret_jax.training import step as steps

_LOG = logging.getLogger(__name__)
# A note on a checkpoint whose evaluation was due and was interrupted.
_UNJUDGED = "unjudged"
_WINDOW = "window"  # Another: figures of the steps since the last record.
_SKIPPED = "skipped"  # Another: steps that were no numbers.
_SHARES = "shares"  # Another: what the batches so far were composed of.


@dataclasses.dataclass(frozen=True)
class _Best:
  """The best figure so far, and the evaluations since."""

  figure: float | None
  since: int

  def after(self, figure: float) -> "_Best":
    if self.figure is None or figure > self.figure:
      return _Best(figure, 0)
    return _Best(self.figure, self.since + 1)

  def ends(self, patience: int) -> bool:
    return bool(patience) and self.since >= patience

  def notes(self) -> dict[str, Any]:
    return {"best": self.figure, "since_best": self.since}


def train(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  inputs: inputs_lib.Inputs | None = None,
) -> None:
  """Trains to `config.train.steps`, or goes on from the newest checkpoint.

  Args:
    config: the whole config.
    workdir: folder of the run.
    inputs: what was read of the config's sources and tasks, if anything was.

  Told to end by SIGTERM or SIGINT, it saves the step that is done; an
  evaluation that was under way is made by the run that goes on. A second signal
  ends the process at once.

  Raises:
    ValueError: the config does not fit its data or the run in `workdir`.
    Fault: another process trains this run, or has taken it over.
    FloatingPointError: the loss is no number any more; the step is named.
    ToldToEnd: the process was told to end, and what is done is saved; in a job
      of several processes SystemExit.
  """
  with contextlib.ExitStack() as stack:
    stack.enter_context(hosts.heeding())
    with told.interruptible():
      owner = stack.enter_context(
        owning.owned(workdir, "trains this run", first=hosts.is_first())
      )
    _train(config, workdir, inputs, owner)


def _train(config, workdir, inputs, owner) -> None:
  with told.interruptible():
    run = runs.Run.to_train(config, workdir, inputs)
    config, mesh, made = run.config, run.mesh, run.model
    data = training_data.make(config, run.corpus, made.tokenizer, run.lexicons)
    run_folder.agree(config, run.corpus, made, run.lexicons)
    run_folder.describe(config, data, run.lexicons)
    if _is_over(config, workdir):
      return
    prepared = train_step.make(
      config, made, mesh, shortest=data.layout.shortest
    )
    drawn_to = run.drawn_to(data.corpus)
    state = prepared.create(made.pretrained(seed=config.seed))
    validate = _validator(run, data.held)
    judged = functools.partial(states.judged, lora=train_step.adapters(config))
  total, every = config.train.steps, config.train
  label = loss.label(config.loss.same_group)
  with (
    checkpoint.open_folder(
      workdir / "checkpoints", keep=every.keep
    ) as checkpoints,
    meshes.use(mesh),
  ):
    with told.interruptible():
      state = states.TrainState(
        **checkpoint.restore(checkpoints, states.saved(state))
      )
    notes = checkpoint.notes(checkpoints)
    best = _Best(notes.get("best"), notes.get("since_best", 0))
    start, checked = int(state.step), False
    log = training_log.TrainingLog(
      workdir,
      start_step=start,
      trackers=trackers.start(
        workdir,
        binding.flat(own_settings.settings(config)),
        **config.tracking,
      ),
    )
    composed = training_log.Certificate(workdir, start_step=start)
    mixed = mixture.Tally(data.corpus)
    if _SHARES in notes:
      mixed.go_on(notes[_SHARES])
    else:  # Fresh, or of a version that did not count.
      mixed.add_plans(data.composer.plan(config.seed, x) for x in range(start))
    bar = training_log.progress(total, start=start, name="train")
    peak = peaks.of(jax.devices()[0].device_kind)
    steps_meter = meter.Meter(
      peak_flops=peak.at(config.model.dtype) if peak else None,
      skips=every.skip_nonfinite,
      skipped=notes.get(_SKIPPED, 0),
    )
    flops = train_cost.counter(config, made.module, mesh)
    with (
      log,
      bar,
      steps_meter,
      _kept(workdir, checkpoints, composed),
    ):
      is_new = start == 0 or notes.get(_UNJUDGED)
      if validate and every.evaluate_every and is_new:
        with told.interruptible():
          figure, found = validate(judged(state))
        log.write(start, found)
        if start:
          best = best.after(figure)
          checkpoint.save(
            checkpoints,
            states.saved(state),
            step=start,
            figure=figure,
            notes=best.notes() | {_SHARES: mixed.counts()},
            again=True,
          )
      if start and best.ends(every.patience):
        _tell_of_patience(start, best)
        return
      part, parts = hosts.part(meshes.rows_sharding(mesh))
      batches = pipeline.batches(
        data.composer,
        data.tokens,
        data.labels,
        data.layout,
        seed=config.seed,
        start_step=start,
        total_steps=total,
        process_index=part,
        process_count=parts,
        switched=data.switched,
      )
      steps_meter.restart()  # The first evaluation is no training.
      steps_meter.go_on(notes.get(_WINDOW, {}))
      for batch in steps_meter.timed(batches):
        done = batch.step + 1
        arrays = feeding.on_devices(batch, prepared, drawn_to)
        state, metrics = prepared.step(state, arrays)
        steps_meter.add(
          done,
          metrics,
          kind=batch.kind,
          pairs=len(batch.group),
          tokens=batch.tokens,
          slots=batch.slots,
          negatives=meter.negatives_per_query(
            getattr(batch, label), getattr(batch, f"negative_{label}")
          ),
          **flops(batch, arrays["rows"]),
        )
        composed.add(done, batch.certificate)
        mixed.add(batch.kind, batch.query_row, batch.passage_row)
        bar.update()
        if done % every.log_every == 0 or done == total:
          record = steps_meter.record()
          log.write(done, record | _keep_shares(workdir, data, mixed))
          composed.flush()
          bar.set_postfix(
            loss=f"{record['train/loss']:.3f}",
            pairs_s=f"{record['train/pairs_per_second']:.1f}",
          )
        figure, unjudged = None, {}
        if (
          validate
          and every.evaluate_every
          and (_due(done, every.evaluate_every, total))
        ):
          steps_meter.settle()
          try:
            with told.interruptible():
              figure, found = validate(judged(state))
          except told.ToldToEnd:
            unjudged = {_UNJUDGED: True}
          else:
            log.write(done, found)
            steps_meter.restart()
            best = best.after(figure)
        stop = best.ends(every.patience)
        told_to_end = hosts.preempted(done)
        if (
          figure is not None
          or stop
          or told_to_end
          or _due(done, every.checkpoint_every, total)
        ):
          steps_meter.settle()
          owner.check()
          composed.flush()
          checkpoint.save(
            checkpoints,
            states.saved(state),
            step=done,
            figure=figure,
            notes=best.notes()
            | {_SHARES: mixed.counts()}
            | ({_SKIPPED: steps_meter.skipped} if steps_meter.skipped else {})
            | (unjudged or _pending(steps_meter)),
          )
          if not checked:
            checkpoint.read_back(checkpoints, states.saved(state), step=done)
            checked = True
          if hosts.is_first():
            throughput.save(workdir, steps_meter.card())
          _keep_shares(workdir, data, mixed)
        if told_to_end:
          _LOG.info("Told to end; step %d is saved.", done)
          if number := told.number():
            raise told.ToldToEnd(number)
          raise SystemExit(told.status(signal.SIGTERM))  # Of a job.
        if stop:
          _tell_of_patience(done, best)
          break


@contextlib.contextmanager
def _kept(
  workdir: pathlib.Path,
  checkpoints: checkpoint.Folder,
  composed: training_log.Certificate,
) -> Iterator[None]:
  """Has a step that is no number leave what it takes to replay it."""
  try:
    yield
  except steps.NonFinite as error:
    composed.flush()
    checkpoint.finish(checkpoints)
    if not hosts.is_first():
      raise
    digest = training_log.certificates(workdir)[error.step]
    bundle = nonfinite.keep(workdir, error, digest)
    raise nonfinite.told(error, bundle) from error


def _keep_shares(
  workdir: pathlib.Path, data: training_data.TrainingData, mixed: mixture.Tally
) -> dict[str, float]:
  """Writes the shares so far; how far they are from what was asked, at most."""
  asked = data.composer.asked(0, mixed.steps - 1)
  realised = mixed.shares()
  if hosts.is_first():
    shares.save(workdir, steps=mixed.steps, asked=asked, realised=realised)
  off = mixture.furthest(asked, realised)
  return {f"train/share_off_{what}": value for what, value in off.items()}


def _pending(steps_meter: meter.Meter) -> dict[str, Any]:
  window = steps_meter.window()
  return {_WINDOW: window} if window else {}


def _tell_of_patience(step: int, best: _Best) -> None:
  _LOG.info(
    "Stopped at step %d: no better figure in %d evaluations.", step, best.since
  )


def _is_over(config, workdir) -> bool:
  """Whether nothing is left to train; says so."""
  found = checkpoint.saved(workdir / "checkpoints")
  if not found:
    return False
  if found[-1].notes.get(_UNJUDGED):
    return False
  step, patience = found[-1].step, config.train.patience
  if step >= config.train.steps:
    _LOG.info("Step %d is trained already; nothing is left to train.", step)
    return True
  since_best = found[-1].notes.get("since_best", 0)
  if patience and since_best >= patience:
    _LOG.info(
      "Stopped at step %d before, without a better figure in %d evaluations;"
      " nothing is left to train.",
      step,
      since_best,
    )
    return True
  return False


def _due(done: int, every: int, total: int) -> bool:
  """Whether something happens after this step; the last step always counts."""
  return done == total or bool(every) and done % every == 0


def _validator(run: runs.Run, held: sources.Corpus):
  """parameters -> (figure that checkpoints are chosen by, flat figures)."""
  config, mesh, encode_texts = run.config, run.mesh, run.encode_texts
  if not config.validation.task:
    return None
  specs = dict.fromkeys((config.validation.task, *config.validation.also))
  judged = {
    spec: run.task(spec, held) for spec in tasks.distinct(config, tuple(specs))
  }
  as_it_is = systems.parse("trained")

  def validate(params: Any) -> tuple[float, dict[str, float]]:
    flat, figure = {}, 0.0
    for spec, task in judged.items():
      vectors = judging.encode(task, encode_texts, params)
      found = judging.judge(task, vectors, as_it_is, mesh=mesh).figures
      flat |= {
        key: value
        for key, value in evaluation.flat(found).items()
        if key.split("/")[2] in found["macro"]
      }
      flat[f"eval/{task.name}/seconds"] = vectors.seconds
      if spec == config.validation.task:
        figure = judging.selection_figure(found, config.validation.figure)
        flat[f"eval/{task.name}/selection"] = figure
    return figure, flat

  return validate
