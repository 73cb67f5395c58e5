"""How alike two texts are, and what settings of mining are refused."""

import pytest

from hybridret_jax.data import mining
from hybridret_jax.ground import faults


@pytest.mark.parametrize(
  ("one", "other", "least", "most"),
  [
    ("Der Turm steht.", "der  TURM\nsteht.", 1, 1),
    ("a", "a", 1, 1),
    ("a", "b", 0, 0),
    ("was built in the year 1886", "was built in the year 1887", 0.7, 0.95),
    ("灯台は一八八六年に建てられた", "灯台は一八八七年に建てられた", 0.4, 0.8),
    ("nothing of it", "quite other words", 0, 0.1),
  ],
)
def test_likeness(one, other, least, most):
  assert least <= mining.likeness(one, other) <= most
  assert mining.likeness(one, other) == mining.likeness(other, one)


@pytest.mark.parametrize(
  "change",
  [
    {"candidates": "all"},
    {"number": 0},
    {"first_rank": 0},
    {"first_rank": 7, "last_rank": 6},
    {"share": 0},
    {"share": 1.5},
    {"margin": -0.1},
    {"near_duplicate": 0},
  ],
)
def test_settings_are_checked(change):
  with pytest.raises(faults.Fault, match=f"^mining.{next(iter(change))}: is"):
    mining.Settings(**change)
