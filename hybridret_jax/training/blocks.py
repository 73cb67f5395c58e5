"""Sums over score blocks that are computed, used and dropped."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

_LEAST = -1e30  # Stands for "no score yet": finite, so that 0 x it is 0.


@dataclasses.dataclass(frozen=True)
class Side:
  """What masks are made from: [b] each, of the vectors of one side.

  Attributes:
    index_b: number of the pair.
    label_b: equal where one is no negative of the other.
    valid_b: whether it exists.
  """

  index_b: jax.Array
  label_b: jax.Array
  valid_b: jax.Array


@dataclasses.dataclass(frozen=True)
class Relation:
  """Who counts as what.

  Attributes:
    own_is_positive: the vector of the same pair is the positive; otherwise it
      is left out (a query among queries is itself).
    same_is_positive: so are all of the same label, which are left out
      otherwise.
  """

  own_is_positive: bool
  same_is_positive: bool

  def of(self, row: Side, column: Side) -> tuple[jax.Array, jax.Array]:
    """(kept_bW, positive_bW) of rows against columns."""
    own_bW = row.index_b[:, None] == column.index_b[None, :]
    same_bW = row.label_b[:, None] == column.label_b[None, :]
    valid_bW = jnp.broadcast_to(column.valid_b[None, :], own_bW.shape)
    if not self.own_is_positive:
      return ~(own_bW | same_bW) & valid_bW, jnp.zeros_like(own_bW)
    if self.same_is_positive:
      return valid_bW, same_bW & valid_bW
    return (own_bW | ~same_bW) & valid_bW, own_bW


@dataclasses.dataclass(frozen=True)
class Hard:
  """Hard negatives of a slice's pairs, c = b K, those of a pair side by side.

  Attributes:
    n_cD: unit vectors.
    label_c: the label of the pairs that each is no negative of.
    weight: how often its own pair's sum counts one.
  """

  n_cD: jax.Array
  label_c: jax.Array
  weight: float


@dataclasses.dataclass(frozen=True)
class Compared:
  """What came of comparing b vectors with many.

  Attributes:
    normalizer_b: log Σ exp(s / τ) over what is kept.
    positive_b: mean s / τ of the positives.
    hit_b: whether the best that is kept is a positive.
  """

  normalizer_b: jax.Array
  positive_b: jax.Array
  hit_b: jax.Array


@dataclasses.dataclass(frozen=True)
class Scores:
  """Cosines over τ, a block of columns at a time.

  Attributes:
    temperature: τ.
    block_size: columns whose scores are held at a time.
    gather: a slice's array -> those of all slices, one after another.
  """

  temperature: jax.Array | float
  block_size: int
  gather: Callable[[jax.Array], jax.Array]

  def compare(
    self,
    x_bD: jax.Array,
    rows: Side,
    y_bD: jax.Array,
    columns: Side,
    relation: Relation,
    hard: Hard | None = None,
  ) -> Compared:
    """Compares this slice's x with the y of all slices.

    Args:
      x_bD: unit vectors.
      rows: of `x_bD`.
      y_bD: unit vectors of this slice; those of all are gathered.
      columns: of `y_bD`.
      relation: who counts as what.
      hard: hard negatives of `x_bD`.
    """
    start = (
      jnp.full_like(x_bD[:, 0], _LEAST),
      *(jnp.zeros_like(x_bD[:, 0]) for _ in range(3)),
      jnp.full_like(x_bD[:, 0], _LEAST),
      jnp.zeros_like(x_bD[:, 0]) > 1,
    )

    def body(carry, y_WD, column):
      kept_bW, positive_bW = relation.of(rows, column)
      scores_bW = self._scores(x_bD, y_WD)
      return _add(carry, scores_bW, kept_bW, positive_bW, 0.0)

    carry = self._sweep(body, start, y_bD, columns)
    if hard is not None:
      weight = hard.weight
      repeats = hard.n_cD.shape[0] // y_bD.shape[0]
      of_hard = dataclasses.replace(
        jax.tree.map(lambda x: jnp.repeat(x, repeats), columns),
        label_b=hard.label_c,
      )

      def hard_body(carry, n_WD, column):
        own_bW = rows.index_b[:, None] == column.index_b[None, :]
        same_bW = rows.label_b[:, None] == column.label_b[None, :]
        kept_bW = column.valid_b[None, :] & ~same_bW
        if not weight:
          kept_bW &= ~own_bW
        scores_bW = self._scores(x_bD, n_WD)
        extra_bW = jnp.where(own_bW, math.log(weight or 1.0), 0.0)
        none_bW = jnp.zeros_like(own_bW)
        return _add(carry, scores_bW, kept_bW, none_bW, extra_bW)

      carry = self._sweep(hard_body, carry, hard.n_cD, of_hard)
    peak_b, sum_b, positive_b, positives_b, _, hit_b = carry
    # A padding row may keep nothing; its loss is dropped, its gradient is 0.
    sum_b = jnp.where(sum_b > 0, sum_b, 1)
    return Compared(
      normalizer_b=peak_b + jnp.log(sum_b),
      positive_b=positive_b / jnp.maximum(positives_b, 1),
      hit_b=hit_b,
    )

  def divergence(
    self,
    x_bD: jax.Array,
    other_bD: jax.Array,
    passages: Sequence[tuple[jax.Array, jax.Array]],
  ) -> jax.Array:
    """½ [KL(P ‖ P') + KL(P' ‖ P)] of x's and other's softmax over passages.

    With d = (s - s') / τ it is ½ (E_P d - E_P' d): the normalizers cancel.

    Args:
      x_bD: unit vectors.
      other_bD: unit vectors that are held against them.
      passages: (vectors of this slice, which of them exist).
    """
    zero_b = jnp.zeros_like(x_bD[:, 0])
    carry = (jnp.full_like(zero_b, _LEAST), zero_b, zero_b) * 2

    def body(carry, y_WD, valid_W):
      one_bW, two_bW = self._scores(x_bD, y_WD), self._scores(other_bD, y_WD)
      difference_bW = one_bW - two_bW
      out = []
      for scores_bW, (peak_b, sum_b, mean_b) in (
        (one_bW, carry[:3]),
        (two_bW, carry[3:]),
      ):
        kept_bW = jnp.where(valid_W[None, :], scores_bW, _LEAST)
        higher_b = _peak(peak_b, kept_bW)
        shrink_b = jnp.exp(peak_b - higher_b)
        weight_bW = jnp.where(
          valid_W[None, :], jnp.exp(kept_bW - higher_b[:, None]), 0
        )
        out += [
          higher_b,
          sum_b * shrink_b + weight_bW.sum(1),
          mean_b * shrink_b + (weight_bW * difference_bW).sum(1),
        ]
      return tuple(out)

    for y_bD, valid_b in passages:
      if y_bD.shape[0]:
        carry = self._sweep(body, carry, y_bD, valid_b)
    _, sum_b, mean_b, _, sum2_b, mean2_b = carry
    return (mean_b / sum_b - mean2_b / sum2_b) / 2

  def _scores(self, x_bD, y_WD):
    return (
      jnp.matmul(
        x_bD,
        y_WD.T,
        precision=jax.lax.Precision.HIGHEST,
        preferred_element_type=x_bD.dtype,
      )
      / self.temperature
    )

  def _sweep(self, body, carry, y_bD, columns: Any):
    """`body(carry, block of all slices' y, its columns)` over all blocks."""
    y_ND, columns = jax.tree.map(self.gather, (y_bD, columns))
    number = y_ND.shape[0]
    size = min(self.block_size, number)
    count = -(-number // size)
    if count == 1:
      return body(carry, y_ND, columns)
    # Columns beyond the last are the first ones again, and not valid.
    extra = count * size - number

    def cut(x):
      padded = jnp.concatenate([x, x[:extra]]) if extra else x
      return padded.reshape(count, size, *x.shape[1:])

    real = jnp.arange(count * size).reshape(count, size) < number

    def step(carry, block):
      y_WD, column, real_W = block
      return body(carry, y_WD, _only(column, real_W)), None

    # Of a block's scores the backward pass keeps nothing.
    carry, _ = jax.lax.scan(
      jax.checkpoint(step),
      carry,
      (*jax.tree.map(cut, (y_ND, columns)), real),
    )
    return carry


def _only(column, real_W):
  if isinstance(column, Side):
    return dataclasses.replace(column, valid_b=column.valid_b & real_W)
  return column & real_W


def _add(carry, scores_bW, kept_bW, positive_bW, extra_bW):
  peak_b, sum_b, positive_b, positives_b, best_b, hit_b = carry
  weighed_bW = jnp.where(kept_bW, scores_bW + extra_bW, _LEAST)
  higher_b = _peak(peak_b, weighed_bW)
  # where, not a product: what is left out must have no gradient at all.
  terms_bW = jnp.where(kept_bW, jnp.exp(weighed_bW - higher_b[:, None]), 0)
  top_b, is_positive_b = _best(scores_bW, kept_bW, positive_bW)
  return (
    higher_b,
    sum_b * jnp.exp(peak_b - higher_b) + terms_bW.sum(1),
    positive_b + jnp.where(positive_bW, scores_bW, 0).sum(1),
    positives_b + positive_bW.sum(1).astype(positives_b.dtype),
    jnp.maximum(best_b, top_b),
    jnp.where(top_b > best_b, is_positive_b, hit_b),
  )


def _peak(peak_b, scores_bW):
  # Any shift is right; its gradient is exactly none.
  return jax.lax.stop_gradient(jnp.maximum(peak_b, scores_bW.max(1)))


def _best(scores_bW, kept_bW, positive_bW):
  scores_bW = jax.lax.stop_gradient(jnp.where(kept_bW, scores_bW, _LEAST))
  best_b = jnp.argmax(scores_bW, axis=1)
  row_b = jnp.arange(len(best_b))
  return scores_bW[row_b, best_b], positive_bW[row_b, best_b]


jax.tree_util.register_dataclass(
  Side, data_fields=["index_b", "label_b", "valid_b"], meta_fields=[]
)
