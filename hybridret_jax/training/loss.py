"""In-batch contrastive losses over the global batch, block by block.

Each slice of the batch compares its own queries with the passages of all; a
block of scores is computed, used and dropped, forward and backward, so that no
matrix of all queries and passages ever exists.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from hybridret_jax.training import blocks

SAME_GROUP = ("mask", "positive", "negative")
DIRECTIONS = ("one_way", "symmetric", "four")


@dataclasses.dataclass(frozen=True)
class Vectors:
  """Unit vectors of one slice's pairs, b of the batch's B.

  Attributes:
    q_bD: queries.
    p_bD: their positives.
    n_cD: their hard negatives, c = b K, those of a query side by side.
    parallel_bD: the queries of the same items in a second language, or None.
    group_b: group of each pair; a passage of the query's own group in another
      row is a translation of its positive, hence a false negative.
    text_b: number of each positive, equal where two are one text.
    negative_group_c: the group of the batch that has a hard negative among its
      passages, in any language; -1 where there is none.
    negative_text_c: number of each hard negative, as `text_b`.
    has_parallel_b: which pairs have one, or None.
    valid_b: which pairs exist: a batch is padded to a multiple of the slices.
    index_b: number of each pair in the batch.
  """

  q_bD: jax.Array
  p_bD: jax.Array
  n_cD: jax.Array
  group_b: jax.Array
  text_b: jax.Array
  negative_group_c: jax.Array
  negative_text_c: jax.Array
  valid_b: jax.Array
  index_b: jax.Array
  parallel_bD: jax.Array | None = None
  has_parallel_b: jax.Array | None = None


def contrastive(
  vectors: Vectors,
  *,
  temperature: jax.Array | float,
  gather: Callable[[jax.Array], jax.Array] = lambda x: x,
  total: Callable[[Any], Any] = lambda x: x,
  directions: str = "one_way",
  same_group: str = "mask",
  hard_negative_weight: float = 1.0,
  alignment_weight: float = 0.0,
  matryoshka_dims: tuple[int, ...] = (),
  block_size: int = 4096,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """The mean loss of a batch, of which a slice holds its own vectors.

  L = mean_i -log( exp(s_ii / τ) / Σ_j exp(s_ij / τ) ), s the cosine
  (Oord et al., arXiv 1807.03748, eq. 4; METHOD: arXiv 2408.10536, section 3).

  Args:
    vectors: of this slice.
    temperature: τ.
    gather: this slice's array -> the arrays of all slices, one after another.
    total: this slice's values -> their sums over slices.
    directions: "one_way", queries to passages; "symmetric", also positives to
      queries, the mean of the two; "four", one sum over queries to passages,
      queries to other queries, positives to queries and positives to other
      positives (Li et al., "GTE", arXiv 2308.03281, eq. 3).
    same_group: "mask" leaves pairs of one group out of each other's sums, and
      out of a query's sum every hard negative that is a passage of its group;
      "positive" takes the mean of -log p over all positives of the group
      (Khosla et al., arXiv 2004.11362, eq. 2), in the directions between
      queries and passages, and leaves out what "mask" does elsewhere;
      "negative" counts translations as negatives and leaves out only what is
      one text with the query's own positive.
    hard_negative_weight: how often a query's own hard negatives count in its
      sum; to the other queries they are passages like any.
    alignment_weight: of the divergence (`alignment`) between a query's and its
      parallel query's distributions over the passages; 0 leaves it out.
    matryoshka_dims: the loss is summed over vectors cut to these widths, made
      unit again, and over the whole ones (Kusupati et al., arXiv 2205.13147,
      eq. 1, all weights 1).
    block_size: passages (or queries) whose scores are held at a time.

  Returns:
    The loss and {"accuracy"}: the share of queries whose best passage, those
    left out aside, is their positive (or one of them); with an alignment term
    also {"alignment"}. The same on every slice.

  Raises:
    ValueError: a setting that is unknown or does not fit the vectors.
  """
  _check(
    vectors, directions, same_group, hard_negative_weight, alignment_weight
  )
  width = vectors.q_bD.shape[1]
  if any(not 0 < d < width for d in matryoshka_dims):
    raise ValueError(
      f"matryoshka_dims {tuple(matryoshka_dims)}: each must be above 0 and"
      f" below the {width} dimensions of the vectors"
    )
  count = total(vectors.valid_b.sum().astype(vectors.q_bD.dtype))
  loss = jnp.zeros((), vectors.q_bD.dtype)
  metrics: dict[str, jax.Array] = {}
  for dims in (*sorted(matryoshka_dims), width):
    cut = vectors if dims == width else _cut(vectors, dims)
    scores = blocks.Scores(temperature, block_size, gather)
    loss_b, hit_b = _losses(
      cut, scores, directions, same_group, hard_negative_weight
    )
    valid_b = vectors.valid_b
    loss += total(jnp.where(valid_b, loss_b, 0).sum()) / count
    hits = total(jnp.where(valid_b, hit_b, False).sum().astype(loss.dtype))
    metrics["accuracy"] = hits / count
    if alignment_weight:
      value = _alignment(cut, scores, total)
      metrics["alignment"] = value
      loss += alignment_weight * value
  return loss, metrics


def label(same_group: str) -> str:
  """Which number passages share that are no negatives: "group" or "text"."""
  return "text" if same_group == "negative" else "group"


def whole(
  q_BD: jax.Array,
  p_ND: jax.Array,
  group_B: jax.Array,
  parallel_BD: jax.Array | None = None,
  has_parallel_B: jax.Array | None = None,
  *,
  text_B: jax.Array | None = None,
  negative_group_BK: jax.Array | None = None,
  negative_text_BK: jax.Array | None = None,
) -> Vectors:
  """A whole batch as the only slice.

  Args:
    q_BD: unit query vectors.
    p_ND: unit passage vectors, N = B (1 + K): the positive of query i is row
      i, its hard negatives are rows B + iK … B + (i+1)K - 1.
    group_B: see `Vectors`.
    parallel_BD: see `Vectors`.
    has_parallel_B: see `Vectors`.
    text_B: see `Vectors`; None: no two are one text.
    negative_group_BK: see `Vectors`; None: no hard negative is a passage of a
      group of the batch.
    negative_text_BK: see `Vectors`; None: none is a positive's text.
  """
  batch = q_BD.shape[0]
  none_c = jnp.full(p_ND.shape[0] - batch, -1)
  return Vectors(
    q_bD=q_BD,
    p_bD=p_ND[:batch],
    n_cD=p_ND[batch:],
    group_b=group_B,
    text_b=jnp.arange(batch) if text_B is None else text_B,
    negative_group_c=none_c
    if negative_group_BK is None
    else negative_group_BK.reshape(-1),
    negative_text_c=none_c
    if negative_text_BK is None
    else negative_text_BK.reshape(-1),
    valid_b=jnp.ones(batch, bool),
    index_b=jnp.arange(batch),
    parallel_bD=parallel_BD,
    has_parallel_b=has_parallel_B,
  )


def _check(vectors, directions, same_group, hard_weight, alignment_weight):
  for name, value, known in (
    ("directions", directions, DIRECTIONS),
    ("same_group", same_group, SAME_GROUP),
  ):
    if value not in known:
      raise ValueError(f"{name} {value!r} is not one of {known}")
  batch = vectors.q_bD.shape[0]
  if vectors.p_bD.shape[0] != batch or vectors.n_cD.shape[0] % batch:
    raise ValueError(
      f"{vectors.p_bD.shape[0]} positives and {vectors.n_cD.shape[0]} hard"
      f" negatives for {batch} queries: not a whole number each"
    )
  if hard_weight < 0:
    raise ValueError(f"hard_negative_weight {hard_weight} is below 0")
  if alignment_weight and vectors.parallel_bD is None:
    raise ValueError(
      f"alignment_weight {alignment_weight} without parallel queries; set"
      " batches.parallel_share above 0, or the weight to 0"
    )


def _cut(vectors, dims):
  def shorter(x):
    if x is None:
      return None
    x = x[:, :dims]
    square = jnp.sum(x * x, axis=-1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(square, 1e-24))

  return dataclasses.replace(
    vectors,
    q_bD=shorter(vectors.q_bD),
    p_bD=shorter(vectors.p_bD),
    n_cD=shorter(vectors.n_cD),
    parallel_bD=shorter(vectors.parallel_bD),
  )


def _losses(vectors, scores, directions, same_group, hard_weight):
  """(loss, whether the best passage is a positive) of each query, [b]."""
  name = label(same_group)
  own = blocks.Side(
    vectors.index_b, getattr(vectors, f"{name}_b"), vectors.valid_b
  )
  pairs = blocks.Relation(
    own_is_positive=True, same_is_positive=same_group == "positive"
  )
  hard = None
  if vectors.n_cD.shape[0]:
    label_c = getattr(vectors, f"negative_{name}_c")
    hard = blocks.Hard(vectors.n_cD, label_c, hard_weight)
  forward = scores.compare(
    vectors.q_bD,
    own,
    vectors.p_bD,
    own,
    pairs,
    hard=hard,
  )
  if directions == "one_way":
    return forward.normalizer_b - forward.positive_b, forward.hit_b
  backward = scores.compare(vectors.p_bD, own, vectors.q_bD, own, pairs)
  if directions == "symmetric":
    loss_b = (
      forward.normalizer_b
      - forward.positive_b
      + backward.normalizer_b
      - backward.positive_b
    ) / 2
    return loss_b, forward.hit_b
  others = blocks.Relation(own_is_positive=False, same_is_positive=False)
  normalizers = [forward.normalizer_b, backward.normalizer_b] + [
    scores.compare(x_bD, own, x_bD, own, others).normalizer_b
    for x_bD in (vectors.q_bD, vectors.p_bD)
  ]
  normalizer_b = jax.nn.logsumexp(jnp.stack(normalizers), axis=0)
  return normalizer_b - forward.positive_b, forward.hit_b


def _alignment(vectors, scores, total):
  """Mean symmetric divergence of the pairs that carry a parallel query.

  ½ [KL(P ‖ P') + KL(P' ‖ P)] of P = softmax_j(s(q_i, p_j) / τ) and P' of the
  parallel query, over all passages of the batch.
  """
  passages_bD = vectors.p_bD
  divergence_b = scores.divergence(
    vectors.q_bD,
    vectors.parallel_bD,
    [(passages_bD, vectors.valid_b), (vectors.n_cD, _repeat(vectors))],
  )
  has_b = vectors.has_parallel_b & vectors.valid_b
  number = total(has_b.sum().astype(divergence_b.dtype))
  together = total(jnp.where(has_b, divergence_b, 0).sum())
  return together / jnp.maximum(number, 1)


def _repeat(vectors):
  batch = vectors.q_bD.shape[0]
  return jnp.repeat(vectors.valid_b, vectors.n_cD.shape[0] // batch)
