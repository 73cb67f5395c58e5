"""What the files beside a tokenizer.json say, and the files of an export."""

import dataclasses
import json
import logging
import pathlib
from typing import Any

from hybridret_jax.ground import faults, settings_file

_LOG = logging.getLogger(__name__)
FILE = "tokenizer.json"
CONFIG = "tokenizer_config.json"
MAP = "special_tokens_map.json"
_NAMES = (
  *("bos_token", "eos_token", "unk_token", "sep_token"),
  *("cls_token", "pad_token", "mask_token"),
)
_SIDES = ("right", "left")


@dataclasses.dataclass(frozen=True)
class Beside:
  """What stands beside a tokenizer.json.

  Attributes:
    names: of the special tokens, by role ("pad_token").
    cut_side: where a text that is too long loses tokens; None if it is not
      said.
    pad_side: where others pad.
    feeds_types: whether the model is given the types of segments.
    lower_case: what tokenizer_config.json says of it; None for nothing.
  """

  names: dict[str, str]
  cut_side: str | None
  pad_side: str
  feeds_types: bool
  lower_case: bool | None


def paths(folder: pathlib.Path) -> list[pathlib.Path]:
  """The files of a folder that its tokenizer follows from."""
  there = (folder / name for name in (FILE, CONFIG, MAP))
  return [path for path in there if path.is_file()]


def read(folder: pathlib.Path) -> Beside:
  """What a folder's tokenizer_config.json and special_tokens_map.json say.

  Raises:
    faults.Fault: a file that cannot be read, or a value of another type.
  """
  names = {}
  # The first that names a token counts.
  for file in (CONFIG, MAP):
    settings = settings_file.read_if_there(folder / file)
    for role in _NAMES:
      name = _name(settings, role) if settings else ""
      if name and role not in names:
        names[role] = name
  config = settings_file.read_if_there(folder / CONFIG)
  if config is None:
    config = settings_file.Settings(folder / CONFIG, {})
  inputs = config.values.get("model_input_names")
  if inputs is not None and not isinstance(inputs, list):
    raise config.fault(f"model_input_names is {inputs!r}", "give a list")
  return Beside(
    names=names,
    cut_side=config.choice("truncation_side", _SIDES)
    if config.says("truncation_side")
    else None,
    pad_side=config.choice("padding_side", _SIDES, "right"),
    feeds_types=inputs is None or "token_type_ids" in inputs,
    lower_case=config.flag("do_lower_case", False)
    if config.says("do_lower_case")
    else None,
  )


def check(
  folder: pathlib.Path, beside: Beside, backend: Any, *, second_type: int
) -> None:
  """Refuses what cannot be done; says what does not count.

  Args:
    folder: of the tokenizer.
    beside: what `read` found there.
    backend: the `tokenizers.Tokenizer`.
    second_type: of a BERT's second segments; 0 of other models.

  Raises:
    faults.Fault: what the files say cannot be done.
  """
  path = folder / CONFIG
  if beside.pad_side == "left" and second_type:
    raise faults.Fault(
      path,
      "padding_side is 'left', which moves the positions of a BERT's texts",
      'nothing is padded here; set "right"',
    )
  if any(backend.encode("a").type_ids):
    raise faults.Fault(
      folder / FILE,
      "gives the tokens of a lone text a type other than 0",
      "this tokenizer is not supported",
    )
  lowers = '"lowercase": true' in _state(backend.normalizer)
  lowers |= '"Lowercase"' in _state(backend.normalizer)
  if beside.lower_case not in (None, lowers):
    _LOG.warning(
      "%s says do_lower_case %s, but %s %s texts; that counts.",
      path,
      beside.lower_case,
      FILE,
      "lowers" if lowers else "does not lower",
    )


def pad_id(folder: pathlib.Path, names: dict[str, str], backend: Any) -> int:
  """Id of the padding token, named or `<pad>` or `[PAD]`.

  Raises:
    faults.Fault: there is none.
  """
  for name in (names.get("pad_token"), "<pad>", "[PAD]"):
    pad = backend.token_to_id(name) if name else None
    if pad is not None:
      return pad
  raise faults.Fault(
    folder, "names no padding token", "set pad_token in tokenizer_config.json"
  )


def of_export(
  state: dict[str, Any],
  names: dict[str, str],
  *,
  max_length: int,
  cut_side: str,
  pad_side: str = "right",
  feeds_types: bool,
) -> dict[str, str]:
  """Text of each file of a tokenizer that does for others what it did for us.

  Args:
    state: what tokenizer.json says.
    names: of the special tokens, by role.
    max_length: tokens a text is cut at.
    cut_side: where it loses them.
    pad_side: where others pad.
    feeds_types: whether the model is given the types of segments.
  """
  types = ["token_type_ids"] if feeds_types else []
  config = {
    # The tokenizer file itself is loaded: rebuilding one of a named class
    # tokenises some texts differently.
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_max_length": max_length,
    **{role: names[role] for role in _NAMES if role in names},
    "truncation_side": cut_side,
    "padding_side": pad_side,
    "clean_up_tokenization_spaces": False,
    "model_input_names": ["input_ids", *types, "attention_mask"],
  }
  return {
    # What is cut and padded is said by who tokenises.
    FILE: json.dumps(
      {**state, "truncation": None, "padding": None}, ensure_ascii=False
    ),
    CONFIG: json.dumps(config, indent=2, ensure_ascii=False) + "\n",
  }


def typed(processor: dict[str, Any] | None) -> dict[str, Any] | None:
  """A post-processor that gives a pair's second segment type 1, as BERT's does.

  One that gives types already, or is of an unknown kind, stays as it is.
  """
  kind = (processor or {}).get("type")
  if processor is None or kind not in (
    *("Sequence", "TemplateProcessing", "RobertaProcessing"),
  ):
    return processor
  if kind == "Sequence":
    return {
      **processor,
      "processors": [typed(one) for one in processor["processors"]],
    }
  if kind == "RobertaProcessing":
    processor = _template(*processor["cls"], *processor["sep"])
  pair = processor["pair"]
  parts = [next(iter(part.values())) for part in pair]
  if any(part["type_id"] for part in parts):
    return processor
  start = next(
    (
      i
      for i, part in enumerate(pair)
      if part.get("Sequence", {}).get("id") == "B"
    ),
    len(pair),
  )
  return {
    **processor,
    "pair": [
      {key: {**part, "type_id": int(i >= start)} for key, part in item.items()}
      for i, item in enumerate(pair)
    ],
  }


def _template(cls, cls_id, sep, sep_id):
  """RoBERTa's post-processor, written as a template."""

  def special(name):
    return {"SpecialToken": {"id": name, "type_id": 0}}

  def text(name):
    return {"Sequence": {"id": name, "type_id": 0}}

  first = [special(cls), text("A"), special(sep)]
  return {
    "type": "TemplateProcessing",
    "single": first,
    "pair": [*first, special(sep), text("B"), special(sep)],
    "special_tokens": {
      name: {"id": name, "ids": [number], "tokens": [name]}
      for name, number in ((cls, cls_id), (sep, sep_id))
    },
  }


def _state(normalizer):
  """What a normalizer is, as JSON."""
  if normalizer is None:
    return ""
  return json.dumps(json.loads(normalizer.__getstate__()))


def _name(settings, role):
  value = settings.values.get(role)
  # Older files hold a description of the token.
  if isinstance(value, dict):
    value = settings.section(role).values.get("content")
  if value is not None and not isinstance(value, str):
    raise faults.Fault(
      settings.path, f"{role} is {value!r}", "give the token in quotes"
    )
  return value
