"""Digests follow from content alone, and from all of it."""

import hypothesis
from hypothesis import strategies as st

from hybridret_jax.ground import digests

TEXTS = st.lists(st.text(max_size=5), max_size=5)


@hypothesis.given(TEXTS, TEXTS)
@hypothesis.settings(deadline=None)
def test_equal_if_and_only_if_the_values_are(one, other):
  same = digests.of_values(one) == digests.of_values(other)
  assert same == (one == other)


def test_borders_between_values_count():
  assert digests.of_values(["ab", "c"]) != digests.of_values(["a", "bc"])
  assert digests.of_values([["a"], "b"]) != digests.of_values([["a", "b"]])
  assert digests.of_values([None]) != digests.of_values([""])


def test_a_file_is_known_by_its_bytes(tmp_path):
  one, other = tmp_path / "one", tmp_path / "other"
  one.write_bytes(b"text")
  other.write_bytes(b"text")
  assert digests.of_file(one) == digests.of_file(other)
  other.write_bytes(b"texT")
  assert digests.of_file(one) != digests.of_file(other)
