"""What a source's one description says: its place, and how it is to be read."""

import dataclasses
import re
import urllib.parse
from collections.abc import Mapping

from hybridret_jax.ground import faults, fields, languages

TFDS, HUB = "tfds:", "hub:"
# Options by what they say.
OPTIONS = {
  "name": "what the source is called",
  "query": "the column that is the query",
  "passage": "the column that is the passage",
  "negatives": "the columns that are hard negatives, with commas",
  "id": "the column with the row's id; empty numbers the rows",
  "group": "the column with the row's group; empty gives each its own",
  "block": "the column with the row's block",
  "lang": "the language of all rows, a BCP 47 tag",
  "lang_column": "the column with the row's language",
  "columns": "names of the columns of a file without a header, with commas",
  "split": "the split, where there are several",
  "config": "the folder of a hub data set's configuration",
  "revision": "of a hub data set: a branch, a tag or a commit",
  "data_dir": "where a TFDS data set was prepared",
}
# Options that go with some places only.
_FILES = {"columns"}
_FOR = {
  "a file": _FILES,
  "a folder": {*_FILES, "split"},
  "a TFDS data set": {"split", "data_dir"},
  "a hub data set": {*_FILES, "split", "config", "revision"},
}
_SOME = set().union(*_FOR.values())
_FORM = re.compile(r"(.*?)\?(\w+=[^&]*(?:&\w+=[^&]*)*)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Spec:
  """One source.

  Attributes:
    place: a path, `tfds:NAME` or `hub:OWNER/NAME`.
    options: some of `OPTIONS`.
  """

  place: str
  options: Mapping[str, str]

  def __str__(self) -> str:
    written = "&".join(
      f"{key}={urllib.parse.quote(value, safe='/,:.~ ')}"
      for key, value in self.options.items()
    )
    return f"{self.place}?{written}" if written else self.place


def parse(text: str) -> Spec:
  """What `PLACE?OPTION=VALUE&…` says; `%26` and the like stand for characters.

  Raises:
    Fault: an option is unknown or stands twice, or a language is none.
  """
  form = _FORM.fullmatch(text)
  if not form:
    return Spec(text, {})
  options: dict[str, str] = {}
  for part in form[2].split("&"):
    key, _, value = part.partition("=")
    if key not in OPTIONS:
      near = fields.suggestion(key, OPTIONS)
      raise faults.Fault(
        text,
        f"the source has the option {key!r}{near}",
        f"use some of {', '.join(OPTIONS)}",
      )
    if key in options:
      raise faults.Fault(text, f"it says {key} twice", "keep one")
    options[key] = urllib.parse.unquote(value)
  if "lang" in options:
    options["lang"] = languages.read(options["lang"], text)
  return Spec(form[1], options)


def check(spec: Spec, kind: str) -> None:
  """Raises a Fault where an option does not go with a kind of place.

  Args:
    spec: what was given.
    kind: "a file", "a folder", "a TFDS data set" or "a hub data set".
  """
  for option in spec.options:
    if option in _SOME - _FOR[kind]:
      raise faults.Fault(
        str(spec), f"{option} is no option of {kind}", "leave it out"
      )
