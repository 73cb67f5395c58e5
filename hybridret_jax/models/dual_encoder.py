"""The dual encoder: packed rows in, one unit vector per text out."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from hybridret_jax.models import dense as denses
from hybridret_jax.models import encoder

POOLINGS = ("mean", "cls", "cls_dense_tanh", "last")


class DualEncoder(nn.Module):
  """Unit vectors of queries and passages.

  Attributes:
    encoder: shape of the encoder.
    pooling: "mean" of a text's tokens (E5), its first token ("cls"), that
      through a dense layer and tanh ("cls_dense_tanh", LaBSE), or its last
      token ("last", Qwen3).
    projection: width of a last linear layer; 0 leaves it out.
    projection_hidden: width of a linear layer before that one (EmbeddingGemma);
      0 leaves it out.
    tied: one tower for both sides; else each side has its own.
    truncate_dim: the first numbers of a vector, which are all that is used;
      0 uses all (Kusupati et al., arXiv 2205.13147).
  """

  encoder: encoder.EncoderConfig
  pooling: str = "mean"
  projection: int = 0
  projection_hidden: int = 0
  tied: bool = True
  truncate_dim: int = 0

  def setup(self):
    if self.pooling not in POOLINGS:
      raise ValueError(f"pooling {self.pooling!r} is not one of {POOLINGS}")
    names = ("both",) if self.tied else ("query", "passage")
    self.towers = {
      name: Tower(
        self.encoder,
        self.pooling,
        self.projection,
        self.projection_hidden,
        self.truncate_dim,
        name=name,
      )
      for name in names
    }

  def __call__(
    self,
    rows,
    *,
    num_texts,
    side="query",
    deterministic=True,
    token_vectors=None,
  ):
    """Embeds the texts of packed rows.

    Args:
      rows: a tuple of tiers, see `encoder.Encoder`: ids_RL, segments_RL,
        positions_RL, text_index_RL (the text of each token, in batch order;
        `num_texts` for padding), row_R (global number of each row) and, where
        pairs have types, types_RL.
      num_texts: N, how many vectors come out.
      side: "query" or "passage": the tower, where they are not tied.
      deterministic: False draws dropout from the "dropout" stream.
      token_vectors: see `encoder.Encoder`.

    Returns:
      z_ND of length one, float32 (float64 if the encoder computes in it); a
      number that no token names gives a zero vector.
    """
    return self.towers[self.tower(side)](
      rows,
      num_texts=num_texts,
      deterministic=deterministic,
      token_vectors=token_vectors,
    )

  def every_tower(self, rows, *, num_texts):
    """Runs each tower once, so that `init` makes all parameters."""
    for side in ("query", "passage"):
      z_ND = self(rows, num_texts=num_texts, side=side)
    return z_ND

  @property
  def whole_width(self) -> int:
    """Numbers of a vector before it is truncated."""
    return self.projection or self.encoder.hidden_size

  @property
  def dimension(self) -> int:
    """Numbers of a vector."""
    return self.truncate_dim or self.whole_width

  @property
  def heads(self) -> list[str]:
    """Names of the dense layers after the pooling."""
    there = {
      "dense": self.pooling == "cls_dense_tanh",
      "projection_hidden": self.projection_hidden,
      "projection": self.projection,
    }
    return [name for name, is_there in there.items() if is_there]

  @nn.nowrap
  def tower(self, side):
    """Name of the tower that embeds a side."""
    return "both" if self.tied else side


class Tower(nn.Module):
  """An encoder, its pooling and its head."""

  encoder: encoder.EncoderConfig
  pooling: str
  projection: int
  projection_hidden: int
  truncate_dim: int

  @nn.compact
  def __call__(self, rows, *, num_texts, deterministic, token_vectors):
    x_TD = encoder.Encoder(self.encoder, name="encoder")(
      rows, deterministic=deterministic, token_vectors=token_vectors
    )
    wide = jnp.promote_types(self.encoder.dtype, jnp.float32)
    taken, texts = [], []
    for _, segments_RL, positions_RL, text_index_RL, *_ in rows:
      taken_RL = segments_RL > 0
      if self.pooling.startswith("cls"):
        taken_RL &= positions_RL == 0
      if self.pooling == "last":
        after_RL = jnp.pad(segments_RL[:, 1:], ((0, 0), (0, 1)))
        taken_RL &= segments_RL != after_RL
      taken.append(taken_RL.reshape(-1))
      texts.append(text_index_RL.reshape(-1))
    z_ND, count_N = pool(
      x_TD.astype(wide),
      jnp.concatenate(taken),
      jnp.concatenate(texts),
      num_texts,
    )
    if self.pooling == "cls_dense_tanh":
      z_ND = nn.tanh(self._dense(z_ND.shape[-1], "dense", wide)(z_ND))
    if self.projection and self.projection_hidden:
      hidden = self._dense(self.projection_hidden, "projection_hidden", wide)
      z_ND = hidden(z_ND)
    if self.projection:
      z_ND = self._dense(self.projection, "projection", wide)(z_ND)
    if self.truncate_dim:
      z_ND = z_ND[:, : self.truncate_dim]
    # A head would give a text without tokens a vector of its biases.
    return unit(jnp.where(count_N[:, None] > 0, z_ND, 0))

  def _dense(self, features, name, dtype):
    return denses.Dense(
      features,
      ("embed", None),
      dtype,
      self.encoder.param_dtype,
      name=name,
    )


def unit(z_ND: jax.Array) -> jax.Array:
  """Vectors of length one; a zero vector stays zero."""
  # The floor keeps the gradient of an unused (zero) vector finite.
  square_N1 = jnp.sum(z_ND * z_ND, axis=-1, keepdims=True)
  return z_ND * jax.lax.rsqrt(jnp.maximum(square_N1, 1e-24))


def pool(
  x_TD: jax.Array, taken_T: jax.Array, text_T: jax.Array, num_texts: int
) -> tuple[jax.Array, jax.Array]:
  """Mean state z_ND of the taken tokens of each text, and their number.

  A text lies in one row, so slices of the rows add exact zeros to each other's
  texts.
  """
  index_T = jnp.where(taken_T, text_T, num_texts)
  sum_ND = jax.ops.segment_sum(x_TD, index_T, num_segments=num_texts + 1)[:-1]
  count_N = jax.ops.segment_sum(
    taken_T.astype(x_TD.dtype), index_T, num_segments=num_texts + 1
  )[:-1]
  return sum_ND / jnp.maximum(count_N, 1)[:, None], count_N
