"""Config to model: its folder, its shape, its parameters, its tokenizer."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from hybridret_jax.data import tokenizer as tokenizers
from hybridret_jax.models import dual_encoder, encoder, huggingface
from hybridret_jax.parallel import mesh as meshes

SCRATCH = "scratch"
TRAIN_TOKENIZER = "train"


@dataclasses.dataclass(frozen=True)
class Model:
  """A dual encoder with what is needed to start it.

  Attributes:
    module: the flax module.
    tokenizer: its tokenizer.
    folder: the Hugging Face folder it starts from; None from scratch.
    init: boxed parameters from a key.
  """

  module: dual_encoder.DualEncoder
  tokenizer: tokenizers.Tokenizer
  folder: pathlib.Path | None
  init: Callable[[jax.Array], Any]

  def pretrained(self, *, seed: int) -> Any:
    """Parameters of the folder, numpy; None from scratch."""
    if self.folder is None:
      return None
    return huggingface.load(
      self.folder, self.abstract(), self.module.encoder, seed=seed
    )

  def start(self, *, seed: int) -> Any:
    """Parameters to start from: the folder's, else drawn."""
    params = self.pretrained(seed=seed)
    return (
      meshes.unbox(jax.jit(self.init)(jax.random.key(seed)))
      if params is None
      else params
    )

  def abstract(self) -> Any:
    """Shapes of the parameters."""
    return meshes.unbox(jax.eval_shape(self.init, jax.random.key(0)))


def make(
  config: ml_collections.ConfigDict,
  tokenizer_folder: pathlib.Path | None = None,
) -> Model:
  """The model of a config.

  Args:
    config: the whole config.
    tokenizer_folder: of a model from scratch whose tokenizer was trained.
  """
  wanted = config.model
  changes = {
    key: wanted[key]
    for key in ("dropout", "attention_dropout", "dtype", "param_dtype", "remat")
  }
  if wanted.init == SCRATCH:
    folder = None
    text_tokenizer = tokenizers.load(
      tokenizer_folder or pathlib.Path(wanted.tokenizer)
    )
    shape = encoder.EncoderConfig(
      **{key: v for key, v in changes.items() if v is not None},
      **wanted.scratch,
      vocab_size=text_tokenizer.vocab_size,
      position_offset=0,
    )
  else:
    folder = huggingface.resolve(wanted.init)
    text_tokenizer = tokenizers.load(
      pathlib.Path(wanted.tokenizer) if wanted.tokenizer else folder
    )
    shape = huggingface.read_config(folder, **changes)
  module = dual_encoder.DualEncoder(
    encoder=shape,
    pooling=wanted.pooling,
    projection=wanted.projection,
    tied=wanted.tied,
  )
  return Model(module, text_tokenizer, folder, functools.partial(_init, module))


def pair_embedder(
  module: dual_encoder.DualEncoder, *, batch_size: int, negatives: int
) -> Callable[..., tuple[jax.Array, jax.Array]]:
  """(model parameters, rows, dropout key) -> (q_BD, p_ND), for a train step."""
  passages = batch_size * (1 + negatives)

  def embed(params, rows, key):
    def apply(pack, num_texts, side, key) -> Any:
      return module.apply(
        {"params": params},
        *pack,
        num_texts=num_texts,
        side=side,
        deterministic=False,
        rngs={"dropout": key},
      )

    if "both" in rows:
      z_ND = apply(rows["both"], batch_size + passages, "query", key)
      return z_ND[:batch_size], z_ND[batch_size:]
    query_key, passage_key = jax.random.split(key)
    return (
      apply(rows["query"], batch_size, "query", query_key),
      apply(rows["passage"], passages, "passage", passage_key),
    )

  return embed


def _init(module, key):
  row = jnp.zeros((1, 8), jnp.int32)
  return module.init(
    key, row, row, row, row, num_texts=1, method="every_tower"
  )["params"]
