"""Config to model: its folder, its shape, its parameters, its tokenizer."""

import dataclasses
import functools
import logging
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
from jax.sharding import Mesh

from hybridret_jax.assembly import settled
from hybridret_jax.data import tokenizer as tokenizers
from hybridret_jax.ground import faults
from hybridret_jax.models import (
  attention,
  dual_encoder,
  encoder,
  huggingface,
  stated,
)
from hybridret_jax.parallel import mesh as meshes

SCRATCH = settled.SCRATCH
TRAIN_TOKENIZER = "train"
_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Model:
  """A dual encoder with what is needed to start and to ask it.

  Attributes:
    module: the flax module.
    tokenizer: its tokenizer.
    tokenizer_folder: where that lies.
    folder: the Hugging Face folder it starts from; None from scratch.
    init: boxed parameters from a key.
    prefixes: put before a text, by side.
    lengths: tokens a text is cut at outside training, by side.
    notes: where the config has its own word against the folder's.
  """

  module: dual_encoder.DualEncoder
  tokenizer: tokenizers.Tokenizer
  tokenizer_folder: pathlib.Path
  folder: pathlib.Path | None
  init: Callable[[jax.Array], Any]
  prefixes: dict[str, str] = dataclasses.field(default_factory=dict)
  lengths: dict[str, int] = dataclasses.field(default_factory=dict)
  notes: tuple[str, ...] = ()

  def pretrained(self, *, seed: int) -> Any:
    """Parameters of the folder, numpy; None from scratch."""
    if self.folder is None:
      return None
    return huggingface.load(
      self.folder, self.abstract(), self.module.encoder, seed=seed
    )

  def check_weights(self) -> None:
    """Looks whether the folder's weights fit, without reading them.

    Raises:
      ValueError: they do not.
    """
    if self.folder is not None:
      huggingface.check(self.folder, self.abstract(), self.module.encoder)

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

  What the config leaves open is what the folder says, see `settled`; where it
  contradicts the folder, that is logged.

  Args:
    config: the whole config.
    tokenizer_folder: of a model from scratch whose tokenizer was trained.

  Raises:
    ValueError: a setting or a folder that does not fit.
  """
  config = settled.of(config)
  wanted = config.model
  changes = {
    key: wanted[key]
    for key in (
      *("dropout", "attention_dropout", "dtype", "param_dtype", "remat"),
      "attention",
    )
  }
  said = stated.Stated()
  if wanted.init == SCRATCH:
    folder = None
    place = tokenizer_folder or pathlib.Path(wanted.tokenizer)
    text_tokenizer = tokenizers.load(place)
    shape = encoder.EncoderConfig(
      **{key: v for key, v in changes.items() if v is not None},
      **wanted.scratch,
      vocab_size=text_tokenizer.vocab_size,
      position_offset=0,
    )
  else:
    folder = huggingface.resolve(wanted.init, wanted.revision)
    said = stated.read(folder)
    shape = huggingface.read_config(folder, **changes)
    text_tokenizer, place = _tokenizer(wanted.tokenizer, folder, shape, said)
  notes = settled.notes(config, said)
  for note in notes:
    _LOG.warning("%s", note)
  commit = huggingface.commit(folder) if folder else None
  if commit:
    notes += (f"{wanted.init} was taken at commit {commit} of the hub.",)
  module = dual_encoder.DualEncoder(
    encoder=shape,
    pooling=wanted.pooling,
    projection=wanted.projection,
    projection_hidden=wanted.projection_hidden,
    tied=wanted.tied,
    truncate_dim=wanted.truncate_dim,
  )
  if not 0 <= wanted.truncate_dim <= module.whole_width:
    raise faults.Fault(
      folder or "model.truncate_dim",
      f"truncate_dim is {wanted.truncate_dim}, of vectors of"
      f" {module.whole_width} numbers",
      "set model.truncate_dim to as many or fewer (0: all)",
    )
  return Model(
    module,
    text_tokenizer,
    place,
    folder,
    functools.partial(_init, module),
    prefixes={side: config.data[f"{side}_prefix"] for side in stated.SIDES},
    lengths={
      side: min(config.evaluation[f"{side}_length"], shape.max_length)
      for side in stated.SIDES
    },
    notes=notes,
  )


def _tokenizer(
  wanted, folder, shape, said
) -> tuple[tokenizers.Tokenizer, pathlib.Path]:
  """The tokenizer of a folder, or another one that suits its encoder; where."""
  places = (
    [pathlib.Path(wanted).expanduser()]
    if wanted
    else list(stated.towers(folder).values())
  )
  loaded = [
    tokenizers.load(
      place,
      lower_case=said.lower_case,
      types=shape.type_vocab_size,
      second_type=shape.architecture.second_type(shape),
    )
    for place in places
  ]
  first, place = loaded[0], places[0] / tokenizers.FILE
  if any(other.hash != first.hash for other in loaded):
    raise faults.Fault(
      folder, "its towers have different tokenizers", "give both the same"
    )
  if first.vocab_size > shape.vocab_size:
    raise faults.Fault(
      place,
      f"gives ids up to {first.vocab_size - 1:,}, but the model's table, says"
      f" vocab_size of {folder / 'config.json'}, has {shape.vocab_size:,} rows",
      "give the tokenizer that the model was trained with, or resize the table",
    )
  if shape.position_offset and shape.position_offset != first.pad_id + 1:
    raise faults.Fault(
      places[0],
      f"its padding token has id {first.pad_id}, but pad_token_id of"
      f" {folder / 'config.json'}, from which positions count, is"
      f" {shape.position_offset - 1}",
      "set pad_token in tokenizer_config.json or pad_token_id in config.json",
    )
  return first, places[0]


def for_mesh(
  module: dual_encoder.DualEncoder, mesh: Mesh, *, training: bool
) -> dual_encoder.DualEncoder:
  """The module with what the mesh's devices are best at."""
  shape, platform = module.encoder, mesh.devices.flat[0].platform
  chosen = attention.choose(
    shape.attention,
    platform=platform,
    dropout=training and shape.attention_dropout > 0,
    dtype=shape.dtype,
  )
  # A GPU writes every product out before anything else is done to it, and
  # copies what a loop keeps: docs/results/accelerator.
  on_gpu = platform == "gpu"
  return module.clone(
    encoder=dataclasses.replace(
      shape,
      attention=chosen,
      narrow_products=on_gpu and shape.dtype == "bfloat16",
      unrolled=on_gpu and training,
    )
  )


def _init(module, key):
  row = jnp.zeros((1, 8), jnp.int32)
  tier = (row, row, row, row, jnp.zeros(1, jnp.int32))
  return module.init(key, (tier,), num_texts=1, method="every_tower")["params"]
