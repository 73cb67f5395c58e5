"""What an architecture is: what its file has to say, and nothing else does."""

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from hybridret_jax.ground import settings_file

if TYPE_CHECKING:
  from hybridret_jax.models.encoder import EncoderConfig

_NEVER_USED = (
  r"(lm_head|cls|classifier|qa_outputs|pooler)\.|.*position_ids$"
  r"|.*rotary_emb\.inv_freq$"
)


@dataclasses.dataclass(frozen=True)
class Kind:
  """What sets a layer apart from the others of its encoder.

  Attributes:
    window: tokens that attention sees to either side; None for all of a text.
    causal: whether a token sees none that come after it.
    theta: base of the rotary positions; None where there are none.
    first: whether it is a first layer that is unlike the others.
  """

  window: int | None = None
  causal: bool = False
  theta: float | None = None
  first: bool = False


@dataclasses.dataclass(frozen=True)
class Source:
  """Where a parameter lies in a Hugging Face folder.

  Attributes:
    name: of the tensor; `{}` is the layer, stacked on our leading axis.
    part: which of the equal parts of its leading axis, from 0.
    parts: how many parameters of ours lie in the tensor, one after another.
    first: the lowest layer that has it; in those below ours is not used, and
      is 1 (a scale) or 0.
  """

  name: str
  part: int = 0
  parts: int = 1
  first: int = 0


@dataclasses.dataclass(frozen=True)
class Architecture:
  """An architecture, as a value: its block functions and its names on disk.

  A subclass has as fields what only its own config.json says; what all have is
  in `encoder.EncoderConfig`, which holds it. Methods that take a `config` take
  that one. Blocks see tokens of all rows in a line, x_TD.
  """

  @property
  def layer(self) -> Any:
    """The flax module of a layer, made with (config, kind)."""
    raise NotImplementedError

  def check(self, config: "EncoderConfig") -> None:
    """Raises ValueError for a setting that cannot be honoured."""

  def embed(
    self, config: "EncoderConfig", tokens_TD: jax.Array, rows: Any
  ) -> jax.Array:
    """What the first layer sees, of rows of the token table; makes modules."""
    raise NotImplementedError

  def kinds(self, config: "EncoderConfig") -> tuple[Kind, ...]:
    """The kind of each layer."""
    return (Kind(),) * config.num_layers

  def finish(self, config: "EncoderConfig", x_TD: jax.Array) -> jax.Array:
    """What the last layer's states become; makes modules."""
    return x_TD

  def head_size(self, config: "EncoderConfig") -> int:
    """Units of a head."""
    return config.hidden_size // config.num_heads

  def frequencies(self, config: "EncoderConfig", theta: float) -> np.ndarray:
    """Angles a position of a head's pairs of units, float32.

    Source: Su et al., RoFormer, arXiv 2104.09864, section 3.2.2.
    """
    size = self.head_size(config)
    exponents = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
    return (1 / np.float32(theta) ** exponents).astype(np.float32)

  def products(self, config: "EncoderConfig") -> int:
    """Multiply-adds of a token in a layer's dense layers."""
    raise NotImplementedError

  def second_type(self, config: "EncoderConfig") -> int:
    """Type of a pair's second segment where the tokenizer gives both 0."""
    return 0

  def sources(self, config: "EncoderConfig") -> dict[str, Source]:
    """Where each parameter of the encoder lies in a folder."""
    raise NotImplementedError

  # Tensors of a folder that are another head's, beside `_NEVER_USED`.
  unused = ""
  # Whether transformers has a class for it, so that an export can be compared.
  in_transformers = True

  def is_used(self, name: str) -> bool:
    """Whether a tensor is the encoder's, not another head's or a buffer."""
    patterns = f"{_NEVER_USED}|{self.unused}" if self.unused else _NEVER_USED
    return re.match(patterns, name) is None

  def their_config(
    self, config: "EncoderConfig", pad_id: int
  ) -> dict[str, Any]:
    """The config.json of an export, but for sizes that all have."""
    raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Said:
  """What a config.json says, with the defaults of its class.

  Attributes:
    theirs: the file.
    kind: its model_type.
    defaults: of transformers' config class, by key.
  """

  theirs: settings_file.Settings
  kind: str
  defaults: Mapping[str, Any]

  def whole(self, key: str, most: int, least: int = 1) -> int:
    """A whole number."""
    return self.theirs.integer(key, self.defaults[key], least=least, most=most)

  def share(self, key: str) -> float:
    """A number from 0 to below 1."""
    return self.theirs.number(key, self.defaults[key], above=0, below=1)

  def epsilon(self, key: str) -> float:
    """What a norm adds to a variance."""
    return self.theirs.number(key, self.defaults[key], above=1e-30, below=1)

  def base(self, key: str, default: float) -> float:
    """The base of rotary positions."""
    return self.theirs.number(key, default, above=1, below=1e12)

  def layers_of(
    self, kind: str, other: str, default: tuple[int, ...]
  ) -> tuple[int, ...]:
    """Numbers of the layers that layer_types says are of a kind, from 0.

    Args:
      kind: its name.
      other: the only other name there may be.
      default: where nothing is said.
    """
    count = self.whole("num_hidden_layers", 2**10)
    listed = self.theirs.values.get("layer_types")
    if listed is None:
      return default
    if (
      not isinstance(listed, list)
      or len(listed) != count
      or any(name not in (kind, other) for name in listed)
    ):
      raise self.theirs.fault(
        f"layer_types is {listed!r}",
        f"list {count} times {kind!r} or {other!r}",
      )
    return tuple(i for i, name in enumerate(listed) if name == kind)

  def thetas(
    self, defaults: Mapping[str, float], old: Mapping[str, str]
  ) -> dict[str, float]:
    """The bases of rotary positions by kind of layer, in either form.

    Args:
      defaults: of the class, by kind.
      old: keys of older files, by kind.
    """
    sections = self.theirs.section("rope_parameters")
    sections.only(set(defaults), "this model is not supported")
    found = {}
    for kind, default in defaults.items():
      section = sections.section(kind)
      section.choice("rope_type", ("default",), "default")
      section.only({"rope_type", "rope_theta"}, "this model is not supported")
      found[kind] = self.base(old[kind], default)
      if section.says("rope_theta"):
        found[kind] = section.number("rope_theta", above=1, below=1e12)
    return found

  def heads_divide(self) -> None:
    """Refuses heads that do not share the width evenly."""
    width = self.whole("hidden_size", 2**16)
    heads = self.whole("num_attention_heads", 2**10)
    if width % heads:
      raise self.theirs.fault(
        f"hidden_size {width} is not a multiple of num_attention_heads {heads}",
        "give the file that the model came with",
      )
