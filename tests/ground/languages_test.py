"""Language tags: what is one, and in which spelling."""

import pytest

from hybridret_jax.ground import faults, languages


@pytest.mark.parametrize(
  ("given", "wanted"),
  [
    ("en", "en"),
    ("EN", "en"),
    ("eng", "en"),
    ("pt-br", "pt-BR"),
    ("pt_BR", "pt-BR"),
    ("ZH-hANS", "zh-Hans"),
    ("zh_Hant_tw", "zh-Hant-TW"),
    ("sr-latn", "sr-Latn"),
    ("yue", "yue"),
    ("zh-yue", "yue"),
    ("swh", "swh"),
    ("iw", "he"),
    ("in", "id"),
    ("sh", "sr-Latn"),
  ],
)
def test_one_spelling(given, wanted):
  assert languages.canonical(given) == wanted
  assert languages.canonical(wanted) == wanted


@pytest.mark.parametrize(
  "tag",
  [
    *(
      "English",
      "xx",
      "jp",
      "",
      " ",
      "en ",
      "en\n",
      "en-",
      "-en",
      "e",
      "en..de",
    ),
    *("../en", "en/de", "x-mine", "en\0", "ｅｎ", "part-0", "1", "en-XYZW"),
  ],
)
def test_no_tag(tag):
  assert languages.canonical(tag) is None
  with pytest.raises(faults.Fault, match="^f.jsonl:3: lang is '.*BCP 47"):
    languages.read(tag, "f.jsonl:3")


@pytest.mark.parametrize("value", [None, 3, ["en"], {}])
def test_no_text(value):
  with pytest.raises(faults.Fault, match="^f.jsonl:3: lang is"):
    languages.read(value, "f.jsonl:3")


def test_lists_are_distinct():
  assert languages.distinct(["EN", "pt_br"], "s") == ("en", "pt-BR")
  for tags, what in [
    (["en", "EN"], "'en' and 'EN' are one language"),
    (["he", "de", "iw"], "'he' and 'iw' are one language"),
    (["english"], "one is 'english'"),
    ("en", "no list"),
  ]:
    with pytest.raises(faults.Fault, match=f"^data.languages: .*{what}"):
      languages.distinct(tags, "data.languages")


def test_directions_are_pairs():
  assert list(languages.directions(("sr", "sr-Latn"))) == [
    ("sr-sr", "sr", "sr"),
    ("sr-sr-Latn", "sr", "sr-Latn"),
    ("sr-Latn-sr", "sr-Latn", "sr"),
    ("sr-Latn-sr-Latn", "sr-Latn", "sr-Latn"),
  ]
