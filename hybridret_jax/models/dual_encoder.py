"""The dual encoder: packed rows in, one unit vector per text out."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from hybridret_jax.models import encoder

POOLINGS = ("mean", "cls", "cls_dense_tanh")


class DualEncoder(nn.Module):
  """Unit vectors of queries and passages.

  Attributes:
    encoder: shape of the encoder.
    pooling: "mean" of a text's tokens (E5), its first token ("cls"), or that
      through a dense layer and tanh ("cls_dense_tanh", LaBSE).
    projection: width of a last linear layer; 0 leaves it out.
    tied: one tower for both sides; else each side has its own.
  """

  encoder: encoder.EncoderConfig
  pooling: str = "mean"
  projection: int = 0
  tied: bool = True

  def setup(self):
    if self.pooling not in POOLINGS:
      raise ValueError(f"pooling {self.pooling!r} is not one of {POOLINGS}")
    names = ("both",) if self.tied else ("query", "passage")
    self.towers = {
      name: Tower(self.encoder, self.pooling, self.projection, name=name)
      for name in names
    }

  def __call__(
    self,
    ids_RL,
    segments_RL,
    positions_RL,
    text_index_RL,
    *,
    num_texts,
    side="query",
    row_R=None,
    deterministic=True,
  ):
    """Embeds the texts of packed rows.

    Args:
      ids_RL: token ids.
      segments_RL: segment number of each token in its row, 0 for padding.
      positions_RL: position of each token in its text, from 0.
      text_index_RL: the text of each token, in batch order; `num_texts` for
        padding.
      num_texts: N, how many vectors come out.
      side: "query" or "passage": the tower, where they are not tied.
      row_R: global number of each row, by default 0 … R-1.
      deterministic: False draws dropout from the "dropout" stream.

    Returns:
      z_ND of length one, float32 (float64 if the encoder computes in it); a
      number that no token names gives a zero vector.
    """
    if row_R is None:
      row_R = jnp.arange(ids_RL.shape[0])
    tower = self.towers["both" if self.tied else side]
    return tower(
      ids_RL,
      segments_RL,
      positions_RL,
      text_index_RL,
      row_R,
      num_texts=num_texts,
      deterministic=deterministic,
    )

  def every_tower(self, *rows, num_texts):
    """Runs each tower once, so that `init` makes all parameters."""
    for side in ("query", "passage"):
      z_ND = self(*rows, num_texts=num_texts, side=side)
    return z_ND


class Tower(nn.Module):
  """An encoder, its pooling and its head."""

  encoder: encoder.EncoderConfig
  pooling: str
  projection: int

  @nn.compact
  def __call__(
    self,
    ids_RL,
    segments_RL,
    positions_RL,
    text_index_RL,
    row_R,
    *,
    num_texts,
    deterministic,
  ):
    x_RLD = encoder.Encoder(self.encoder, name="encoder")(
      ids_RL, segments_RL, positions_RL, row_R, deterministic=deterministic
    )
    wide = jnp.promote_types(self.encoder.dtype, jnp.float32)
    if self.pooling == "mean":
      taken_RL = segments_RL > 0
    else:
      taken_RL = (segments_RL > 0) & (positions_RL == 0)
    z_ND = pool(x_RLD.astype(wide), taken_RL, text_index_RL, num_texts)
    if self.pooling == "cls_dense_tanh":
      z_ND = nn.tanh(self._dense(z_ND.shape[-1], "dense", wide)(z_ND))
    if self.projection:
      z_ND = self._dense(self.projection, "projection", wide)(z_ND)
    # The floor keeps the gradient of an unused (zero) vector finite.
    square_N1 = jnp.sum(z_ND * z_ND, axis=-1, keepdims=True)
    return z_ND * jax.lax.rsqrt(jnp.maximum(square_N1, 1e-24))

  def _dense(self, features, name, dtype):
    return nn.Dense(
      features,
      name=name,
      dtype=dtype,
      param_dtype=self.encoder.param_dtype,
      kernel_init=nn.with_logical_partitioning(
        nn.initializers.normal(0.02), ("embed", None)
      ),
      bias_init=nn.with_logical_partitioning(nn.initializers.zeros, (None,)),
    )


def pool(
  x_RLD: jax.Array,
  taken_RL: jax.Array,
  text_index_RL: jax.Array,
  num_texts: int,
) -> jax.Array:
  """Mean state z_ND of the taken tokens of each text; zero if it has none.

  A text lies in one row, so slices of the rows add exact zeros to each other's
  texts.
  """
  width = x_RLD.shape[-1]
  taken_T = taken_RL.reshape(-1)
  index_T = jnp.where(taken_T, text_index_RL.reshape(-1), num_texts)
  sum_ND = jax.ops.segment_sum(
    x_RLD.reshape(-1, width), index_T, num_segments=num_texts + 1
  )[:-1]
  count_N = jax.ops.segment_sum(
    taken_T.astype(x_RLD.dtype), index_T, num_segments=num_texts + 1
  )[:-1]
  return sum_ND / jnp.maximum(count_N, 1)[:, None]
