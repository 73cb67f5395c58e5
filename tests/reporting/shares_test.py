"""Shares come back as they were kept, and what is none is refused."""

import json

import pytest

from hybridret_jax.ground import faults
from hybridret_jax.reporting import shares

ASKED = {"kind": {"monolingual": 0.5, "cross_lingual": 0.5}, "source": {"a": 1}}
FOUND = {"kind": {"monolingual": 1.0}, "source": {"a": 0.25, "<b>": 0.75}}


def save(folder):
  return shares.save(folder, steps=3, asked=ASKED, realised=FOUND)


def test_what_was_kept_comes_back(tmp_path):
  assert shares.load(tmp_path) is None
  assert save(tmp_path) == tmp_path / "shares.json"
  found = shares.load(tmp_path)
  assert found == {
    "schema": 1,
    "steps": 3,
    "asked": ASKED,
    "realised": FOUND,
  }
  assert shares.rows(found) == [
    ("Kind", "cross_lingual", "50.00 %", "0.00 %"),
    ("Kind", "monolingual", "50.00 %", "100.00 %"),
    ("Source", "<b>", "0.00 %", "75.00 %"),
    ("Source", "a", "100.00 %", "25.00 %"),
  ]


@pytest.mark.parametrize(
  ("change", "what"),
  [
    ({"schema": 2}, "has the schema 2"),
    ({"asked": [1]}, "asked holds no shares"),
    ({"realised": {"kind": {"monolingual": "1"}}}, "realised holds no shares"),
    ({"steps": True}, "steps is no number"),
  ],
)
def test_what_is_none_is_refused(tmp_path, change, what):
  path = save(tmp_path)
  path.write_text(json.dumps(json.loads(path.read_text()) | change))
  with pytest.raises(faults.Fault, match=rf"shares\.json: {what}; delete"):
    shares.load(tmp_path)
