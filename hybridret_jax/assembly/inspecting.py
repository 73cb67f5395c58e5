"""A config's data, counted and measured before anything is trained on it."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import ml_collections
import numpy as np
import tqdm

from hybridret_jax.assembly import check_inputs, tasks, training_data
from hybridret_jax.assembly import inputs as inputs_lib
from hybridret_jax.data import (
  composer,
  contents,
  cuts,
  duplicates,
  mixture,
  overlaps,
  shown,
  sources,
  text_lengths,
  tokenizer,
)

SCHEMA = 1
LOUD = 0.1  # Share of texts that are cut, or of tokens that are lost.
EXAMPLES, COPIES, LEAKS = 3, 5, 5
BATCHES, PAIRS = 10, 8  # Batches that are shown, and pairs of each.
# Batches that are composed to count what is drawn: evenly over the run, of no
# more pairs than that, but twenty batches at least.
_COUNTED, _COUNTED_PAIRS, _FEWEST = 1000, 2_000_000, 20


def inspect(
  config: ml_collections.ConfigDict,
  corpus: sources.Corpus,
  text_tokenizer: tokenizer.Tokenizer,
  inputs: inputs_lib.Inputs,
) -> dict[str, Any]:
  """What inspect.json holds, see docs/data.md; follows from its arguments.

  Args:
    config: the whole config, with no setting left open.
    corpus: all rows of its sources.
    text_tokenizer: of the model.
    inputs: has its tasks and lexicons.
  """
  rows = training_data.rows(config, corpus, text_tokenizer)
  cut = functools.partial(_cut, config, text_tokenizer)
  made: dict[str, Callable[[], Any]] = {
    "sources": lambda: contents.by_source(rows.corpus, rows.held),
    "lengths": lambda: _lengths(config, rows, text_tokenizer),
    "duplicates": lambda: _duplicates(rows),
    "overlaps": lambda: list(_overlaps(config, rows, text_tokenizer, inputs)),
    "pairs": lambda: contents.pairs(
      rows.corpus,
      source_weights=tuple(config.data.source_weights),
      negatives=config.batches.negatives,
    ),
    "examples": lambda: shown.examples(
      rows.corpus, cut, seed=config.seed, number=EXAMPLES
    ),
    "notes": lambda: _notes(config, rows.corpus, inputs),
  }
  found: dict[str, Any] = {
    "schema": SCHEMA,
    "settings": {
      "seed": config.seed,
      "steps": config.train.steps,
      "languages": list(rows.corpus.languages),
      "batches": config.batches.to_dict(),
      "prefixes": _by_side(config, "prefix"),
      "lengths": _by_side(config, "length"),
      "cut_side": text_tokenizer.cut_side,
      "loud_share": LOUD,
    },
  }
  # The bar shows itself only when the work takes more than five seconds.
  for key, make in tqdm.tqdm(
    made.items(), desc="looking", unit=" parts", delay=5
  ):
    found[key] = make()
  composed = _composed(config, rows.corpus, cut, inputs)
  found["notes"] += composed.pop("notes")
  found |= composed
  return found | {"loud": loud(found)}


def loud(found: dict[str, Any]) -> list[str]:
  """What must not be overlooked in the figures, a sentence each."""
  said = []
  if found["problems"]:
    said.append(
      f"Batches cannot be composed, for {len(found['problems'])} reasons that"
      f" are listed below: {found['problems'][0]}."
    )
  end = "beginning" if found["settings"]["cut_side"] == "left" else "end"
  for of in sorted(found["lengths"], key=lambda of: -of["cut_share"]):
    if max(of["cut_share"], of["lost_share"]) > LOUD:
      side = "query" if of["side"] == "query" else "passage"
      what = {"query": "queries", "passage": "passages"}.get(
        of["side"], "hard negatives"
      )
      said.append(
        f"{of['source']}: {of['cut_share']:.0%} of the {what} lose their {end}"
        f" at {of['cut_at']} tokens, with it {of['lost_share']:.0%} of their"
        f" tokens; the longest has {of['quantiles']['1']:,}. Raise"
        f" data.{side}_length if that matters."
      )
  for of in found["overlaps"]:
    parts = [
      f"{of[key]:,} {what}"
      for key, what in (
        ("queries", "queries"),
        ("candidates", "candidates"),
        ("pairs", "queries with an answer"),
      )
      if of[key]
    ]
    if parts:
      said.append(f"{of['task']}: trained on are {', '.join(parts)} of it.")
  return said


def _by_side(config, name) -> dict[str, Any]:
  return {side: config.data[f"{side}_{name}"] for side in ("query", "passage")}


def _cut(config, text_tokenizer, side, texts) -> list[dict[str, Any]]:
  kept = cuts.kept(
    text_tokenizer,
    texts,
    prefix=config.data[f"{side}_prefix"],
    max_length=config.data[f"{side}_length"],
  )
  return [shown.parts(*one) for one in zip(texts, kept, strict=True)]


def _lengths(config, rows, text_tokenizer) -> list[dict[str, Any]]:
  longest = _by_side(config, "length")
  uncut = text_lengths.uncut(
    rows.corpus,
    rows.tokens,
    text_tokenizer,
    prefixes=_by_side(config, "prefix"),
    longest=longest,
  )
  return text_lengths.by_source(
    rows.corpus, rows.tokens, uncut, longest=longest
  )


def _duplicates(rows) -> dict[str, Any]:
  return {
    "sources": duplicates.by_source(rows.corpus, rows.identities),
    "examples": duplicates.examples(
      rows.corpus, rows.identities, number=COPIES
    ),
  }


def _overlaps(config, rows, text_tokenizer, inputs) -> Iterator[dict[str, Any]]:
  """What of each task of the config stands in the training rows."""
  specs = [*config.evaluation.tasks]
  if config.validation.task:
    specs += [config.validation.task, *config.validation.also]
  trained = overlaps.Trained(rows.corpus, rows.tokens) if specs else None
  for spec in dict.fromkeys(specs):
    if trained is None or (spec == tasks.HELD_OUT and not len(rows.held)):
      continue
    task = inputs.task(config, spec, rows.held)
    of = trained.overlap(
      _encoded(config, text_tokenizer, "query", task.query_texts),
      _encoded(config, text_tokenizer, "passage", task.candidate_texts),
      task.relevant,
    )
    yield {
      "task": task.name,
      "all_queries": task.num_queries,
      "queries": int((of.query_Q >= 0).sum()),
      "all_candidates": task.num_candidates,
      "candidates": int((of.candidate_N >= 0).sum()),
      "negatives": int((of.negative_N >= 0).sum()),
      "pairs": int(of.pair_Q.sum()),
      "examples": [
        {"side": side, "id": ids[x], "row": rows.corpus.ids[row_of[x]]}
        | {"text": texts[x]}
        for side, ids, texts, row_of in (
          ("query", task.query_ids, task.query_texts, of.query_Q),
          (
            "candidate",
            task.candidate_ids,
            task.candidate_texts,
            of.candidate_N,
          ),
        )
        for x in np.flatnonzero(row_of >= 0)[:LEAKS].tolist()
      ],
    }


def _encoded(config, text_tokenizer, side, texts) -> tokenizer.Tokens:
  """Tokens of a task's texts as training would see them."""
  return text_tokenizer.encode(
    texts,
    prefix=config.data[f"{side}_prefix"],
    max_length=config.data[f"{side}_length"],
    cache=training_data.cache_folder(config) / "tokens",
  )


def _composed(config, corpus, cut, inputs) -> dict[str, Any]:
  """`problems`, or what batches are: `draws`, `batches`, and `notes` on it."""
  try:
    made = training_data.composer_on(config, corpus)
  except composer.Infeasible as error:
    return {
      "problems": error.problems,
      "draws": None,
      "batches": [],
      "notes": [],
    }
  return {
    "problems": [],
    "draws": _draws(config, made, corpus),
    "batches": _batches(config, made, corpus, cut, inputs),
    "notes": [f"{x}." for x in made.unserved] + _left_out(made.left_out),
  }


def _draws(config, composed, corpus) -> dict[str, Any]:
  """What batches of the whole run are made of, by composing some of them."""
  steps, size = config.train.steps, config.batches.batch_size
  number = min(_COUNTED, max(_COUNTED_PAIRS // size, _FEWEST), steps)
  tally = mixture.Tally(corpus)
  # Evenly over the run: alpha may move.
  at = np.linspace(0, steps - 1, number).round().astype(int).tolist()
  for step in tqdm.tqdm(at, desc="composing", unit=" batches", delay=5):
    tally.add_plans([composed.plan(config.seed, step)])
  shares = tally.shares()
  groups = [
    len(np.unique(corpus.group_row[corpus.source_row == number]))
    for number in range(len(corpus.sources))
  ]
  return {
    "batches": number,
    "shares": shares,
    "asked": composed.asked(0, steps - 1),
    # Pairs of the whole run, by the source's groups.
    "pairs_of_a_group": {
      name: shares["source"].get(name, 0.0) * steps * size / max(count, 1)
      for name, count in zip(corpus.sources, groups, strict=True)
    },
  }


def _batches(config, composed, corpus, cut, inputs) -> list[dict[str, Any]]:
  switching = training_data.switching(config, corpus, inputs.lexicons(config))
  found = []
  for step in range(min(BATCHES, config.train.steps)):
    plan = composed.plan(config.seed, step)
    switched = ()
    if switching is not None:
      switched = switching.texts(plan, config.seed, step)
    found.append(
      shown.batch(plan, corpus, cut, step=step, number=PAIRS, switched=switched)
    )
  return found


def _notes(config, corpus, inputs) -> list[str]:
  said = [
    *corpus.notes,
    *check_inputs.unused(config, corpus),
    *check_inputs.unswitched(corpus, inputs.lexicons(config)),
  ]
  return [
    *corpus.guesses,
    *(f"{note}." for note in said),
    *_left_out(corpus.skipped),
  ]


def _left_out(counts) -> list[str]:
  return [f"Left out: {count:,} x {what}." for what, count in counts.items()]
