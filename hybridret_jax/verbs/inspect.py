"""What one is about to train on, to be looked at: figures, texts and a page."""

import itertools
import json
import logging
import pathlib
from typing import Any

import ml_collections
import numpy as np

from hybridret_jax import run as runs
from hybridret_jax.assembly import check_inputs, tasks, training_data
from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.data import code_switching, looks, mixture, pipeline
from hybridret_jax.data import tokenizer as tokenizers
from hybridret_jax.ground import writing
from hybridret_jax.parallel import hosts
from hybridret_jax.reporting import inspection
from hybridret_jax.retrieval.tasks import task as task_lib

_LOG = logging.getLogger(__name__)
FOLDER, FILE, PAGE = "inspect", "figures.json", "index.html"
STEPS = 1000  # Batches that are composed to count what they hold.
SHOWN, PAIRS = 10, 8  # Batches that are shown, and pairs of each.
EXAMPLES = 3  # Rows of each language.
MEASURED = 20_000  # Texts of a source's side whose whole length is measured.
_WHOLE = 2**16  # Tokens of a text that is taken as whole.


def inspect(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  inputs: inputs_lib.Inputs | None = None,
) -> dict[str, Any]:
  """Counts, measures and shows what a config would be trained on.

  Writes `inspect/index.html` and `inspect/figures.json` into the run's folder.
  Nothing is trained but a tokenizer, where the config asks for one; the run
  takes it over.

  Args:
    config: the whole config.
    workdir: folder of the run.
    inputs: what was read of the config's sources and tasks, if anything was.

  Returns:
    What is in figures.json; docs/data.md has its fields.

  Raises:
    Fault: the folder holds a run of other settings, or data cannot be used.
  """
  run = runs.Run.to_judge(config, workdir, inputs)
  config = run.config
  if run.needs_corpus:
    run.model  # noqa: B018 (the tokenizer is trained)
  data = training_data.make(
    config, run.corpus, run.model.tokenizer, run.lexicons
  )
  corpus, composer = data.corpus, data.composer
  steps = min(STEPS, config.train.steps)
  plans = [composer.plan(config.seed, step) for step in range(steps)]
  found: dict[str, Any] = {
    "rows": len(corpus),
    "groups": len(np.unique(corpus.group_row)),
    "blocks": len(np.unique(corpus.block_row)),
    "held_out_rows": len(data.held),
    "languages": list(corpus.languages),
    "sources": looks.counts(corpus),
    "lengths": _lengths(config, corpus, run.model.tokenizer),
    "available": looks.available(corpus),
    "drawn": looks.drawn(plans, corpus),
    "steps": steps,
    "asked": composer.asked(0, steps - 1),
    "realised": mixture.realised(plans, corpus),
    "not_served": list(composer.unserved),
    "left_out": {
      what: int(count)
      for what, count in (corpus.skipped | composer.left_out).items()
      if count
    },
    "notes": [
      *corpus.guesses,
      *corpus.notes,
      *check_inputs.unused(config, corpus),
      *check_inputs.unswitched(corpus, run.lexicons),
    ],
    "overlaps": _overlaps(run, corpus, data.held),
  }
  shown = {
    "examples": looks.examples(corpus, number=EXAMPLES, seed=config.seed),
    "batches": _batches(run, data, plans[:SHOWN]),
  }
  if hosts.is_first():
    folder = workdir / FOLDER
    writing.write(folder / FILE, json.dumps(found, indent=1) + "\n")
    writing.write(folder / PAGE, inspection.html(found, **shown))
  _LOG.info("%s", workdir / FOLDER / PAGE)
  return found


def _lengths(config, corpus, text_tokenizer: tokenizers.Tokenizer):
  """Of each source and side; texts that are many are drawn from."""
  found = []
  for source, name in enumerate(corpus.sources):
    of = corpus.source_row == source
    for side, text_r in zip(
      pipeline.SIDES, (corpus.query_row, corpus.passage_row), strict=True
    ):
      texts = looks.sampled(text_r[of], MEASURED, config.seed)
      tokens = text_tokenizer.encode(
        [corpus.texts[text] for text in texts.tolist()],
        prefix=config.data[f"{side}_prefix"],
        max_length=_WHOLE,
      )
      most = config.data[f"{side}_length"]
      found.append(
        {"source": name, "side": side}
        | looks.lengths(np.asarray(tokens.lengths), most)
      )
  return found


def _overlaps(run: runs.Run, corpus, held) -> list[dict[str, Any]]:
  """Texts of tasks that are trained on, letter by letter."""
  config = run.config
  used = np.unique(np.concatenate([corpus.query_row, corpus.passage_row]))
  trained = {corpus.texts[text].strip() for text in used[used >= 0].tolist()}
  found = []
  specs = [*config.evaluation.tasks]
  if config.validation.task:
    specs.append(config.validation.task)
  for spec in dict.fromkeys(specs):
    task = run.inputs.task(
      config, spec, held if spec == tasks.HELD_OUT else None
    )
    found.append(
      {
        "task": task.name,
        "queries": _shared(task.query_texts, trained),
        "candidates": _shared(task.candidate_texts, trained),
        "of_queries": len(task.query_texts),
        "of_candidates": len(task.candidate_texts),
        "examples": _some(task, trained),
      }
    )
  return found


def _shared(texts, trained) -> int:
  return sum(text.strip() in trained for text in texts)


def _some(task: task_lib.Task, trained) -> list[str]:
  both = itertools.chain(task.query_texts, task.candidate_texts)
  shared = (text for text in both if text.strip() in trained)
  return list(itertools.islice(dict.fromkeys(shared), EXAMPLES))


def _batches(run: runs.Run, data, plans) -> list[dict[str, Any]]:
  switching = training_data.switching(run.config, data.corpus, run.lexicons)
  made = []
  for step, plan in enumerate(plans):
    one = looks.batch(plan, data.corpus, pairs=PAIRS)
    one["switched"] = 0
    if switching is not None:
      texts = switching.texts(plan, run.config.seed, step)
      one["switched"] = len(list(code_switching.changed(texts)))
    made.append(one | {"step": step + 1})
  return made
