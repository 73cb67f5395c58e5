"""Names, texts and unknown keys of records."""

import pytest

from hybridret_jax.ground import faults, fields


@pytest.mark.parametrize(
  ("value", "wanted"),
  [("a b", "a b"), (7, "7"), (-3, "-3"), (10**30, "1" + "0" * 30)],
)
def test_names(value, wanted):
  assert fields.name({"id": value}, "id", "f:1") == wanted
  assert fields.optional_name({"id": value}, "id", "f:1") == wanted


@pytest.mark.parametrize("value", [None, True, 1.0, [], {}, " a", "a\n", " "])
def test_no_names(value):
  for read in (fields.name, fields.optional_name):
    with pytest.raises(faults.Fault, match="^f:1: id is "):
      read({"id": value}, "id", "f:1")


def test_absent_names():
  assert fields.optional_name({}, "id", "f:1") == ""
  assert fields.optional_name({"id": ""}, "id", "f:1") == ""
  with pytest.raises(faults.Fault, match="id is missing; .* has '_id', 'x'"):
    fields.name({"_id": 1, "x": 2}, "id", "f:1")
  with pytest.raises(faults.Fault, match="id is '', empty"):
    fields.name({"id": ""}, "id", "f:1")


def test_texts():
  assert fields.text({"t": " a "}, "t", "f:1") == "a"
  for value in (3, None, ["a"]):
    with pytest.raises(
      faults.Fault, match="^f:1: t is .*; it has to be a text"
    ):
      fields.text({"t": value}, "t", "f:1")
  with pytest.raises(faults.Fault, match="t is missing; .* no fields"):
    fields.text({}, "t", "f:1")


def test_unknown_keys_are_counted():
  unknown = fields.Unknown(("context", "id"))
  for record in ({"id": 1, "contxt": 2}, {"Context": 1, "contxt": 2}, {"x": 1}):
    unknown.see(record)
  assert unknown.described() == {
    "field 'contxt' is not read (did you mean 'context'?)": 2,
    "field 'Context' is not read (did you mean 'context'?)": 1,
    "field 'x' is not read": 1,
  }
