"""A source's description says its place and its options."""

import pytest

from hybridret_jax.data import specs


@pytest.mark.parametrize(
  ("text", "place", "options"),
  [
    ("a/b.jsonl", "a/b.jsonl", {}),
    ("why?.jsonl", "why?.jsonl", {}),
    ("x?lang=PT_br&id=", "x", {"lang": "pt-BR", "id": ""}),
    ("x?query=a%26b+c", "x", {"query": "a&b+c"}),
    ("hub:o/n?split=dev", "hub:o/n", {"split": "dev"}),
  ],
)
def test_there_and_back(text, place, options):
  found = specs.parse(text)
  assert (found.place, dict(found.options)) == (place, options)
  assert specs.parse(str(found)) == found


@pytest.mark.parametrize(
  ("text", "what"),
  [
    ("x?qery=a", "did you mean 'query'"),
    ("x?lang=de&lang=en", "says lang twice"),
    ("x?lang=English", "BCP 47"),
  ],
)
def test_options_that_are_none(text, what):
  with pytest.raises(ValueError, match=what):
    specs.parse(text)
