"""What a sentence-transformers folder says of how texts become vectors."""

import dataclasses
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from hybridret_jax.ground import faults, settings_file
from hybridret_jax.models import config_file, prompts_file

MODULES = "modules.json"
_TEXT = (
  "sentence_bert_config.json",
  *("sentence_roberta_config.json", "sentence_distilbert_config.json"),
  *("sentence_camembert_config.json", "sentence_albert_config.json"),
  *("sentence_xlm-roberta_config.json", "sentence_xlnet_config.json"),
)
SIDES = ("query", "passage")
_MOST_TOKENS = 2**20
_TANHS = ("torch.nn.modules.activation.Tanh", "torch.nn.Tanh")
_LINEAR = ("torch.nn.modules.linear.Identity", "torch.nn.Identity")
_NOT_SUPPORTED = "this model is not supported"


@dataclasses.dataclass(frozen=True)
class Dense:
  """A dense layer of a folder.

  Attributes:
    folder: where its config.json and model.safetensors lie.
    width: what it makes.
    bias: whether it adds one.
  """

  folder: pathlib.Path
  width: int
  bias: bool


@dataclasses.dataclass(frozen=True)
class Stated:
  """What a folder says; None where it says nothing.

  Attributes:
    pooling: as in `dual_encoder.DualEncoder`.
    projection: width of the last linear layer; 0 for none.
    projection_hidden: width of a linear layer before it; 0 for none.
    prefixes: put before a text, by side.
    lengths: tokens a text is cut at, by side.
    lower_case: whether texts are lowered.
    tied: whether both sides have one tower.
    truncate_dim: numbers of a vector that are used.
    modules: whether it has a modules.json, so that a prompt that it does not
      name is no prompt.
    tanh: the dense layer of "cls_dense_tanh", if a folder of its own has it.
    linear: the last linear layer.
    hidden: the one before it.
  """

  pooling: str | None = None
  projection: int | None = None
  projection_hidden: int | None = None
  prefixes: Mapping[str, str] | None = None
  lengths: Mapping[str, int | None] = dataclasses.field(
    default_factory=lambda: dict.fromkeys(SIDES)
  )
  lower_case: bool = False
  tied: bool | None = None
  truncate_dim: int | None = None
  modules: bool = False
  tanh: Dense | None = None
  linear: Dense | None = None
  hidden: Dense | None = None


def towers(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """The folder of each tower: itself, or its query/ and passage/."""
  sides = {side: folder / side for side in SIDES}
  if not (folder / config_file.FILE).exists() and all(
    (place / config_file.FILE).is_file() for place in sides.values()
  ):
    return sides
  return {"both": folder}


def files(folder: pathlib.Path) -> list[pathlib.Path]:
  """The files of a tower's folder that say something, tensors aside."""
  names = (config_file.FILE, MODULES, *_TEXT, prompts_file.FILE)
  names += ("tokenizer_config.json",)
  paths = [folder / name for name in names]
  paths += [place / config_file.FILE for _, place in _modules(folder)[1:]]
  return [path for path in paths if path.is_file()]


def dense_folders(folder: pathlib.Path) -> list[pathlib.Path]:
  """The folders of a tower's dense layers, in their order."""
  return [place for kind, place in _modules(folder) if kind == "Dense"]


def is_e5(name: str) -> bool:
  """Whether a model's name is that of an E5, whose folders name no prompts.

  They were trained with "query: " and "passage: " all the same. Source: Wang
  et al., arXiv 2212.03533, section 4.1.
  """
  return (
    re.fullmatch(
      r"(multilingual-)?e5-(small|base|large)(-v2|-unsupervised)?",
      pathlib.PurePath(name).name,
    )
    is not None
  )


def read(folder: pathlib.Path) -> Stated:
  """What a model's folder says.

  Of two towers, each side's is asked for its side's prefix and length; in all
  else they must agree.

  Raises:
    faults.Fault: a file that cannot be read, a module or a setting that is not
      supported, or towers that differ.
  """
  places = towers(folder)
  if "both" in places:
    return _read(folder)
  by_side = {side: _read(place) for side, place in places.items()}
  first, second = (by_side[side] for side in SIDES)
  for field in (
    *("pooling", "projection", "projection_hidden", "lower_case"),
    "truncate_dim",
  ):
    values = [getattr(tower, field) for tower in (first, second)]
    if values[0] != values[1]:
      raise faults.Fault(
        folder,
        f"the query tower says {field} {values[0]!r}, the passage tower"
        f" {values[1]!r}",
        "give towers that are alike",
      )
  prefixes = {
    side: tower.prefixes and tower.prefixes[side]
    for side, tower in by_side.items()
  }
  return dataclasses.replace(
    first,
    prefixes={side: prefix or "" for side, prefix in prefixes.items()}
    if any(prefix is not None for prefix in prefixes.values())
    else None,
    lengths={side: tower.lengths[side] for side, tower in by_side.items()},
    tied=False,
  )


def _read(folder):
  modules = _modules(folder)
  text = next(
    (
      settings_file.read(folder / name)
      for name in _TEXT
      if (folder / name).is_file()
    ),
    settings_file.Settings(folder / _TEXT[0], {}),
  )
  _only_text(text)
  unit = bool(modules) and modules[-1][0] == "Normalize"
  said = {
    "prefixes": prompts_file.prefixes(folder, unit=unit),
    "truncate_dim": prompts_file.truncate_dim(folder),
    "lengths": _lengths(folder, text),
    "lower_case": text.flag("do_lower_case", False),
  }
  if not modules:
    return Stated(**said)
  return Stated(**said, **_heads(folder, modules), modules=True)


def _modules(folder) -> list[tuple[str, pathlib.Path]]:
  """(kind, folder) of each module in turn; none without a modules.json."""
  path = folder / MODULES
  if not path.is_file():
    lone = [
      name
      for name in ("1_Pooling", "2_Dense")
      if (folder / name / config_file.FILE).is_file()
    ]
    if lone:
      raise faults.Fault(
        path,
        f"is missing, though {lone[0]} is there",
        "copy it too: it says in which order modules come",
      )
    return []
  found = settings_file.read_any(path)
  if not isinstance(found, list) or not all(
    isinstance(module, dict) for module in found
  ):
    raise faults.Fault(path, "holds no list of modules", "copy it again")
  modules = []
  for number, module in enumerate(found):
    entry = settings_file.Settings(path, module)
    kind, place = entry.text("type", ""), entry.text("path", "")
    parts = pathlib.PurePosixPath(place).parts
    if (
      not kind.startswith("sentence_transformers.")
      or module.get("idx", number) != number
      or module.get("kwargs")
      or place.startswith("/")
      or ".." in parts
    ):
      raise entry.fault(
        f"module {number} is {module!r}", f"{_NOT_SUPPORTED}: {_ORDER}"
      )
    modules.append((kind.rsplit(".", 1)[-1], folder / place))
  kinds = [kind for kind, _ in modules]
  middle = kinds[2:-1] if kinds[-1:] == ["Normalize"] else kinds[2:]
  if (
    kinds[:2] != ["Transformer", "Pooling"]
    or any(kind != "Dense" for kind in middle)
    or len(middle) > 3
  ):
    raise faults.Fault(
      path, f"modules are {', '.join(kinds)}", f"{_NOT_SUPPORTED}: {_ORDER}"
    )
  if modules[0][1] != folder:
    raise faults.Fault(
      path,
      f"the Transformer lies in {modules[0][1].name}/",
      'move its files beside modules.json and set its path to ""',
    )
  return modules


_ORDER = "supported are Transformer, Pooling, at most three Dense, Normalize"


def _only_text(text):
  """Refuses what a Transformer module may say and this encoder cannot do."""
  text.choice("transformer_task", ("feature-extraction",), "feature-extraction")
  modality = text.section("modality_config").values
  if modality and set(modality) != {"text"}:
    raise text.fault(f"modality_config is {modality!r}", _NOT_SUPPORTED)
  text.only(
    {
      *("max_seq_length", "do_lower_case", "query_length", "document_length"),
      *("transformer_task", "modality_config", "module_output_name"),
      "unpad_inputs",
    },
    "remove the key if it does not change vectors",
  )


def _lengths(folder, text):
  """The Transformer module's; of old files, the tokenizer's."""

  def length(settings, key):
    if not settings.says(key):
      return None
    found = settings.integer(key, least=3, most=_MOST_TOKENS)
    longest = config_file.read(folder).max_length
    if settings is text and found > longest:
      raise settings.fault(
        f"{key} is {found}, but the model has positions for {longest} tokens",
        f"set it to {longest} or less",
      )
    return found

  longest = length(text, "max_seq_length")
  if longest is None:
    path = folder / "tokenizer_config.json"
    tokenizer = settings_file.read_if_there(path)
    # Where there is no limit, transformers writes 10^30.
    if tokenizer and tokenizer.says("model_max_length"):
      value = tokenizer.values["model_max_length"]
      if type(value) not in (int, float) or value < _MOST_TOKENS:
        longest = length(tokenizer, "model_max_length")
  by_side = {
    "query": length(text, "query_length"),
    "passage": length(text, "document_length"),
  }
  return {side: own or longest for side, own in by_side.items()}


def _heads(folder, modules) -> dict[str, Any]:
  width = config_file.read(folder).hidden_size
  pooling = _pooling(modules[1][1], width)
  last: dict[str, Any] = {"tanh": None, "hidden": None, "linear": None}
  for kind, place in modules[2:]:
    if kind != "Dense":
      settings = settings_file.read_if_there(place / config_file.FILE)
      if settings:
        _of_sentences(settings)
      continue
    settings, dense, activation = _dense(place, width)
    name = "tanh" if activation in _TANHS else "linear"
    if name == "tanh" and (pooling != "cls" or dense.width != width):
      raise settings.fault(
        f"activation_function is {activation}, over {pooling} pooling, from"
        f" {width} to {dense.width} features",
        f"{_NOT_SUPPORTED}: Tanh goes with the first token and keeps the width",
      )
    if last["hidden"] or (name == "tanh" and any(last.values())):
      raise settings.fault("is one dense layer too many", _NOT_SUPPORTED)
    last["hidden"] = last["linear"]
    last[name], width = dense, dense.width
  return {
    **last,
    "pooling": "cls_dense_tanh" if last["tanh"] else pooling,
    "projection": last["linear"].width if last["linear"] else 0,
    "projection_hidden": last["hidden"].width if last["hidden"] else 0,
  }


def _pooling(place, width):
  settings = settings_file.read(place / config_file.FILE)
  modes = settings.values.get("pooling_mode")
  if modes is None:
    modes = [
      key.removeprefix("pooling_mode_")
      .removesuffix("_token")
      .removesuffix("_tokens")
      for key in settings.values
      if key.startswith("pooling_mode_") and settings.flag(key, False)
    ] or ["mean"]
  modes = [modes] if isinstance(modes, str) else modes
  if modes not in (["mean"], ["cls"], ["lasttoken"]):
    raise settings.fault(
      f"pooling_mode is {modes!r}",
      f"{_NOT_SUPPORTED}: only cls, mean or lasttoken are",
    )
  settings.choice("include_prompt", (True,), True)
  for key in ("word_embedding_dimension", "embedding_dimension"):
    settings.choice(key, (width,), width)
  settings.only(
    {
      *("pooling_mode", "include_prompt"),
      *("word_embedding_dimension", "embedding_dimension"),
      *(k for k in settings.values if k.startswith("pooling_mode_")),
    },
    "remove the key if it does not change vectors",
  )
  return "last" if modes == ["lasttoken"] else modes[0]


def _dense(place, width):
  settings = settings_file.read(place / config_file.FILE)
  settings.choice("in_features", (width,))
  # As sentence-transformers has it where nothing is said.
  activation = settings.choice(
    "activation_function", (*_TANHS, *_LINEAR), _TANHS[0]
  )
  dense = Dense(
    place,
    width=settings.integer("out_features", least=1, most=2**16),
    bias=settings.flag("bias", True),
  )
  settings.choice("use_residual", (False,), False)
  _of_sentences(settings)
  settings.only(
    {
      *("in_features", "out_features", "bias", "activation_function"),
      *("use_residual", "module_input_name", "module_output_name"),
    },
    "remove the key if it does not change vectors",
  )
  return settings, dense, activation


def _of_sentences(settings):
  for key in ("module_input_name", "module_output_name"):
    settings.choice(key, ("sentence_embedding",), "sentence_embedding")
