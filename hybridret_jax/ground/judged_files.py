"""Queries, passages and which answers which, in BEIR's and MS MARCO's files."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hybridret_jax.ground import faults, fields, languages, reading

_CORPUS, _QUERIES, _QRELS = "corpus.jsonl", "queries.jsonl", "qrels"
_TSV = re.compile(r".*\.tsv(\.gz|\.zst)?")
_HIGHEST = 2**31 - 1
Texts = dict[str, dict[str, str]]  # By language, by id.


class Judgement(NamedTuple):
  """How relevant a passage is for a query: 1 and more is relevant."""

  place: reading.Place
  query: str
  passage: str
  grade: int


@dataclasses.dataclass
class Files:
  """The files of a collection, by what they hold.

  Attributes:
    folder: where they are.
    queries: their files.
    passages: their files.
    qrels: files of judgements, by split.
    triples: files of (query, passage, other passage), each an id, by split.
  """

  folder: pathlib.Path
  queries: list[pathlib.Path]
  passages: list[pathlib.Path]
  qrels: dict[str, pathlib.Path]
  triples: dict[str, pathlib.Path]

  def split(self, kind: str, wanted: str) -> pathlib.Path | None:
    """The file of a split; None where there is none of the kind.

    Args:
      kind: "qrels" or "triples".
      wanted: the split.

    Raises:
      Fault: there are others only.
    """
    files = getattr(self, kind)
    if not files:
      return None
    if wanted not in files:
      raise faults.Fault(
        self.folder,
        f"it has no {kind} of the split {wanted!r}, but of {', '.join(files)}",
        "say ?split=",
      )
    return files[wanted]


def find(folder: str | os.PathLike) -> Files | None:
  """BEIR's or MS MARCO's files in a folder; None where it has neither.

  BEIR has corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv. MS MARCO and mMARCO
  have files in .tsv, in any folder below, whose names say collection, queries,
  qrels or triples, and maybe the split and the language.
  """
  folder = pathlib.Path(folder)
  corpus = reading.find(folder / _CORPUS)
  queries = reading.find(folder / _QUERIES)
  if corpus and queries:
    qrels = {
      path.name.partition(".")[0]: path for path in _tsv(folder / _QRELS)
    }
    return Files(folder, [queries], [corpus], qrels, {})
  return _of_marco(folder)


def _of_marco(folder: pathlib.Path) -> Files | None:
  found = Files(folder, [], [], {}, {})
  for path in _tsv(folder, below=True):
    words = re.split(r"[._-]+", path.name)
    if "collection" in words or "collections" in words:
      found.passages.append(path)
    elif "queries" in words:
      found.queries.append(path)
    else:
      for kind in ("qrels", "triples"):
        if kind in words:
          split = next((w for w in words if w in ("train", "dev", "test")), "")
          other = getattr(found, kind).setdefault(split or "train", path)
          if other != path:
            raise reading.both(other, path)
  return found if found.passages and found.queries else None


def _tsv(folder: pathlib.Path, *, below: bool = False) -> list[pathlib.Path]:
  if not folder.is_dir():
    return []
  paths = sorted(folder.rglob("*.tsv*")) if below else reading.entries(folder)
  return [path for path in paths if _TSV.fullmatch(path.name)]


def texts(
  paths: Sequence[pathlib.Path],
  *,
  constant: str,
  asked: Sequence[str] | None,
  known: Sequence[str],
  split: str,
) -> tuple[Texts, dict[str, int]]:
  """The texts of files of queries or of passages, and what was left out.

  A record of .jsonl has `_id` or `id`, `text`, maybe a `title`, put before it,
  and maybe a `lang`. A line of .tsv is an id and a text. Files whose names say
  another split are left.

  Args:
    paths: of the files.
    constant: the language of all; "" is what a record or its file's name
      says, or the only one of `known`.
    asked: languages that are wanted; None is all.
    known: languages that names of files are looked through for.
    split: whose queries are wanted.

  Raises:
    Fault: naming file and line of an id that stands twice, a missing field or a
      language that is not known.
  """
  found: Texts = {}
  left: dict[str, int] = {}
  several = len(paths) > 1
  for path in paths:
    words = set(re.split(r"[._-]+", path.name))
    if several and words & {"train", "dev", "test"} - {split}:
      continue
    for place, identity, text, own in _lines(path):
      language = constant or own or _language(path, known)
      if asked is not None and language not in asked:
        why = f"language {language} was not asked for"
      elif not text:
        why = f"{path.name}: records without a text"
      else:
        kept = found.setdefault(language, {})
        if identity in kept:
          raise faults.Fault(
            place,
            f"the id {reading.shown(identity)} stands twice",
            "keep one",
          )
        kept[identity] = text
        continue
      left[why] = left.get(why, 0) + 1
  return found, left


def judgements(path: pathlib.Path) -> Iterator[Judgement]:
  """The lines of a file of judgements, in BEIR's or TREC's form.

  `query<TAB>passage<TAB>grade`, maybe below a header, or with a field between
  the first two that nobody reads.

  Raises:
    Fault: naming file and line of another number of fields, a grade that is no
      whole number, or a pair that is judged twice.
  """
  seen: set[tuple[str, str]] = set()
  for place, line in reading.lines(path):
    parts = [part.strip() for part in re.split(r"[\t ]+", line.strip())]
    if len(parts) not in (3, 4):
      raise faults.Fault(
        place,
        f"{len(parts)} fields in {reading.shown(line)}",
        "write query-id<TAB>corpus-id<TAB>score",
      )
    query, passage, grade = parts[0], parts[-2], parts[-1]
    if place.line == 1 and not _is_grade(grade) and "id" in query.lower():
      continue
    if not _is_grade(grade):
      raise faults.Fault(
        place,
        f"the grade {reading.shown(grade)} is no whole number",
        "write 0 or 1, or grades above it",
      )
    if (query, passage) in seen:
      raise faults.Fault(
        place, f"{query!r} and {passage!r} are judged twice", "keep one line"
      )
    seen.add((query, passage))
    yield Judgement(place, query, passage, int(grade))


def triples(
  path: pathlib.Path,
) -> Iterator[tuple[reading.Place, str, str, str]]:
  """The ids of each line: of a query, a passage that answers it, and another.

  Raises:
    Fault: naming file and line of another number of fields.
  """
  for place, line in reading.lines(path):
    parts = line.split()
    if len(parts) != 3:
      raise faults.Fault(
        place,
        f"{len(parts)} fields in {reading.shown(line)}",
        "write three ids: of a query, of a passage that answers it, and of"
        " another",
      )
    yield place, parts[0], parts[1], parts[2]


def _is_grade(text: str) -> bool:
  return bool(re.fullmatch("-?[0-9]{1,9}", text)) and int(text) <= _HIGHEST


def _lines(
  path: pathlib.Path,
) -> Iterator[tuple[reading.Place, str, str, str]]:
  """(place, id, text, language or "") of each record."""
  if _TSV.fullmatch(path.name):
    for place, line in reading.lines(path):
      identity, tab, text = line.partition("\t")
      if not tab or not identity.strip():
        raise faults.Fault(
          place,
          f"{reading.shown(line)} is no id and text",
          "write id<TAB>text",
        )
      yield place, identity.strip(), text.replace("\t", " ").strip(), ""
    return
  for place, record in reading.objects(path):
    key = "_id" if "_id" in record else "id"
    text = fields.text(record, "text", place)
    if record.get("title"):
      text = f"{fields.text(record, 'title', place)} {text}".strip()
    own = record.get("lang") or record.get("language") or ""
    tag = languages.read(own, place) if own else ""
    yield place, fields.name(record, key, place), text, tag


def _language(path: pathlib.Path, known: Sequence[str]) -> str:
  found = languages.in_name(path.name, known)
  if not found and len(known) == 1:
    found = known[0]
  if not found:
    raise faults.Fault(
      path,
      "the language of its texts is not known",
      "say ?lang=TAG behind the source or the task",
    )
  return found
