"""Languages are BCP 47 tags, in the one spelling that the standard prefers."""

import functools
import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import babel
import langcodes

from hybridret_jax.ground import faults, reading


class Wanted(NamedTuple):
  """Languages that are read.

  Attributes:
    asked: canonical tags; None is all.
    known: tags that names of files are looked through for; one alone is that of
      texts that do not say theirs.
  """

  asked: tuple[str, ...] | None = None
  known: tuple[str, ...] = ()


_MEND = "use a BCP 47 tag such as en, yue, pt-BR or zh-Hans"


@functools.lru_cache(maxsize=4096)
def canonical(tag: str) -> str | None:
  """The spelling of a language tag that BCP 47 prefers; None where it is none.

  Case is that of the standard, `_` is read as `-`, three letters become two
  where there are two (`eng` is `en`), and what was replaced becomes what
  replaced it (`iw` is `he`). Subtags have to be registered. Source: RFC 5646,
  with the aliases of Unicode CLDR.
  """
  try:
    made = langcodes.standardize_tag(tag)
  except ValueError:
    return None
  # A private tag alone (x-...) would make the name of a direction ambiguous.
  if not made.isascii() or made.startswith("x-"):
    return None
  return made if langcodes.tag_is_valid(made) else None


def read(tag: object, place: object, what: str = "lang") -> str:
  """The canonical form of a tag that was read at `place`.

  Raises:
    Fault: it is no tag.
  """
  made = canonical(tag) if isinstance(tag, str) else None
  if made is None:
    raise faults.Fault(place, f"{what} is {reading.shown(tag)}", _MEND)
  return made


def in_name(name: str, among: Collection[str]) -> str:
  """The language that a file's name says, or "".

  One of `among` by its tag or its English name, apart from the rest:
  `pairs.de`, `pt_BR-dev`, `german_queries`; otherwise any by its English name.
  Of two that begin alike the longer one counts; where there are several it is
  not known which.
  """
  padded = f"-{'-'.join(re.split(r'[-_. ]+', name.lower()))}-"
  english = babel.Locale("en").languages
  found = [
    tag
    for tag in among
    if f"-{tag.lower()}-" in padded
    or f"-{english.get(tag, tag).lower()}-" in padded
  ]
  longest = [
    tag
    for tag in found
    if not any(other.startswith(f"{tag}-") for other in found)
  ]
  if not found:
    longest = [
      tag
      for tag, said in english.items()
      if len(said) > 3 and f"-{said.lower()}-" in padded
    ]
  made = canonical(longest[0]) if len(longest) == 1 else None
  return made or ""


def distinct(tags: Iterable[object], place: str) -> tuple[str, ...]:
  """The canonical forms of a list of tags.

  Raises:
    Fault: it is no list, one of them is no tag, or two are one language.
  """
  if isinstance(tags, str):
    raise faults.Fault(place, f"{tags!r} is no list", "give a list of tags")
  made: dict[str, object] = {}
  for tag in tags:
    language = read(tag, place, "one")
    if language in made:
      raise faults.Fault(
        place,
        f"{made[language]!r} and {tag!r} are one language",
        "name it once",
      )
    made[language] = tag
  return tuple(made)


def directions(languages: Iterable[str]) -> Iterator[tuple[str, str, str]]:
  """(key in saved figures, query language, candidate language) of each pair.

  A key is not to be split: a tag has hyphens of its own.
  """
  codes = tuple(languages)
  for query in codes:
    for answer in codes:
      yield f"{query}-{answer}", query, answer


def with_script(tag: str) -> str:
  """A language in three letters with its script: deu-Latn, zho-Hans.

  A script that the tag does not say is the likely one. Source: CLDR's likely
  subtags.
  """
  likely = langcodes.Language.get(tag).maximize()
  return f"{likely.to_alpha3()}-{likely.script}"
