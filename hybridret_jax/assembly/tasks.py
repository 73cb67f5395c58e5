"""Config to retrieval tasks: benchmarks, and the held-out blocks."""

import pathlib
from collections.abc import Sequence

import ml_collections

from hybridret_jax.assembly import training_data
from hybridret_jax.data import records, sources, specs, splits
from hybridret_jax.ground import faults, judged_files, reading
from hybridret_jax.retrieval.tasks import (
  jsonl,
  judged,
  miracl,
  mlqa_r,
  pairs,
  task,
  xquad_r,
)

HELD_OUT = "held_out"
KINDS = (
  "xquad_r",
  "mlqa_r",
  "miracl",
  "jsonl",
  "beir",
  "msmarco",
  "pairs",
  "cldr",
)


def load(
  config: ml_collections.ConfigDict,
  spec: str,
  held: sources.Corpus | None = None,
) -> task.Task:
  """The task that `spec` names.

  `held_out` is made of the held-out blocks `held`, `xquad_r:FOLDER` is
  XQuAD-R, `mlqa_r:FOLDER` MLQA-R, `miracl:FOLDER` MIRACL, `jsonl:FOLDER` a task
  of one's own, `beir:FOLDER` one in BEIR's form, `msmarco:FOLDER` one in MS
  MARCO's, `pairs:SOURCE` the rows of a source of training data, and `cldr:PART`
  a part of the embedded corpus; relative paths start at data.folder. A path
  alone is of the kind that its files are; see `kind`.

  Raises:
    ValueError: an unknown kind, or files that are missing or wrong.
  """
  if spec == HELD_OUT and held is not None:
    return _of_held_out(config, held)
  of_kind, folder = kind(config, spec)
  if of_kind == "xquad_r":
    return xquad_r.load(
      training_data.place(config, folder),
      candidates=config.evaluation.candidates,
    )
  if of_kind == "mlqa_r":
    return mlqa_r.load(
      training_data.place(config, folder),
      candidates=config.evaluation.candidates,
    )
  if of_kind == "miracl":
    return miracl.load(training_data.place(config, folder))
  if of_kind == "jsonl":
    return jsonl.load(training_data.place(config, folder))
  if of_kind in ("beir", "msmarco"):
    return _of_judged(config, folder)
  if of_kind == "pairs":
    return _of_source(config, folder)
  return jsonl.load(training_data.place(config, spec), name=f"cldr_{folder}")


def kind(config: ml_collections.ConfigDict, spec: str) -> tuple[str, str]:
  """The kind of a task, one of `KINDS`, and what stands behind it.

  Of a path alone: a folder with queries.jsonl and candidates.jsonl is `jsonl`,
  one with BEIR's or MS MARCO's files `beir`, and any other source, `tfds:NAME`
  and `hub:OWNER/NAME` too, `pairs`.

  Raises:
    Fault: it has no known kind, and there is nothing at such a path.
  """
  of_kind, colon, rest = spec.partition(":")
  if colon and of_kind in KINDS:
    return of_kind, rest
  place = training_data.path(config, spec)
  if place is None:
    return "pairs", spec
  if not place.exists():
    raise faults.Fault(
      f"task {spec!r}",
      "it has no known kind, and there is no such path",
      f"write a path, or KIND:FOLDER with a kind out of {', '.join(KINDS)}, or"
      f" {HELD_OUT}",
    )
  if place.is_dir():
    if all(
      reading.find(place / f"{x}.jsonl") for x in ("queries", "candidates")
    ):
      return "jsonl", spec
    if judged_files.find(place) is not None:
      return "beir", spec
  return "pairs", spec


def name(config: ml_collections.ConfigDict, spec: str) -> str:
  """What the figures of a task are filed under, before it is read."""
  if spec == HELD_OUT:
    return spec
  of_kind, folder = kind(config, spec)
  if of_kind == "jsonl":
    return pathlib.Path(training_data.place(config, folder)).resolve().name
  if of_kind in ("beir", "msmarco", "pairs"):
    return records.name_of(training_data.place(config, folder))
  return f"cldr_{folder}" if of_kind == "cldr" else of_kind


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


def _of_judged(config: ml_collections.ConfigDict, spec: str) -> task.Task:
  found = specs.parse(training_data.place(config, spec))
  specs.check(found, "a folder")
  return judged.load(
    found.place,
    split=found.options.get("split", ""),
    lang=found.options.get("lang", ""),
    known=training_data.languages(config),
    name=found.options.get("name"),
  )


def _of_source(config: ml_collections.ConfigDict, spec: str) -> task.Task:
  corpus = sources.read(
    [training_data.place(config, spec)],
    known=training_data.languages(config),
    split="test",
  )
  texts, offsets = corpus.texts, corpus.negative_offsets.tolist()
  values = corpus.negative_values.tolist()
  left = [f"Left out: {n} of {what}." for what, n in corpus.skipped.items()]
  return pairs.from_source(
    corpus.sources[0],
    languages=corpus.languages,
    ids=corpus.ids,
    groups=[corpus.groups[g] for g in corpus.group_row],
    blocks=[corpus.blocks[b] for b in corpus.block_row],
    language_row=corpus.language_row,
    queries=["" if q < 0 else texts[q] for q in corpus.query_row],
    passages=[texts[p] for p in corpus.passage_row],
    negatives=[
      [texts[x] for x in values[start:end]]
      for start, end in zip(offsets, offsets[1:], strict=False)
    ],
    notes=(*corpus.guesses, *corpus.notes, *left),
  )


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
