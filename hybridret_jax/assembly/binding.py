"""Which settings bind a run that is there, and which may differ each time."""

from collections.abc import Callable, Mapping
from typing import Any

VECTORS = "vectors"
TRAINING = "training"
UPKEEP = "upkeep"
COMPUTING = "computing"
TODAY = "today"
# What each kind of setting is for a run that is there.
KINDS = {
  VECTORS: "its vectors follow from it: every verb refuses another value",
  TRAINING: "training followed it: it is not trained on with another value, and"
  " other verbs take the run's own",
  UPKEEP: "as training, but it may change when training goes on",
  COMPUTING: "how devices compute: training keeps to it, other verbs need not",
  TODAY: "may differ each time",
}
# Every setting, by section. A new one is in none until it is put here.
_TABLE = {
  VECTORS: {
    "data": "query_prefix passage_prefix query_length passage_length",
    "model": "init tokenizer tokenizer_size pooling projection"
    " projection_hidden tied truncate_dim dtype param_dtype start_share",
    "model.scratch": "hidden_size num_layers num_heads mlp_size max_positions",
    "train": "average_decay",
    "evaluation": "query_length passage_length",
  },
  TRAINING: {
    "": "seed",
    "data": "sources source_weights languages",
    "batches": "strategy batch_size alpha alpha_end alpha_steps pairs"
    " language_weighting language_exponent direction_weights"
    " size_exponent views_per_group negatives parallel_share",
    "code_switching": "probability mode sides lexicons languages",
    "packing": "row_lengths row_counts row_multiple shapes",
    "model": "dropout attention_dropout",
    "loss": "temperature learnable_temperature directions same_group"
    " hard_negative_weight alignment_weight matryoshka_dims block_size",
    "distillation": "share targets group_share",
    "lora": "rank alpha dropout targets",
    "optimizer": "name learning_rate schedule warmup_steps final_share"
    " weight_decay clip_norm b1 b2 eps layer_decay frozen",
    "train": "steps chunk_tokens evaluate_every patience",
    "validation": "task figure also share max_blocks seed",
  },
  UPKEEP: {"train": "log_every checkpoint_every keep skip_nonfinite"},
  COMPUTING: {"model": "remat attention"},
  TODAY: {
    "": "cache",
    "model": "revision",
    "data": "folder",
    "evaluation": "tasks candidates identical_candidates leave_out_query"
    " systems depth run_depth examples figures"
    " keep_vectors training_texts row_lengths tokens_per_call",
    "mining": "candidates number first_rank last_rank share margin"
    " near_duplicate",
    "mesh": "data fsdp tensor",
    "export": "folder cosine adapter truncate_dim",
    "tracking": "trackers project name",
  },
}
KIND = {
  f"{section}.{name}".removeprefix("."): kind
  for kind, sections in _TABLE.items()
  for section, names in sections.items()
  for name in names.split()
}
# Settings that name a place: another is the same if its content is.
PLACES = ("model.init", "model.tokenizer")
STEPS = "train.steps"
_SCHEDULE = "optimizer.schedule"

IsSame = Callable[[str, Any, Any], bool]


def kind(key: str) -> str:
  """What a setting is for a run; one that nobody has put in the table binds."""
  return KIND.get(key, VECTORS)


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
  """A tree of dicts by dotted key."""
  if not isinstance(tree, Mapping):
    return {prefix[:-1]: tree}
  return {
    key: value
    for name, child in tree.items()
    for key, value in flat(child, f"{prefix}{name}.").items()
  }


def differing(
  before: Mapping[str, Any], now: Mapping[str, Any], is_same: IsSame
) -> list[str]:
  """Keys of the run's settings whose value is another one now.

  A setting younger than the run is not held against it.

  Args:
    before: settings of the run, flat.
    now: settings that are given, flat.
    is_same: (key, before, now) -> whether two places hold the same.
  """
  return [
    key
    for key in sorted(before)
    if before[key] != now.get(key)
    and not (key in PLACES and is_same(key, before[key], now.get(key)))
  ]


def told(
  keys: list[str], before: Mapping[str, Any], now: Mapping[str, Any]
) -> str:
  """The keys with both values."""
  return "; ".join(
    f"{key} was {before[key]!r} and is {now.get(key)!r}" for key in keys
  )


def goes_on(
  key: str, before: Mapping[str, Any], now: Mapping[str, Any], *, done: int
) -> bool:
  """Whether training goes on though `key` differs.

  More steps do where the rate does not follow from their number; fewer than
  the `done` ones never.
  """
  if key == STEPS:
    return (
      before.get(_SCHEDULE) == now.get(_SCHEDULE) == "constant"
      and now.get(key, 0) >= done
    )
  return kind(key) in (UPKEEP, TODAY)
