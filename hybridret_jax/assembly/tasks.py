"""Config to retrieval tasks: benchmarks, and the held-out blocks."""

import pathlib
from collections.abc import Sequence

import ml_collections

from hybridret_jax.assembly import training_data
from hybridret_jax.data import sources, splits
from hybridret_jax.ground import faults
from hybridret_jax.retrieval.tasks import (
  jsonl,
  miracl,
  mlqa_r,
  pairs,
  task,
  xquad_r,
)

HELD_OUT = "held_out"
KINDS = ("xquad_r", "mlqa_r", "miracl", "jsonl", "cldr")


def load(
  config: ml_collections.ConfigDict,
  spec: str,
  held: sources.Corpus | None = None,
) -> task.Task:
  """The task that `spec` names.

  `held_out` is made of the held-out blocks `held`, `xquad_r:FOLDER` is
  XQuAD-R, `mlqa_r:FOLDER` MLQA-R, `miracl:FOLDER` MIRACL, `jsonl:FOLDER` a task
  of one's own, and `cldr:PART` a part of the embedded corpus; relative folders
  start at data.folder.

  Raises:
    ValueError: an unknown kind, or files that are missing or wrong.
  """
  if spec == HELD_OUT and held is not None:
    return _of_held_out(config, held)
  kind, _, folder = spec.partition(":")
  if kind == "xquad_r":
    return xquad_r.load(
      training_data.place(config, folder),
      candidates=config.evaluation.candidates,
    )
  if kind == "mlqa_r":
    return mlqa_r.load(
      training_data.place(config, folder),
      candidates=config.evaluation.candidates,
    )
  if kind == "miracl":
    return miracl.load(training_data.place(config, folder))
  if kind == "jsonl":
    return jsonl.load(training_data.place(config, folder))
  if kind == "cldr":
    return jsonl.load(training_data.place(config, spec), name=f"cldr_{folder}")
  raise ValueError(
    f"task {spec!r}: write KIND:FOLDER with a kind out of {', '.join(KINDS)}"
  )


def name(config: ml_collections.ConfigDict, spec: str) -> str:
  """What the figures of a task are filed under, before it is read."""
  kind, _, folder = spec.partition(":")
  if kind == "jsonl":
    return pathlib.Path(training_data.place(config, folder)).resolve().name
  return f"cldr_{folder}" if kind == "cldr" else kind


def distinct(
  config: ml_collections.ConfigDict, specs: Sequence[str]
) -> tuple[str, ...]:
  """`specs`, if each is filed under a name of its own.

  Raises:
    Fault: two have one name, so one's figures would replace the other's.
  """
  named: dict[str, str] = {}
  for spec in specs:
    # Folders of many systems do not tell cases apart.
    key = name(config, spec).casefold()
    if key in named:
      raise faults.Fault(
        "tasks",
        f"{named[key]!r} and {spec!r} are both filed under"
        f" {name(config, spec)!r}",
        "name each once, and rename a folder where they are two",
      )
    named[key] = spec
  return tuple(specs)


def _of_held_out(
  config: ml_collections.ConfigDict, held: sources.Corpus
) -> task.Task:
  if not len(held):
    raise ValueError(
      "validation.task is held_out, but no block is held out; raise"
      f" validation.share ({config.validation.share})"
    )
  rows = splits.evaluation_rows(held, max_blocks=config.validation.max_blocks)
  chosen = sources.select(held, rows)
  return pairs.from_rows(
    HELD_OUT,
    languages=chosen.languages,
    ids=chosen.ids,
    groups=[chosen.groups[g] for g in chosen.group_row],
    language_row=chosen.language_row,
    queries=["" if q < 0 else chosen.texts[q] for q in chosen.query_row],
    passages=[chosen.texts[p] for p in chosen.passage_row],
  )
