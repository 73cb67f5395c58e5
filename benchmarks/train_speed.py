"""Pairs per second of a train step, beside sentence-transformers'.

  PYTHONPATH=. python benchmarks/train_speed.py --out=train_speed.json \
      --peer_python=PYTHON --config.model.init=FOLDER --config.data.folder=DATA

PYTHON is that of an environment with sentence-transformers and torch; without
the flag it is this one. Both sides start from the same folder and step over the
same batches, which the composer makes, one side at a time. docs/performance.md
says what is timed and what is kept equal.
"""

import json
import pathlib
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import tabulate
from absl import app, flags
from ml_collections import config_flags

from benchmarks.workers import pipe, turns

OURS, PEER = "hybridret_jax", "sentence-transformers"
PRECISIONS = ("float32", "bfloat16")
# What the other side may be best at; the first is the default of its trainer.
SETTINGS = (
  {"optimizer": "fused", "attention": "sdpa"},
  {"optimizer": "default", "attention": "sdpa"},
  {"optimizer": "fused", "attention": "eager"},
)
AGREEMENT = 1e-3  # Of the losses, relative, in float32.
_CONFIG = config_flags.DEFINE_config_file(
  "config", str(pathlib.Path(__file__).with_name("speed_config.py"))
)
_PEER_PYTHON = flags.DEFINE_string(
  "peer_python", sys.executable, "Python that has sentence-transformers."
)
_STEPS = flags.DEFINE_integer("steps", 10, "Steps of each side.", 1)
_TRIAL_STEPS = flags.DEFINE_integer(
  "trial_steps",
  2,
  "Steps by which the other side's settings are chosen; 0 takes its defaults.",
  0,
)
_PRECISIONS = flags.DEFINE_multi_enum(
  "precision", list(PRECISIONS), PRECISIONS, "To measure; may be repeated."
)
_THREADS = flags.DEFINE_integer("threads", 0, "Processors to use; 0: all.", 0)
_DEVICE = flags.DEFINE_enum("device", "cpu", turns.DEVICES, "Of both sides.")
_OUT = flags.DEFINE_string("out", None, "JSON file of all figures.")


def main(argv: Sequence[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument {argv[1]!r}")
  processors = turns.use_processors(_THREADS.value)
  saved = {"machine": turns.machine(processors), "precisions": {}}
  for precision in _PRECISIONS.value:
    config = equalised(_CONFIG.value, precision)
    found = measure(config, precision)
    saved["settings"] = json.loads(config.to_json())
    saved["versions"] = found.pop("versions")
    saved["precisions"][precision] = found
    print(f"\n{precision}, batches of {config.batches.batch_size}")
    print(table(found), flush=True)
    turns.save(saved, _OUT.value)  # Now, so that a killed run leaves this.
    check(found, precision)


def equalised(
  config: ml_collections.ConfigDict, precision: str
) -> ml_collections.ConfigDict:
  """The config without what the other side has no match for."""
  config = config.copy_and_resolve_references()
  config.update(
    {
      "model": {
        "dtype": precision,
        "dropout": 0.0,
        "attention_dropout": 0.0,
        "projection": 0,
        "tied": True,
      },
      "batches": {"negatives": 0, "parallel_share": 0.0, "views_per_group": 1},
      "loss": {
        "directions": "one_way",
        "alignment_weight": 0.0,
        "learnable_temperature": False,
        "matryoshka_dims": (),
      },
      "optimizer": {
        "schedule": "constant",
        "warmup_steps": 0,
        "layer_decay": 1.0,
        "frozen": (),
      },
      "train": {"average_decay": 0.0},
    }
  )
  return config


def measure(
  config: ml_collections.ConfigDict, precision: str
) -> dict[str, Any]:
  """Everything that was measured at one precision.

  The other side's setting is chosen first, each in a process of its own so
  that the memory of one is not counted for another. Then both step once over a
  batch of each shape that ours has, begin again, and take turns.
  """
  with pipe.Worker(
    sys.executable,
    "benchmarks.workers.our_training",
    turns.environment(_DEVICE.value),
  ) as ours:
    described = ours.ask("start", config=json.loads(config.to_json()))
    batches = ours.ask("batches", number=max(_STEPS.value, _TRIAL_STEPS.value))
    start = peer_start(config, precision, described["folder"])
    trial = [
      {"setting": setting, "seconds": _trial(start, setting, batches)}
      for setting in (SETTINGS if _TRIAL_STEPS.value else ())
    ]
    chosen = min(
      trial,
      key=lambda tried: statistics.median(tried["seconds"]),
      default={"setting": SETTINGS[0]},
    )["setting"]
    with _peer() as theirs:
      versions = theirs.ask("start", setting=chosen, **start)["versions"]
      workers = {OURS: ours, PEER: theirs}
      rounds = [
        {OURS: {"step": step}, PEER: _texts(batch)}
        for step, batch in enumerate(batches[: _STEPS.value])
      ]
      shapes = [batch["shape"] for batch in batches[: _STEPS.value]]
      _reset(workers)
      loaded = {name: worker.peak_bytes() for name, worker in workers.items()}
      first = [shapes.index(shape) for shape in dict.fromkeys(shapes)]
      turns.alternate(workers, "step", [rounds[i] for i in first])
      _reset(workers)
      answers = turns.alternate(workers, "step", rounds)
      peaks = {name: worker.peak_bytes() for name, worker in workers.items()}
  return {
    "device": described["device"],
    "versions": described["versions"] | versions,
    "row_lengths": described["row_lengths"],
    "shapes": described["shapes"],
    "shape_of_step": shapes,
    "setting": chosen,
    "trial": trial,
    "sides": {
      name: _side(found, config.batches.batch_size)
      | {"peak_bytes": peaks[name], "peak_bytes_before_steps": loaded[name]}
      for name, found in answers.items()
    },
    "times_faster": {
      "step": _times_faster(answers, "seconds"),
      "step_and_input": _times_faster(answers, "seconds", "input_seconds"),
    },
    "loss_difference": _differences(answers),
  }


def peer_start(
  config: ml_collections.ConfigDict, precision: str, folder: str
) -> dict[str, Any]:
  """What the other side is told, but for its own setting."""
  keys = ("learning_rate", "weight_decay", "clip_norm", "b1", "b2", "eps")
  return {
    "folder": folder,
    "device": _DEVICE.value,
    "precision": precision,
    "max_lengths": {
      "query": config.data.query_length,
      "passage": config.data.passage_length,
    },
    "temperature": config.loss.temperature,
    "optimizer": {key: config.optimizer[key] for key in keys},
  }


def table(found: Mapping[str, Any]) -> str:
  """What is printed of a precision."""
  sides = found["sides"]

  def row(title, cell):
    return [title, *(cell(sides[name]) for name in (OURS, PEER))]

  rows = [
    row("seconds a step", lambda x: turns.cell(x["seconds"])),
    row("pairs/s", lambda x: turns.cell(x["items_per_second"])),
    row("seconds of input a step", lambda x: turns.cell(x["input_seconds"])),
    row("tokens a batch", lambda x: f"{x['tokens']:,.0f}"),
    row("padding share", lambda x: f"{x['padding_share']:.1%}"),
    row("loss before the first step", lambda x: f"{x['steps'][0]['loss']:.5f}"),
    row("peak memory, GiB", lambda x: f"{x['peak_bytes'] / 2**30:.2f}"),
    row(
      "of it before the first step",
      lambda x: f"{x['peak_bytes_before_steps'] / 2**30:.2f}",
    ),
    *_on_device(sides),
    row("processor seconds", lambda x: turns.cell(x["processor_seconds"])),
    row("processors kept busy", lambda x: f"{x['cores']:.2f}"),
    row("and by the idle side", lambda x: f"{x['others_cores']:.2f}"),
  ]
  faster, differs = found["times_faster"], found["loss_difference"]
  return "\n".join(
    [
      tabulate.tabulate(rows, ["", OURS, PEER], tablefmt="github"),
      f"times faster: {turns.cell(faster['step'])};"
      f" with input {turns.cell(faster['step_and_input'])}",
      f"losses differ by {differs['first']:.1e} at the first step, by"
      f" {differs['largest']:.1e} at most (shares)",
      f"{PEER} with {found['setting']}",
    ]
  )


def check(found: Mapping[str, Any], precision: str) -> None:
  """Raises where the two sides did not do the same work.

  Raises:
    ValueError: they saw other tokens, or another loss in float32; or a program
      was compiled while time was taken.
  """
  sides = found["sides"]
  for step, (mine, other) in enumerate(
    zip(sides[OURS]["steps"], sides[PEER]["steps"], strict=True)
  ):
    if mine["tokens"] != other["tokens"]:
      raise ValueError(
        f"batch {step} has {mine['tokens']} tokens here and {other['tokens']}"
        f" in {PEER}: the tokenizers differ; save the folder's tokenizer as"
        " PreTrainedTokenizerFast"
      )
    if mine["programs_compiled"]:
      raise ValueError(
        f"step {step} compiled {mine['programs_compiled']} program(s) while its"
        " time was taken: its shape was not warmed up"
      )
  difference = found["loss_difference"]["first"]
  if precision == "float32" and not difference <= AGREEMENT:
    raise ValueError(
      f"the losses of the first step differ by {difference:.1e} of their value,"
      f" more than {AGREEMENT}: the two sides do not do the same; compare their"
      " pooling, prefixes and lengths"
    )


def _on_device(sides):
  """A row of the most memory of the device, where there is one."""
  peaks = [
    sides[name]["steps"][-1]["device_peak_bytes"] for name in (OURS, PEER)
  ]
  if None not in peaks:
    title = "peak memory of the device, GiB"
    yield [title, *(f"{peak / 2**30:.2f}" for peak in peaks)]


def _peer() -> pipe.Worker:
  return pipe.Worker(
    _PEER_PYTHON.value,
    "benchmarks.workers.peer_training",
    turns.environment(_DEVICE.value),
  )


def _trial(start, setting, batches) -> list[float]:
  """Seconds of some steps with a setting, after one to warm up."""
  with _peer() as peer:
    peer.ask("start", setting=setting, **start)
    peer.ask("reset")
    chosen = [0, *range(_TRIAL_STEPS.value)]
    answers = [peer.ask("step", **_texts(batches[i])) for i in chosen]
  return [answer["seconds"] for answer in answers[1:]]


def _side(answers, pairs) -> dict[str, Any]:
  """What is saved of one side's steps."""
  return turns.summary(answers, items=pairs) | {
    "input_seconds": turns.spread([x["input_seconds"] for x in answers]),
    "steps": answers,
  }


def _texts(batch):
  return {key: batch[key] for key in ("queries", "passages")}


def _reset(workers):
  for worker in workers.values():
    worker.ask("reset")


def _times_faster(answers, *keys):
  theirs, ours = (
    [sum(answer[key] for key in keys) for answer in answers[name]]
    for name in (PEER, OURS)
  )
  return turns.times_faster(theirs, ours)


def _differences(answers) -> dict[str, float]:
  """Of the losses, as shares of theirs: at the first step, and the largest."""
  shares = [
    abs(mine["loss"] / theirs["loss"] - 1)
    for mine, theirs in zip(answers[OURS], answers[PEER], strict=True)
  ]
  return {"first": shares[0], "largest": max(shares)}


if __name__ == "__main__":
  app.run(main)
