"""Packed batches, in order, from any step: composed and packed by tf.data."""

import dataclasses
import os
from collections.abc import Iterator, Sequence

import numpy as np

from hybridret_jax.data import (
  batch_texts,
  certificate,
  identity,
  packing,
  pair_tokens,
)
from hybridret_jax.data import composer as composers
from hybridret_jax.data import shapes as row_shapes

KINDS = ("monolingual", "cross_lingual", "mixed")
SIDES = ("query", "passage")
_TOKENISED = 10_000  # Pairs at most, to measure texts that are code-switched.
ARRAYS = 5  # Of a tier: packing.Packed.arrays.
# Of a batch.
AROUND = (
  *("group", "text", "negative_group", "negative_text"),
  *("query_row", "passage_row"),
)


@dataclasses.dataclass(frozen=True)
class Layout:
  """How a batch is laid out in rows.

  Attributes:
    row_lengths: tokens in a row of each tier, ascending.
    shapes: for each pack its shapes, a shape being the number of rows of each
      tier; shape i of every pack makes one program. A batch takes the first i
      at which all its packs fit; any batch fits at the last.
    apart: queries and passages in rows of their own (two packs, for untied
      towers) instead of side by side in one.
    shortest: tokens of the shortest text that a batch can hold, so that a row
      of L tokens holds at most `L // shortest` texts.
  """

  row_lengths: tuple[int, ...]
  shapes: tuple[tuple[row_shapes.Shape, ...], ...]
  apart: bool
  shortest: int

  @property
  def packs(self) -> tuple[str, ...]:
    """Names of the packs, in the order of `shapes`."""
    return SIDES if self.apart else ("both",)


@dataclasses.dataclass(frozen=True)
class Batch:
  """One step's input: this host's slice of the rows, and what they hold.

  The texts are numbered: queries, passages (positives, then hard negatives),
  parallel queries; in two packs, queries and parallel queries, and passages.

  Attributes:
    step: t.
    kind: "monolingual", "cross_lingual" or "mixed".
    rows: the tiers of each pack ("both", or "query" and "passage"), each the
      five arrays of `packing.Packed`: [local rows, L], the last one
      [local rows]. A tier may have no rows.
    group: group of each pair, [B], of the whole batch.
    text: identity of each pair's positive, [B], as `identity.Labels` has it.
    negative_group: the group of the batch that has a hard negative among its
      passages, [B, K]; -1 where there is none.
    negative_text: identity of each hard negative, [B, K].
    query_row: row of the corpus that gives each pair its query, [B].
    passage_row: row that gives its passage, [B].
    parallel: which pairs carry a parallel query, bool [B].
    tokens: tokens of text in the whole batch.
    slots: tokens that its rows could hold.
    attended: sum of the squared lengths of its texts.
    certificate: the digest of what it was composed of; `certificate.of`.
  """

  step: int
  kind: str
  rows: dict[str, tuple[tuple[np.ndarray, ...], ...]]
  group: np.ndarray
  text: np.ndarray
  negative_group: np.ndarray
  negative_text: np.ndarray
  query_row: np.ndarray
  passage_row: np.ndarray
  parallel: np.ndarray
  tokens: int
  slots: int
  attended: int
  certificate: str


def plan_layout(
  composer: composers.Composer,
  tokens: pair_tokens.PairTokens,
  *,
  seed: int,
  apart: bool,
  row_lengths: Sequence[int],
  row_counts: Sequence[Sequence[int]] = (),
  row_multiple: int = 8,
  shapes: int = 7,
  sample: int = 400,
  switched: batch_texts.SwitchedTokens | None = None,
) -> Layout:
  """The layout of a run, the same on every host.

  Args:
    composer: of the run.
    tokens: of the run.
    seed: of the run.
    apart: see `Layout`.
    row_lengths: see `Layout`.
    row_counts: shapes to use, the number of rows of each tier in each; empty
      measures `sample` batches and chooses `shapes` shapes for them, and a
      larger one. Then one is added that any batch fits. These two are compiled
      only if they are ever needed.
    row_multiple: every measured number of rows is a multiple of it; the slices
      that rows are split into must divide it.
    shapes: see `row_counts`.
    sample: see `row_counts`.
    switched: how texts are code-switched; None not at all.

  Raises:
    ValueError: the rows do not ascend in length, or do not hold the longest
      text, or a shape of `row_counts` has another number of tiers.
  """
  row_lengths = tuple(row_lengths)
  _check_lengths(row_lengths, tokens)
  if row_counts:
    chosen = _given(row_counts, row_lengths, packs=1 + apart)
  else:
    if switched is not None:  # Every text is tokenised.
      sample = min(sample, max(_TOKENISED // composer.batch_size, 20))
    chosen = row_shapes.choose(
      [
        batch_texts.of(
          composer.plan(seed, step),
          tokens,
          apart=apart,
          parallel=bool(composer.parallel_share),
          switched=switched,
          seed=seed,
          step=step,
        ).lengths
        for step in range(sample)
      ],
      row_lengths=row_lengths,
      multiple=row_multiple,
      number=shapes,
    )
  last = tuple(
    row_shapes.any_batch(kinds, row_lengths, row_multiple)
    for kinds in _kinds(composer, tokens, apart, switched)
  )
  most = row_shapes.slots(last, row_lengths)
  smaller = [x for x in chosen if row_shapes.slots(x, row_lengths) < most]
  shortest = int(tokens.lengths.min())
  if switched is not None:
    shortest = min(shortest, switched.shortest)
  return Layout(
    row_lengths=row_lengths,
    shapes=tuple(zip(*smaller, last, strict=True)),
    apart=apart,
    shortest=shortest,
  )


def batches(
  composer: composers.Composer,
  tokens: pair_tokens.PairTokens,
  labels: identity.Labels,
  layout: Layout,
  *,
  seed: int,
  start_step: int,
  total_steps: int,
  process_index: int = 0,
  process_count: int = 1,
  prefetch: int = 4,
  switched: batch_texts.SwitchedTokens | None = None,
) -> Iterator[Batch]:
  """Batches `start_step` … `total_steps` - 1, each a function of (seed, t).

  Every host composes and packs the whole batch and keeps its slice of the
  rows, so the batch is the same for any number of hosts.

  Raises:
    ValueError: the rows do not split over the hosts.
  """
  for count in {n for pack in layout.shapes for shape in pack for n in shape}:
    if count % process_count:
      raise ValueError(
        f"{count} rows do not split over {process_count} processes; make"
        " packing.row_multiple (or packing.row_counts) a multiple of that"
      )

  # Slow to import, and only a training is fed.
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
  import tensorflow as tf

  tf.config.set_visible_devices([], "GPU")  # TensorFlow only feeds.

  def build(step):
    batch = build_batch(
      composer,
      tokens,
      labels,
      layout,
      seed=seed,
      step=int(step),
      switched=switched,
    )
    local = [
      array[_slice(len(array), process_index, process_count)]
      for tiers in batch.rows.values()
      for tier in tiers
      for array in tier
    ]
    kind = KINDS.index(batch.kind)
    facts = [kind, batch.tokens, batch.slots, batch.attended]
    digest = np.frombuffer(bytes.fromhex(batch.certificate), np.int64)
    around = [getattr(batch, name) for name in AROUND]
    return [*local, *around, batch.parallel, np.array([*facts, *digest])]

  names, tiers = layout.packs, len(layout.row_lengths)
  count = ARRAYS * tiers * len(names)
  types = [tf.int32] * (count + len(AROUND)) + [tf.bool, tf.int64]
  dataset = tf.data.Dataset.range(start_step, total_steps).map(
    lambda step: (step, *tf.numpy_function(build, [step], types)),
    num_parallel_calls=2,
    deterministic=True,
  )
  for step, *arrays, parallel, facts in dataset.prefetch(
    prefetch
  ).as_numpy_iterator():
    each = [tuple(arrays[i : i + ARRAYS]) for i in range(0, count, ARRAYS)]
    yield Batch(
      step=int(step),
      kind=KINDS[facts[0]],
      rows={
        name: tuple(each[i * tiers : (i + 1) * tiers])
        for i, name in enumerate(names)
      },
      **dict(zip(AROUND, arrays[count:], strict=True)),
      parallel=parallel,
      tokens=int(facts[1]),
      slots=int(facts[2]),
      attended=int(facts[3]),
      certificate=facts[4:].tobytes().hex(),
    )


def build_batch(
  composer: composers.Composer,
  tokens: pair_tokens.PairTokens,
  labels: identity.Labels,
  layout: Layout,
  *,
  seed: int,
  step: int,
  switched: batch_texts.SwitchedTokens | None = None,
) -> Batch:
  """Batch t, whole; `switched` says how its texts are code-switched, if so."""
  plan = composer.plan(seed, step)
  found = batch_texts.of(
    plan,
    tokens,
    apart=layout.apart,
    parallel=bool(composer.parallel_share),
    switched=switched,
    seed=seed,
    step=step,
  )
  lengths = found.lengths
  shapes, rows_of = _place(lengths, layout)
  packed = [
    packing.pack_tiers(
      found.ids,
      found.offsets,
      texts,
      row_lengths=layout.row_lengths,
      row_counts=shape,
      pad_id=tokens.pad_id,
      row_of=row_of,
    )
    for texts, shape, row_of in zip(found.packs, shapes, rows_of, strict=True)
  ]
  tiers = [tier for pack in packed for tier in pack]
  return Batch(
    step=step,
    kind=plan.kind,
    rows={
      name: tuple(tier.arrays() for tier in pack)
      for name, pack in zip(layout.packs, packed, strict=True)
    },
    group=np.asarray(plan.group, np.int32),
    text=labels.texts(plan.passage_row),
    negative_group=labels.negative_groups(plan.negative_text, plan.group),
    negative_text=labels.negative_texts(plan.negative_text),
    query_row=np.asarray(plan.query_row, np.int32),
    passage_row=np.asarray(plan.passage_row, np.int32),
    parallel=plan.parallel_row >= 0,
    tokens=sum(int(np.sum(tier.segments_RL > 0)) for tier in tiers),
    slots=sum(tier.ids_RL.size for tier in tiers),
    attended=sum(int((x.astype(np.int64) ** 2).sum()) for x in lengths),
    certificate=certificate.of(plan, composer.corpus, found.switched),
  )


def _place(lengths, layout):
  """The first shapes at which all packs fit, and the row of each text."""
  for shapes in zip(*layout.shapes, strict=True):
    rows_of = []
    for pack, shape in zip(lengths, shapes, strict=True):
      row_of = None
      if pack.sum() <= row_shapes.slots([shape], layout.row_lengths):
        row_of = packing.place(pack, layout.row_lengths, shape)
      if row_of is None:
        break
      rows_of.append(row_of)
    else:
      return shapes, rows_of
  # `row_shapes.any_batch` gives each text a row.
  raise AssertionError(f"no shape of {layout.shapes} holds a batch")


def _kinds(composer, tokens, apart, switched):
  """(number, most tokens of one) of each kind of text, by pack."""

  def longest(side, stored):
    if switched is not None and side in switched.longest:
      return switched.longest[side]
    return int(tokens.lengths[stored[stored >= 0]].max())

  size = composer.batch_size
  parallel = size if composer.parallel_share else 0
  queries = (size + parallel, longest("query", tokens.query_of_row))
  passages = (
    size * (1 + composer.negatives),
    longest("passage", tokens.passage_of_text),
  )
  return [[queries], [passages]] if apart else [[queries, passages]]


def _given(row_counts, row_lengths, packs):
  """The shapes of `row_counts`, the same for each pack, by slots."""
  for shape in row_counts:
    if len(shape) != len(row_lengths) or not any(shape):
      raise ValueError(
        f"packing.row_counts has {tuple(shape)}; give a number of rows of each"
        f" of the {len(row_lengths)} lengths {row_lengths}"
      )
  return sorted(
    {(tuple(shape),) * packs for shape in row_counts},
    key=lambda joint: (row_shapes.slots(joint, row_lengths), joint),
  )


def _check_lengths(row_lengths, tokens):
  if not row_lengths or any(np.diff((0, *row_lengths)) < 1):
    raise ValueError(
      f"packing.row_lengths is {row_lengths}; give ascending lengths above 0"
    )
  longest = int(tokens.lengths.max())
  if longest > row_lengths[-1]:
    raise ValueError(
      f"packing.row_lengths {row_lengths} do not hold a text of {longest}"
      f" tokens; make the last {longest} or more, or cut texts shorter"
    )


def _slice(rows, index, count):
  size = rows // count
  return slice(index * size, (index + 1) * size)
