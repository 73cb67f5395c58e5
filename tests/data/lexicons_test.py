"""Lexicons are read as MUSE writes them; a line that is none is named."""

import pytest

from hybridret_jax.data import lexicons
from hybridret_jax.ground import faults


def write(folder, name, text):
  path = folder / name
  path.write_text(text, encoding="utf-8")
  return path


def test_files_are_read_by_pair(tmp_path):
  write(tmp_path, "en-de.txt", "house haus\nhouse gebäude\n\ncat\tdie Katze\n")
  write(tmp_path, "more", "Dog hund\nhouse heim\nhouse haus\n")
  write(tmp_path, "de-en.txt", "haus house\n")
  specs = ("en-de.txt", f"en:de={tmp_path / 'more'}", "de-en.txt")
  found = lexicons.read(specs, place=tmp_path.joinpath)
  assert dict(found.words["en", "de"]) == {
    "house": ("haus", "gebäude", "heim"),
    "cat": ("die Katze",),
    "dog": ("hund",),
  }
  assert found.targets("en") == ("de",) and found.targets("de") == ("en",)
  assert found.targets("fr") == ()
  assert list(found.sha256) == list(specs)


def test_a_digest_follows_from_what_is_read(tmp_path):
  write(tmp_path, "en-de.txt", "house haus\n")
  (one,) = lexicons.read(["en-de.txt"], place=tmp_path.joinpath).sha256.values()
  write(tmp_path, "en-de.txt", "house\thaus\n\n")
  (same,) = lexicons.read(
    ["en-de.txt"], place=tmp_path.joinpath
  ).sha256.values()
  write(tmp_path, "en-de.txt", "house heim\n")
  (other,) = lexicons.read(
    ["en-de.txt"], place=tmp_path.joinpath
  ).sha256.values()
  assert one == same != other


def test_names_of_cldr_are_a_lexicon():
  found = lexicons.read(["cldr"], into=("de", "ar"))
  assert found.targets("en") == ("ar", "de")
  assert found.targets("de") == ("ar",)
  assert found.words["en", "de"]["germany"] == ("Deutschland",)
  assert not any(
    " " in word for words in found.words.values() for word in words
  )


@pytest.mark.parametrize(
  ("text", "line"),
  [
    (
      "house haus\ncat\n",
      r"en-de.txt:2: 'cat' is no word with its translation",
    ),
    ("a b c\n", r":1: .* write the two with a space or a tab between them"),
    ("house\t\n", ":1: .* is no word with its translation"),
    ("a\tb\tc\n", ":1: .* is no word with its translation"),
    ("ok ja\nthe house\thaus\n", ":2: 'the house' are several words"),
    ("\n", "en-de.txt: holds no word; give"),
    ("caf\udce9 kaffee\n", ":1: .*UTF-8"),
  ],
)
def test_a_line_that_is_none_is_named(tmp_path, text, line):
  path = tmp_path / "en-de.txt"
  path.write_bytes(text.encode("utf-8", "surrogateescape"))
  with pytest.raises(faults.Fault, match=line) as caught:
    lexicons.read(["en-de.txt"], place=tmp_path.joinpath)
  assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
  ("specs", "into", "what"),
  [
    (("words.txt",), (), "'words.txt' does not say its languages; write"),
    (("en:de:fr=a",), (), "does not say its languages"),
    (("en:de=",), (), "does not say its languages"),
    (("en:x1=a",), (), "a language of 'en:x1=a' is 'x1'; use a BCP 47"),
    (("en-en.txt",), (), "'en-en.txt' has one language"),
    (("cldr", "cldr"), (), "'cldr' stands twice"),
    (("cldr",), ("de", "sw"), "no lexicon translates into sw; leave"),
    (("en-sw.txt",), (), "en-sw.txt"),
  ],
)
def test_a_lexicon_that_is_none_is_named(tmp_path, specs, into, what):
  with pytest.raises(faults.Fault, match=what):
    lexicons.read(specs, into=into, place=tmp_path.joinpath)
