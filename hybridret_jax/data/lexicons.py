"""Bilingual lexicons: words with their translations, by pair of languages."""

import dataclasses
import hashlib
import pathlib
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from hybridret_jax.data.corpora import cldr_items
from hybridret_jax.ground import faults, languages, reading

CLDR = "cldr"
_SPEC = "write SOURCE:TARGET=FILE, or a file's name SOURCE-TARGET.txt, or cldr"
Words = Mapping[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class Lexicons:
  """What words are replaced by.

  Attributes:
    words: (source language, target language) -> `key` of a word -> its
      translations, in the order of the files.
    sha256: of each lexicon, by its name in the config.
  """

  words: Mapping[tuple[str, str], Words]
  sha256: Mapping[str, str]

  def targets(self, source: str) -> tuple[str, ...]:
    """The languages that there are translations into, sorted."""
    return tuple(sorted(to for one, to in self.words if one == source))


def read(
  specs: Sequence[str],
  *,
  into: Sequence[str] = (),
  place: Callable[[str], pathlib.Path] = pathlib.Path,
) -> Lexicons:
  """Reads lexicons; of one pair in several files a word has all translations.

  A file is in the form of MUSE (Conneau et al., "Word Translation Without
  Parallel Data", arXiv 1710.04087): a pair on each line, the word and its
  translation, with spaces or a tab between them; behind a tab a translation may
  have several words. `cldr` is Unicode CLDR's names of countries, languages,
  scripts, currencies, cities and units in 11 languages, every one into every
  other; names of one word are replaced.

  Args:
    specs: `SOURCE:TARGET=FILE`, a file called `SOURCE-TARGET` (as MUSE's are),
      or `cldr`.
    into: languages that are translated into, as canonical tags; empty is all
      that there are.
    place: where a file lies.

  Raises:
    Fault: naming the file and line, or the lexicon, that cannot be used.
  """
  found: dict[tuple[str, str], dict[str, dict[str, None]]] = {}
  sha256: dict[str, str] = {}
  for spec in specs:
    if spec in sha256:
      raise faults.Fault(
        "code_switching.lexicons", f"{spec!r} stands twice", "keep one"
      )
    digest = hashlib.sha256()
    for pair, word, translation in (
      _cldr() if spec == CLDR else _file(spec, place)
    ):
      digest.update("\t".join([*pair, word, translation, ""]).encode())
      if not into or pair[1] in into:
        of = found.setdefault(pair, {})
        of.setdefault(key(word), {})[translation] = None
    sha256[spec] = digest.hexdigest()
  absent = [tag for tag in into if tag not in {target for _, target in found}]
  if absent:
    raise faults.Fault(
      "code_switching.languages",
      f"no lexicon translates into {', '.join(absent)}",
      "leave them out, or name a lexicon that does",
    )
  return Lexicons(
    words={
      pair: {word: tuple(of) for word, of in by_word.items()}
      for pair, by_word in found.items()
    },
    sha256=sha256,
  )


def key(word: str) -> str:
  """What a word is looked up by: without case, composed as NFC."""
  return unicodedata.normalize("NFC", word.casefold())


def file_of(spec: str) -> str | None:
  """The file that a lexicon of the config is in; None of `cldr`."""
  named, sign, name = spec.partition("=")
  if spec == CLDR:
    return None
  return name if sign else named


def _file(spec, place):
  """((source, target), word, translation) of each line of a file."""
  named, sign, _ = spec.partition("=")
  name = str(file_of(spec))
  tags = named.split(":") if sign else []
  if not sign:
    tags = pathlib.PurePath(spec).name.partition(".")[0].split("-")
  if len(tags) != 2 or not name:
    raise faults.Fault(
      "code_switching.lexicons", f"{spec!r} does not say its languages", _SPEC
    )
  source, target = (
    languages.read(tag, "code_switching.lexicons", f"a language of {spec!r}")
    for tag in tags
  )
  if source == target:
    raise faults.Fault(
      "code_switching.lexicons", f"{spec!r} has one language", _SPEC
    )
  path, any_line = place(name), False
  for at, line in reading.lines(path):
    parts = [" ".join(x.split()) for x in line.split("\t")]
    if len(parts) == 1:
      parts = line.split()
    if len(parts) != 2 or not all(parts):
      raise faults.Fault(
        at,
        f"{reading.shown(line)} is no word with its translation",
        "write the two with a space or a tab between them",
      )
    if " " in parts[0]:
      raise faults.Fault(
        at,
        f"{reading.shown(parts[0])} are several words, and words are replaced"
        " one by one",
        "remove the line",
      )
    any_line = True
    yield (source, target), parts[0], parts[1]
  if not any_line:
    raise faults.Fault(path, "holds no word", "give a lexicon with some")


def _cldr():
  for item in cldr_items.items():
    names = {tag: of["name"] for tag, of in item.fields.items()}
    for source, word in names.items():
      if len(word.split()) > 1:
        continue
      for target, translation in names.items():
        if source != target:
          yield (source, target), word, translation
