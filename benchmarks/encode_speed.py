"""Texts per second of encoding XQuAD-R, beside sentence-transformers'.

  PYTHONPATH=. python benchmarks/encode_speed.py --out=encode_speed.json \
      --peer_python=PYTHON --config.model.init=FOLDER --config.data.folder=DATA

PYTHON is that of an environment with sentence-transformers and torch; without
the flag it is this one. Both sides encode the same questions and sentences with
the same model, one side at a time. docs/performance.md says what is timed and
what is kept equal.
"""

import itertools
import json
import pathlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np
import tabulate
from absl import app, flags
from ml_collections import config_flags

from benchmarks.workers import pipe, turns

OURS, PEER = "hybridret_jax", "sentence-transformers"
# The ways in which the other side can reach each of our precisions.
PRECISIONS = {"float32": ("float32",), "bfloat16": ("autocast", "bfloat16")}
ATTENTION = ("sdpa", "eager")
WARM_UP = 64  # Texts of each side, before a setting is tried.
AGREEMENT = 0.9999  # Least cosine of a text's two vectors, in float32.
_CONFIG = config_flags.DEFINE_config_file(
  "config", str(pathlib.Path(__file__).with_name("speed_config.py"))
)
_PEER_PYTHON = flags.DEFINE_string(
  "peer_python", sys.executable, "Python that has sentence-transformers."
)
_SHARE = flags.DEFINE_float("share", 0.1, "Of the texts; 1 takes all.", 0, 1)
_TRIAL_EVERY = flags.DEFINE_integer(
  "trial_every", 1, "Of these texts, to choose the other side's setting.", 1
)
_SEED = flags.DEFINE_integer("seed", 0, "Which share.")
_REPEATS = flags.DEFINE_integer("repeats", 3, "Encodings of each side.", 1)
_BATCH_SIZES = flags.DEFINE_multi_integer(
  "batch_size", [32, 64, 128], "Of the other side; may be repeated."
)
_ATTENTION = flags.DEFINE_multi_enum(
  "attention", list(ATTENTION), ATTENTION, "Of the other side, likewise."
)
_PRECISIONS = flags.DEFINE_multi_enum(
  "precision",
  list(PRECISIONS),
  list(PRECISIONS),
  "To measure; may be repeated.",
)
_THREADS = flags.DEFINE_integer("threads", 0, "Processors to use; 0: all.", 0)
_DEVICE = flags.DEFINE_enum("device", "cpu", turns.DEVICES, "Of both sides.")
_OUT = flags.DEFINE_string("out", None, "JSON file of all figures.")


def main(argv: Sequence[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unexpected argument {argv[1]!r}")
  processors = turns.use_processors(_THREADS.value)
  saved = {
    "machine": turns.machine(processors),
    "share": _SHARE.value,
    "seed": _SEED.value,
    "trial_every": _TRIAL_EVERY.value,
    "precisions": {},
  }
  for precision in _PRECISIONS.value:
    config = _CONFIG.value.copy_and_resolve_references()
    config.model.dtype = precision
    config.evaluation.candidates = "sentence"
    found = measure(config, precision)
    saved["settings"] = json.loads(config.to_json())
    saved["versions"] = found.pop("versions")
    saved["precisions"][precision] = found
    print(f"\n{precision}, {found['texts']:,} texts")
    print(table(found), flush=True)
    turns.save(saved, _OUT.value)  # Now, so that a killed run leaves this.
    check(found, precision)


def measure(
  config: ml_collections.ConfigDict, precision: str
) -> dict[str, Any]:
  """Everything that was measured at one precision.

  The other side's setting is chosen first, by one encoding of the trial's
  texts with each. Then both encode them all once, of which the vectors are
  compared, and again in turns.
  """
  with pipe.Worker(
    sys.executable,
    "benchmarks.workers.our_encoding",
    turns.environment(_DEVICE.value),
  ) as ours:
    described = ours.ask(
      "start",
      config=json.loads(config.to_json()),
      share=_SHARE.value,
      seed=_SEED.value,
    )
    start = {key: described[key] for key in ("folder", "texts", "max_lengths")}
    start["device"] = _DEVICE.value
    trial = _trial(PRECISIONS[precision], start)
    chosen = min(trial, key=lambda tried: tried["seconds"])["setting"]
    loaded = {key: chosen[key] for key in ("precision", "attention")}
    batch_size = {"batch_size": chosen["batch_size"]}
    with _peer() as theirs, tempfile.TemporaryDirectory() as folder:
      versions = theirs.ask("start", **loaded, **start)["versions"]
      workers = {OURS: ours, PEER: theirs}
      files = {name: f"{folder}/{name}.npy" for name in workers}
      turns.alternate(
        workers,
        "encode",
        [
          {
            OURS: {"vectors": files[OURS]},
            PEER: {"vectors": files[PEER], **batch_size},
          }
        ],
      )
      cosines = _cosines(*(np.load(path) for path in files.values()))
      rounds = [{OURS: {}, PEER: batch_size}] * _REPEATS.value
      answers = turns.alternate(workers, "encode", rounds)
      peaks = {name: worker.peak_bytes() for name, worker in workers.items()}
  texts = sum(map(len, described["texts"].values()))
  return {
    "device": described["device"],
    "versions": described["versions"] | versions,
    "texts": texts,
    "setting": chosen,
    "trial": trial,
    "sides": {
      name: turns.summary(found, items=texts)
      | {"peak_bytes": peaks[name], "repeats": found}
      for name, found in answers.items()
    },
    "times_faster": turns.times_faster(
      *([x["seconds"] for x in answers[name]] for name in (PEER, OURS))
    ),
    "cosine": {"least": float(cosines.min()), "mean": float(cosines.mean())},
  }


def table(found: Mapping[str, Any]) -> str:
  """What is printed of a precision."""
  sides = found["sides"]

  def row(title, cell):
    return [title, *(cell(sides[name]) for name in (OURS, PEER))]

  rows = [
    row("seconds", lambda x: turns.cell(x["seconds"])),
    row("texts/s", lambda x: turns.cell(x["items_per_second"], "{:.1f}")),
    row("tokens", lambda x: f"{x['tokens']:,.0f}"),
    row("padding share", lambda x: f"{x['padding_share']:.1%}"),
    row("peak memory, GiB", lambda x: f"{x['peak_bytes'] / 2**30:.2f}"),
    row("processor seconds", lambda x: turns.cell(x["processor_seconds"])),
    row("processors kept busy", lambda x: f"{x['cores']:.2f}"),
    row("and by the idle side", lambda x: f"{x['others_cores']:.2f}"),
  ]
  cosine = found["cosine"]
  return "\n".join(
    [
      tabulate.tabulate(rows, ["", OURS, PEER], tablefmt="github"),
      f"times faster: {turns.cell(found['times_faster'])}",
      f"cosines of the vectors: {cosine['least']:.6f} at least,"
      f" {cosine['mean']:.6f} on average",
      f"{PEER} with {found['setting']}",
    ]
  )


def check(found: Mapping[str, Any], precision: str) -> None:
  """Raises where the two sides did not do the same work.

  Raises:
    ValueError: they saw other tokens, or made other vectors in float32; or a
      program was compiled while time was taken.
  """
  mine, theirs = found["sides"][OURS], found["sides"][PEER]
  if mine["tokens"] != theirs["tokens"]:
    raise ValueError(
      f"the texts have {mine['tokens']} tokens here and {theirs['tokens']} in"
      f" {PEER}: the tokenizers differ; save the folder's tokenizer as"
      " PreTrainedTokenizerFast"
    )
  compiled = sum(x["programs_compiled"] for x in mine["repeats"])
  if compiled:
    raise ValueError(
      f"{compiled} program(s) were compiled while time was taken: a shape was"
      " not warmed up"
    )
  least = found["cosine"]["least"]
  if precision == "float32" and not least >= AGREEMENT:
    raise ValueError(
      f"the two vectors of a text have a cosine of {least:.6f}, less than"
      f" {AGREEMENT}: compare the two sides' pooling, prefixes and lengths"
    )


def _peer() -> pipe.Worker:
  return pipe.Worker(
    _PEER_PYTHON.value,
    "benchmarks.workers.peer_encoding",
    turns.environment(_DEVICE.value),
  )


def _trial(ways, start) -> list[dict[str, Any]]:
  """Seconds of the other side with each setting; none to tell of a lone one."""
  tried = []
  for way, attention in itertools.product(ways, _ATTENTION.value):
    loaded = {"precision": way, "attention": attention}
    settings = [{**loaded, "batch_size": size} for size in _BATCH_SIZES.value]
    if len(ways) * len(_ATTENTION.value) * len(settings) == 1:
      return [{"setting": settings[0], "seconds": None}]
    with _peer() as peer:
      peer.ask("start", **loaded, **start)
      peer.ask("warm_up", texts=WARM_UP)
      for setting in settings:
        answer = peer.ask(
          "encode",
          batch_size=setting["batch_size"],
          every=_TRIAL_EVERY.value,
        )
        tried.append({"setting": setting, "seconds": answer["seconds"]})
  return tried


def _cosines(a_ND: np.ndarray, b_ND: np.ndarray) -> np.ndarray:
  """Of rows, whatever their lengths."""
  norms_N = np.linalg.norm(a_ND, axis=1) * np.linalg.norm(b_ND, axis=1)
  return np.sum(a_ND * b_ND, axis=1, dtype=np.float64) / norms_N


if __name__ == "__main__":
  app.run(main)
