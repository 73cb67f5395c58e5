"""Languages are BCP 47 tags, in the one spelling that the standard prefers."""

import functools
from collections.abc import Iterable, Iterator

import langcodes

from hybridret_jax.ground import faults, reading

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
