"""Config to model: its folder, its shape, its parameters, its tokenizer."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
from jax.sharding import Mesh

from hybridret_jax.data import tokenizer as tokenizers
from hybridret_jax.models import (
  attention,
  dual_encoder,
  encoder,
  huggingface,
)
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

  Raises:
    ValueError: a setting or a folder that does not fit.
  """
  wanted = config.model
  changes = {
    key: wanted[key]
    for key in (
      *("dropout", "attention_dropout", "dtype", "param_dtype", "remat"),
      "attention",
    )
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


def for_mesh(
  module: dual_encoder.DualEncoder, mesh: Mesh, *, training: bool
) -> dual_encoder.DualEncoder:
  """The module with the attention that the mesh's devices are best at."""
  shape = module.encoder
  chosen = attention.choose(
    shape.attention,
    platform=mesh.devices.flat[0].platform,
    dropout=training and shape.attention_dropout > 0,
    dtype=shape.dtype,
  )
  return module.clone(encoder=dataclasses.replace(shape, attention=chosen))


def _init(module, key):
  row = jnp.zeros((1, 8), jnp.int32)
  tier = (row, row, row, row, jnp.zeros(1, jnp.int32))
  return module.init(key, (tier,), num_texts=1, method="every_tower")["params"]
