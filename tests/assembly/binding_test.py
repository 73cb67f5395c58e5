"""Every setting has its place, and what may differ is what the table says."""

import json

import pytest

from hybridret_jax import defaults
from hybridret_jax.assembly import binding


def settings():
  return binding.flat(json.loads(defaults.get_config().to_json_best_effort()))


def test_every_setting_is_of_one_kind():
  """A new setting goes into the table of `binding`, or this fails."""
  assert set(binding.KIND) == set(settings())
  named = [
    name
    for sections in binding._TABLE.values()
    for section, names in sections.items()
    for name in ((section, x) for x in names.split())
  ]
  assert len(named) == len(set(named))
  assert set(binding.KIND.values()) == set(binding.KINDS)


def test_what_nobody_has_placed_binds():
  assert binding.kind("model.brand_new") == binding.VECTORS


def test_what_differs_is_named_and_what_is_younger_is_not():
  before = settings() | {"model.pooling": "mean", "model.init": "a"}
  now = before | {"model.pooling": "cls", "model.init": "b", "model.new": 1}
  same = {"b"}

  def is_same(key, was, given):
    assert key == "model.init" and was == "a"
    return given in same

  assert binding.differing(before, now, is_same) == ["model.pooling"]
  same.clear()
  found = binding.differing(before, now, is_same)
  assert found == ["model.init", "model.pooling"]
  told = binding.told(found, before, now)
  assert told == (
    "model.init was 'a' and is 'b'; model.pooling was 'mean' and is 'cls'"
  )


@pytest.mark.parametrize(
  ("schedule", "steps", "goes_on"),
  [
    ("constant", 200, True),
    ("constant", 50, True),
    ("constant", 49, False),
    ("linear", 200, False),
    ("cosine", 200, False),
  ],
)
def test_steps_may_grow_where_the_rate_does_not_follow_from_them(
  schedule, steps, goes_on
):
  before = settings() | {"optimizer.schedule": schedule, "train.steps": 100}
  now = before | {"train.steps": steps}
  assert binding.goes_on("train.steps", before, now, done=50) == goes_on
  other = now | {"optimizer.schedule": "constant"}
  expected = goes_on and schedule == "constant"
  assert binding.goes_on("train.steps", before, other, done=50) == expected


@pytest.mark.parametrize(
  ("key", "goes_on"),
  [
    ("train.log_every", True),
    ("train.keep", True),
    ("train.checkpoint_every", True),
    ("evaluation.tasks", True),
    ("export.folder", True),
    ("cache", True),
    ("mesh.data", True),
    ("data.folder", True),
    ("evaluation.passage_length", False),
    ("model.attention", False),
    ("train.evaluate_every", False),
    ("loss.temperature", False),
    ("seed", False),
  ],
)
def test_what_may_change_when_training_goes_on(key, goes_on):
  assert binding.goes_on(key, {}, {}, done=0) == goes_on
