"""The tokens of a batch's texts: the stored ones, or code-switched ones."""

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hybridret_jax.data import code_switching, packing, pair_tokens, tokenizer


@dataclasses.dataclass(frozen=True)
class BatchTexts:
  """What is laid out in rows.

  Attributes:
    ids: tokens of texts in one line.
    offsets: text i is `ids[offsets[i]:offsets[i + 1]]`.
    packs: the texts of each pack, in the order in which `pipeline.Batch`
      numbers them; -1 for one that is missing.
    switched: what `code_switching` has of the batch.
  """

  ids: np.ndarray
  offsets: np.ndarray
  packs: tuple[np.ndarray, ...]
  switched: Sequence[code_switching.Switched] = ()

  @property
  def lengths(self) -> list[np.ndarray]:
    """Tokens of each text of each pack; 0 for one that is missing."""
    return [packing.text_lengths(self.offsets, texts) for texts in self.packs]


@dataclasses.dataclass(frozen=True)
class SwitchedTokens:
  """How the texts of batches are code-switched, and tokenised again.

  A switched text is tokenised as a whole, so its pieces and its cut are those
  that the tokenizer gives it, and not those of words put side by side.

  Attributes:
    switching: which texts become what.
    encode: (side, texts) -> their tokens, cut as those of the side are.
    longest: tokens of the longest text, by side; of sides that are switched.
    shortest: tokens that every switched text has at least.
  """

  switching: code_switching.Switching
  encode: Callable[[str, Sequence[str]], tokenizer.Tokens]
  longest: Mapping[str, int]
  shortest: int


def of(
  plan,
  tokens: pair_tokens.PairTokens,
  *,
  apart: bool,
  parallel: bool,
  switched: SwitchedTokens | None = None,
  seed: int = 0,
  step: int = 0,
) -> BatchTexts:
  """The texts of a batch.

  A text that would be, once it is switched, the same to the encoder as another
  of its side stays as it was: what the loss knows of which texts are one is
  known of texts as they were.

  Args:
    plan: the `composer.Plan` of the batch.
    tokens: of what it is composed of.
    apart: whether queries and passages have packs of their own.
    parallel: whether batches have parallel queries.
    switched: how texts are code-switched; None not at all.
    seed: of the run.
    step: of the batch.
  """
  sides = {
    "query": tokens.query_of_row[plan.query_row],
    "passage": np.concatenate(
      [
        tokens.passage_of_row[plan.passage_row],
        tokens.passage_of_text[plan.negative_text].reshape(-1),
      ]
    ),
  }
  more = np.zeros(0, np.int32)
  if parallel:
    row = plan.parallel_row
    more = np.where(row < 0, -1, tokens.query_of_row[row])
  found = ()
  if switched is not None:
    found = switched.switching.texts(plan, seed, step)
  if not code_switching.changed(found):
    return BatchTexts(
      tokens.ids,
      tokens.offsets,
      _packs(sides["query"], sides["passage"], more, apart),
      found,
    )
  sides["query"] = np.concatenate([sides["query"], more])
  pieces: list[np.ndarray] = []
  numbers = {}
  for side, stored in sides.items():
    runs = _switched_runs(side, stored, tokens, found, switched)
    there = [run for run in runs if run is not None]
    number = np.full(len(runs), -1, np.int32)
    number[[run is not None for run in runs]] = len(pieces) + np.arange(
      len(there)
    )
    numbers[side] = number
    pieces += there
  size = len(numbers["query"]) - len(more)
  return BatchTexts(
    np.concatenate(pieces),
    np.concatenate([[0], np.cumsum([len(x) for x in pieces])]).astype(np.int64),
    _packs(
      numbers["query"][:size],
      numbers["passage"],
      numbers["query"][size:],
      apart,
    ),
    found,
  )


def _packs(query, passage, parallel, apart):
  if apart:
    return np.concatenate([query, parallel]), passage
  return (np.concatenate([query, passage, parallel]),)


def _switched_runs(side, stored, tokens, found, switched):
  """The tokens of each text of a side, by place; None for a missing one."""
  ends = zip(tokens.offsets[stored], tokens.offsets[stored + 1], strict=True)
  as_it_was = [
    tokens.ids[start:end] if text >= 0 else None
    for text, (start, end) in zip(stored.tolist(), ends, strict=True)
  ]
  mine = [x for x in code_switching.changed(found) if x.side == side]
  made = switched.encode(side, [one.text for one in mine])
  runs, changed = list(as_it_was), set()
  for n, one in enumerate(mine):
    runs[one.place] = made.ids[made.offsets[n] : made.offsets[n + 1]]
    changed.add(one.place)
  while True:
    places = collections.defaultdict(list)
    for place, run in enumerate(runs):
      if run is not None:
        places[run.tobytes()].append(place)
    back = [
      place
      for same in places.values()
      if len({int(stored[x]) for x in same}) > 1
      for place in same
      if place in changed
    ]
    if not back:
      return runs
    for place in back:
      runs[place] = as_it_was[place]
      changed.discard(place)
