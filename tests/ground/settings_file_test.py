"""Settings are read as they stand, or a fault names file and key."""

import pathlib
import re

import pytest

from hybridret_jax.ground import faults, settings_file


def made(**values):
  return settings_file.Settings(pathlib.Path("x.json"), values)


@pytest.mark.parametrize(
  ("data", "said"),
  [
    (b"{", "is no JSON"),
    (b"[]", "holds no object"),
    (b"\xef\xbb\xbf{}", "byte order mark"),
    (b'{"a": "\xff"}', "is not UTF-8"),
    (b"[" * 100_000, "nested too deep"),
    (b'{"a": 1, "a": 1}', "'a' stands there twice"),
    (b'{"a": ' + b"9" * 9000 + b"}", "is no JSON"),
  ],
)
def test_a_broken_file_is_named(tmp_path, data, said):
  path = tmp_path / "x.json"
  path.write_bytes(data)
  with pytest.raises(faults.Fault, match=f"^{re.escape(str(path))}: .*{said}"):
    settings_file.read(path)


def test_what_is_no_file_or_too_large_is_named(tmp_path, monkeypatch):
  with pytest.raises(faults.Fault, match="cannot be read"):
    settings_file.read(tmp_path)
  assert settings_file.read_if_there(tmp_path / "none") is None
  monkeypatch.setattr(settings_file, "MOST", 1)
  (tmp_path / "x.json").write_text("{}")
  with pytest.raises(faults.Fault, match="has 2 bytes, more than 1"):
    settings_file.read(tmp_path / "x.json")


@pytest.mark.parametrize("value", ["abc", True, None, 1.0, -1, 11, 10**400])
def test_a_whole_number_is_one_of_its_range(value):
  with pytest.raises(faults.Fault, match=r"x.json: size is .*; give a whole"):
    made(size=value).integer("size", most=10)


@pytest.mark.parametrize(
  "value", ["abc", True, None, float("nan"), float("inf"), 1, 10**400]
)
def test_a_number_is_finite_and_of_its_range(value):
  with pytest.raises(faults.Fault, match=r"x.json: eps is .*; give a number"):
    made(eps=value).number("eps", above=0, below=1)


def test_what_is_there_counts_and_else_the_default():
  settings = made(a=3, b=0.5, c=True, d="x", e=None, f={"g": 1})
  assert settings.integer("a", most=3) == 3
  assert settings.number("b", above=0, below=1) == 0.5
  assert settings.flag("c", False) and settings.flag("e", True)
  assert settings.text("d", "") == "x" and settings.text("e", "y") == "y"
  assert settings.choice("d", ("x",)) == "x"
  assert settings.choice("e", ("x",), "x") == "x"
  assert settings.section("f").values == {"g": 1}
  assert settings.section("e").values == {}
  with pytest.raises(faults.Fault, match="z is missing; add it"):
    settings.integer("z", most=3)


def test_wrong_kinds_and_unknown_keys_are_named():
  with pytest.raises(faults.Fault, match="a is 1; give true or false"):
    made(a=1).flag("a", False)
  with pytest.raises(faults.Fault, match="a is True; give a text"):
    made(a=True).text("a", "")
  with pytest.raises(faults.Fault, match="half a surrogate pair"):
    made(a="\ud800").text("a", "")
  with pytest.raises(faults.Fault, match="a 1 is not supported; .*: True"):
    made(a=1).choice("a", (True,))
  made(a=1, b=None, c=False, d={}).only({"a"}, "mend it")
  with pytest.raises(faults.Fault, match="'b' is 2, which .*; mend it"):
    made(a=1, b=2).only({"a"}, "mend it")
