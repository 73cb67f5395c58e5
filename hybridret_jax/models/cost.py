"""FLOPs of a dual encoder and of its training step, counted from shapes.

A multiply-add is 2. Only matrix products count, as is usual (Kaplan et al.,
arXiv 2001.08361, table 1): look-ups, norms, softmax, gelu, pooling and the
optimizer do not.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from hybridret_jax.models import attention, dual_encoder

_BACKWARD = 2  # A product has two gradients, each a product of its size.
# Square score matrices beside the one of queries and passages.
_SQUARES = {"one_way": 0, "symmetric": 1, "four": 3}


@dataclasses.dataclass(frozen=True)
class Work:
  """What an encoder is asked for: texts alone, or rows as they are run.

  Attributes:
    tokens: that go through the dense layers.
    attended: (query, key) pairs that attention scores in a layer that sees all
      of a text: the sum of squared lengths, of the texts or of the rows.
    texts: vectors that the head makes.
    rows: (number, length) of rows as they are run; empty of texts alone.
  """

  tokens: int
  attended: int
  texts: int
  rows: tuple[tuple[int, int], ...] = ()


@dataclasses.dataclass(frozen=True)
class Flops:
  """FLOPs of a training step or of a part of it.

  Attributes:
    model: forward and backward, each product once.
    recomputed: products that are done a second time, mostly because the
      backward pass needs what was not kept.
  """

  model: int
  recomputed: int

  @property
  def hardware(self) -> int:
    """What the devices do."""
    return self.model + self.recomputed

  def __add__(self, other: "Flops") -> "Flops":
    return Flops(self.model + other.model, self.recomputed + other.recomputed)


def executed(rows: Sequence[Any], *, texts: int) -> Work:
  """The work of a pack as it is run: rows as a whole, padding too.

  Args:
    rows: a tuple of tiers; the first array of each is [R, L], its shape is all
      that is read. Global arrays count the whole batch.
    texts: vectors that come out; where the batch is split into slices, each
      slice makes all.
  """
  shapes = tuple(tier[0].shape for tier in rows)
  return Work(
    tokens=sum(rows * length for rows, length in shapes),
    attended=sum(rows * length**2 for rows, length in shapes),
    texts=texts,
    rows=shapes,
  )


def forward(module: dual_encoder.DualEncoder, work: Work) -> int:
  """FLOPs from tokens to vectors."""
  width = module.encoder.hidden_size
  hidden = module.projection_hidden if module.projection else 0
  head = (hidden or width) * module.projection + width * hidden
  if module.pooling == "cls_dense_tanh":
    head += width**2
  return _dense(module, work) + _attention(module, work) + 2 * work.texts * head


def train_step(
  module: dual_encoder.DualEncoder, work: Work, *, chunks: int = 1
) -> Flops:
  """FLOPs of embedding a pack and of the way back; `loss` is apart.

  Frozen parts are counted as if they learnt. What attention computes again
  inside itself, in a fused kernel or in rows of more than `windows.LONG`
  tokens, is not counted.

  Args:
    module: the dual encoder; `encoder.remat` says what is recomputed.
    work: of the pack.
    chunks: more than one embeds everything twice (GradCache, Gao et al., arXiv
      2101.06983).
  """
  once = forward(module, work)
  recomputed = {
    "none": 0,
    "dense": _attention(module, work) // 2,  # The scores.
    "full": _dense(module, work) + _attention(module, work),
  }[module.encoder.remat]
  if chunks > 1:
    recomputed += once
  return Flops((1 + _BACKWARD) * once, recomputed)


def loss(
  module: dual_encoder.DualEncoder,
  *,
  pairs: int,
  negatives: int = 0,
  directions: str = "one_way",
  alignment: bool = False,
  matryoshka_dims: Sequence[int] = (),
  block_size: int = 4096,
) -> Flops:
  """FLOPs of the scores of a batch and of the way back to its vectors.

  Args:
    module: whose vectors they are.
    pairs: B, of the global batch.
    negatives: K, hard negatives of each.
    directions: "one_way", "symmetric" or "four", as the loss means them.
    alignment: whether the loss has its alignment term.
    matryoshka_dims: widths that are scored beside the whole.
    block_size: passages whose scores are held at a time; with more of them
      scores are computed again on the way back.

  Raises:
    ValueError: unknown `directions`.
  """
  if directions not in _SQUARES:
    raise ValueError(
      f"directions {directions!r} is not one of {tuple(_SQUARES)}"
    )
  width = module.dimension
  once = 2 * pairs * (sum(matryoshka_dims) + width)
  model = recomputed = 0
  for columns, squares in (
    (pairs, _SQUARES[directions]),
    (pairs * negatives, 0),
  ):
    blocked = columns > block_size
    model += (1 + _BACKWARD) * columns * (squares + 1 + alignment)
    # The alignment's own scores of queries have gradients of their own; their
    # forward product is the loss's, unless both come and go block by block.
    recomputed += columns * (blocked * (squares + 1 + 2 * alignment))
    recomputed += columns * (alignment * (_BACKWARD + blocked))
  return Flops(once * model, once * recomputed)


def _dense(module, work):
  """Query, key, value and output projections and the MLP, of all layers."""
  config = module.encoder
  products = config.architecture.products(config)
  return 2 * config.num_layers * work.tokens * products


def _attention(module, work):
  """Scores and mix of all heads, of all layers."""
  config = module.encoder
  width = config.num_heads * config.architecture.head_size(config)
  pairs = sum(_pairs(work, kind.window) for kind in config.kinds)
  return 2 * pairs * 2 * width


def _pairs(work, window):
  """Of a layer; of texts whose lengths are not known, the most it can be."""
  if window is None:
    return work.attended
  if work.rows:
    return sum(
      rows * length * attention.span(length, window)
      for rows, length in work.rows
    )
  return min(work.attended, work.tokens * (2 * window + 1))
