"""Packed batches, in order, from any step: composed and packed by tf.data."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from hybridret_jax.data import composer as composers
from hybridret_jax.data import packing, pair_tokens

tf.config.set_visible_devices([], "GPU")  # TensorFlow only feeds.

KINDS = ("monolingual", "cross_lingual", "mixed")
SIDES = ("query", "passage")


@dataclasses.dataclass(frozen=True)
class Layout:
  """How a batch is laid out in rows.

  Attributes:
    row_length: L, tokens in a row.
    row_counts: the row counts a batch may have, for each pack in turn; the
      smallest that fits is taken.
    apart: queries and passages in rows of their own (two packs, for untied
      towers) instead of side by side in one.
  """

  row_length: int
  row_counts: tuple[tuple[int, ...], ...]
  apart: bool


@dataclasses.dataclass(frozen=True)
class Batch:
  """One step's input: this host's slice of the rows, and what they hold.

  Attributes:
    step: t.
    kind: "monolingual", "cross_lingual" or "mixed".
    rows: the four arrays of each pack ("both", or "query" and "passage"):
      ids, segments, positions, text index, each [local rows, L].
    group: group of each pair, [B], of the whole batch.
    tokens: tokens of text in the whole batch.
    slots: tokens that its rows could hold.
  """

  step: int
  kind: str
  rows: dict[str, tuple[np.ndarray, ...]]
  group: np.ndarray
  tokens: int
  slots: int


def plan_layout(
  composer: composers.Composer,
  tokens: pair_tokens.PairTokens,
  *,
  seed: int,
  apart: bool,
  row_length: int,
  row_counts: tuple[int, ...] = (),
  row_multiple: int = 8,
  shapes: int = 5,
  sample: int = 400,
) -> Layout:
  """The layout of a run, the same on every host.

  Args:
    composer: of the run.
    tokens: of the run.
    seed: of the run.
    apart: see `Layout`.
    row_length: see `Layout`.
    row_counts: the counts to use; empty measures `sample` batches and spreads
      `shapes` counts over what they need.
    row_multiple: every measured count is a multiple of it; the number of
      devices must divide it.
    shapes: see `row_counts`.
    sample: see `row_counts`.
  """
  if row_counts:
    # A batch beyond the largest count must still find a place.
    most = _most_rows(composer, apart, row_multiple)
    counts = [tuple(sorted({*row_counts, m})) for m in most]
    return Layout(row_length, tuple(counts), apart)
  needed = []
  for step in range(sample):
    texts = _texts(composer.plan(seed, step), tokens, apart)
    needed.append(
      [packing.assign(tokens.lengths[t], row_length)[1] for t in texts]
    )
  counts = [
    packing.row_counts(column, most=most, multiple=row_multiple, shapes=shapes)
    for column, most in zip(
      np.array(needed).T, _most_rows(composer, apart, row_multiple), strict=True
    )
  ]
  return Layout(row_length, tuple(counts), apart)


def batches(
  composer: composers.Composer,
  tokens: pair_tokens.PairTokens,
  layout: Layout,
  *,
  seed: int,
  start_step: int,
  total_steps: int,
  process_index: int = 0,
  process_count: int = 1,
  prefetch: int = 4,
) -> Iterator[Batch]:
  """Batches `start_step` … `total_steps` - 1, each a function of (seed, t).

  Every host composes and packs the whole batch and keeps its slice of the
  rows, so the batch is the same for any number of hosts.
  """

  def build(step):
    batch = build_batch(composer, tokens, layout, seed=seed, step=int(step))
    local = [
      array[_slice(len(array), process_index, process_count)]
      for pack in batch.rows.values()
      for array in pack
    ]
    facts = [KINDS.index(batch.kind), batch.tokens, batch.slots]
    return [*local, batch.group, np.array(facts, np.int64)]

  packs = 2 if layout.apart else 1
  types = [tf.int32] * (4 * packs + 1) + [tf.int64]
  dataset = tf.data.Dataset.range(start_step, total_steps).map(
    lambda step: (step, *tf.numpy_function(build, [step], types)),
    num_parallel_calls=2,
    deterministic=True,
  )
  names = SIDES if layout.apart else ("both",)
  for step, *arrays, group, facts in dataset.prefetch(
    prefetch
  ).as_numpy_iterator():
    yield Batch(
      step=int(step),
      kind=KINDS[facts[0]],
      rows={
        name: tuple(arrays[4 * i : 4 * i + 4]) for i, name in enumerate(names)
      },
      group=group,
      tokens=int(facts[1]),
      slots=int(facts[2]),
    )


def build_batch(
  composer: composers.Composer,
  tokens: pair_tokens.PairTokens,
  layout: Layout,
  *,
  seed: int,
  step: int,
) -> Batch:
  """Batch t, whole."""
  plan = composer.plan(seed, step)
  packed = []
  for texts, counts in zip(
    _texts(plan, tokens, layout.apart), layout.row_counts, strict=True
  ):
    row_of, needed = packing.assign(tokens.lengths[texts], layout.row_length)
    packed.append(
      packing.pack(
        tokens.ids,
        tokens.offsets,
        texts,
        row_length=layout.row_length,
        row_count=next(count for count in counts if count >= needed),
        pad_id=tokens.pad_id,
        row_of=row_of,
      )
    )
  names = SIDES if layout.apart else ("both",)
  return Batch(
    step=step,
    kind=plan.kind,
    rows={n: p.arrays() for n, p in zip(names, packed, strict=True)},
    group=np.asarray(plan.group, np.int32),
    tokens=sum(int(np.sum(p.segments_RL > 0)) for p in packed),
    slots=sum(p.ids_RL.size for p in packed),
  )


def _texts(
  plan: Any, tokens: pair_tokens.PairTokens, apart: bool
) -> list[np.ndarray]:
  query = tokens.query_of_row[plan.query_row]
  passage = np.concatenate(
    [
      tokens.passage_of_row[plan.passage_row],
      tokens.passage_of_text[plan.negative_text].reshape(-1),
    ]
  )
  if apart:
    return [query, passage]
  return [np.concatenate([query, passage])]


def _most_rows(composer, apart, multiple):
  queries = composer.batch_size
  passages = queries * (1 + composer.negatives)
  sizes = (queries, passages) if apart else (queries + passages,)
  return [-(-size // multiple) * multiple for size in sizes]


def _slice(rows, index, count):
  size = rows // count
  return slice(index * size, (index + 1) * size)
