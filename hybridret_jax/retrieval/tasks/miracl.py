"""Reads MIRACL: graded monolingual retrieval from passages of Wikipedia."""

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from hybridret_jax.ground import faults, fields, reading
from hybridret_jax.ground import languages as tags
from hybridret_jax.retrieval.tasks import task

VERSION = "miracl-v1.0"
_CORPORA = ("corpus/", "miracl-corpus-v1.0-")  # Before the language.
_SHARD = re.compile(r"docs-(\d+)\.jsonl(\.gz)?")


@dataclasses.dataclass(frozen=True)
class Queries:
  """One language's queries and what was judged for each.

  Attributes:
    language: BCP 47 tag.
    ids: unique, as published.
    texts: stripped, without a prefix.
    grades: for each query the grade of every judged docid; 0 and less is not
      relevant.
  """

  language: str
  ids: tuple[str, ...]
  texts: tuple[str, ...]
  grades: tuple[Mapping[str, int], ...]


def load(
  folder: str | pathlib.Path,
  languages: Sequence[str] | None = None,
  *,
  split: str = "dev",
  name: str = "miracl",
) -> task.Task:
  """The task of one or more languages, with all their passages in memory.

  A passage is one candidate, and those of other languages are never relevant,
  so a monolingual direction is MIRACL's own setting and no other direction
  has a figure. Relevant passages that the corpus lacks are the task's misses:
  a corpus in part does not flatter. Ids are the published ones in a task of
  one language, and `<language>-<id>` in a task of several, whose ids would
  collide.

  In memory a passage takes a byte for each character, two beyond Latin
  script, and 0.3 KB besides. A corpus that does not fit is read by `passages`
  as often as needed, with `places` and `judgements` of what is judged.

  Args:
    folder: what `queries` and `corpus_files` look in.
    languages: tags, which candidates are sorted by; None takes every language
      with a folder of passages, in alphabetical order.
    split: which queries.
    name: what the figures are filed under.

  Raises:
    Fault: a file is missing, or a line is misshapen, names an unknown query
      or repeats one; the message gives file:line.

  Source: Zhang et al., MIRACL, TACL 11, 2023.
  """
  if languages is None:
    languages = list(_corpora(folder))
    if not languages:
      raise faults.Fault(
        folder,
        f"no {' or '.join(f'{start}<language>' for start in _CORPORA)} there",
        "name a folder with passages",
      )
  languages = tags.distinct(languages, f"languages of {folder}")
  judged = [queries(folder, language, split=split) for language in languages]
  pool: list[tuple[str, str]] = []
  sizes: list[int] = []
  grades: list[dict[int, int]] = []
  misses: list[Mapping[str, int]] = []
  notes: list[str] = []
  for asked in judged:
    first = len(pool)
    pool += passages(corpus_files(folder, asked.language), seen=set())
    place = places(asked, (docid for docid, _ in pool[first:]), first=first)
    grades += judgements(asked, place)
    before = f"{asked.language}-" if len(languages) > 1 else ""
    misses += [
      {f"{before}{docid}": grade for docid, grade in lacking.items()}
      for lacking in missed(asked, place)
    ]
    notes += missing(asked, place)
    sizes.append(len(pool) - first)
  relevant, grades_QR = task.pad_graded(grades)
  query_language = task.language_column([len(asked.ids) for asked in judged])
  candidate_language = task.language_column(sizes)
  several = languages if len(languages) > 1 else ()
  return task.of_files(
    folder,
    name=name,
    languages=languages,
    query_texts=tuple(text for asked in judged for text in asked.texts),
    query_ids=_prefixed(
      (i for asked in judged for i in asked.ids), query_language, several
    ),
    query_language=query_language,
    candidate_texts=tuple(text for _, text in pool),
    candidate_ids=_prefixed(
      (docid for docid, _ in pool), candidate_language, several
    ),
    candidate_language=candidate_language,
    candidate_context=None,
    relevant=relevant,
    grades=grades_QR,
    misses=tuple(misses) if any(misses) else None,
    notes=tuple(notes),
  )


def queries(
  folder: str | pathlib.Path, language: str, *, split: str = "dev"
) -> Queries:
  """The topics and qrels of a language.

  `topics.miracl-v1.0-<language>-<split>.tsv` holds `qid<TAB>text` and
  `qrels.…tsv` holds `qid Q0 docid grade`; both may end in `.gz`, and stand in
  `folder`, in `miracl-v1.0-<language>` or in its `topics` and `qrels`.

  The language in a name may have any spelling of its tag.

  Raises:
    Fault: as in `load`.
  """
  language = tags.read(language, f"language of {folder}", "it")
  texts: dict[str, str] = {}
  for place, line in reading.lines(_find(folder, "topics", language, split)):
    identity, _, text = (part.strip() for part in line.partition("\t"))
    if not identity or not text:
      raise faults.Fault(
        place, f"{reading.shown(line)} is no query", "write qid<TAB>text"
      )
    if identity in texts:
      raise faults.Fault(place, f"query {identity!r} stands twice", "keep one")
    texts[identity] = text
  grades: dict[str, dict[str, int]] = {identity: {} for identity in texts}
  for place, line in reading.lines(_find(folder, "qrels", language, split)):
    parts = line.split()
    if len(parts) != 4 or not re.fullmatch("-?[0-9]{1,9}", parts[3]):
      raise faults.Fault(
        place,
        f"{reading.shown(line)} is no judgement",
        "write qid Q0 docid grade",
      )
    identity, _, docid, grade = parts
    if identity not in grades:
      raise faults.Fault(
        place,
        f"query {identity!r} is not among the topics",
        "take both files from one release",
      )
    if docid in grades[identity]:
      raise faults.Fault(
        place,
        f"{identity!r} and {docid!r} are judged twice",
        "keep one line",
      )
    grades[identity][docid] = int(grade)
  return Queries(
    language, tuple(texts), tuple(texts.values()), tuple(grades.values())
  )


def corpus_files(
  folder: str | pathlib.Path, language: str
) -> list[pathlib.Path]:
  """The shards `docs-<number>.jsonl[.gz]` of a language, by number.

  They stand in `corpus/<language>` or `miracl-corpus-v1.0-<language>` of
  `folder`. Some of the list, say every n-th, may be read apart.

  Raises:
    Fault: there is none, or one stands there plain and as `.gz`.
  """
  language = tags.read(language, f"language of {folder}", "it")
  found: dict[int, pathlib.Path] = {}
  places = _corpora(folder).get(language, [])
  for path in (path for place in places for path in reading.entries(place)):
    number = _SHARD.fullmatch(path.name)
    if number is None:
      continue
    if int(number[1]) in found:
      raise reading.both(found[int(number[1])], path)
    found[int(number[1])] = path
  if not found:
    names = " or ".join(f"{start}{language}" for start in _CORPORA)
    raise faults.Fault(
      folder,
      f"no docs-<number>.jsonl[.gz] in its {names}",
      f"put the passages of {language} there"
      " (huggingface.co/datasets/miracl/miracl-corpus)",
    )
  return [found[number] for number in sorted(found)]


def passages(
  paths: Iterable[pathlib.Path], *, seen: set[str] | None = None
) -> Iterator[tuple[str, str]]:
  """(docid, title and text with a space between) of each line, in order.

  Nothing is held but the line. A passage without a text is its title.

  Args:
    paths: shards of one language.
    seen: holds the docids so far, none of which may come again; None does not
      look.

  Raises:
    Fault: a line has no docid, title or text, or its docid was there before;
      the message gives file:line.
  """
  for path in paths:
    for place, record in reading.objects(path):
      docid = fields.name(record, "docid", place)
      for key in ("title", "text"):
        fields.text(record, key, place)
      if seen is not None:
        if docid in seen:
          raise faults.Fault(
            place,
            f"docid {docid!r} stands twice",
            "ids must be unique",
          )
        seen.add(docid)
      yield docid, f"{record['title']} {record['text']}".strip()


def places(
  asked: Queries, docids: Iterable[str], *, first: int = 0
) -> dict[str, int]:
  """Number of each judged docid in the order given, counted from `first`."""
  judged = {docid for grades in asked.grades for docid in grades}
  return {
    docid: number
    for number, docid in enumerate(docids, start=first)
    if docid in judged
  }


def judgements(
  asked: Queries, place: Mapping[str, int]
) -> list[dict[int, int]]:
  """For each query the grade of each judged passage, by its place.

  `task.pad_graded` makes arrays of it. Passages without a place are left out.
  """
  return [
    {place[docid]: grade for docid, grade in grades.items() if docid in place}
    for grades in asked.grades
  ]


def missed(asked: Queries, place: Mapping[str, int]) -> list[dict[str, int]]:
  """For each query the grades of the relevant passages that `place` lacks."""
  return [
    {
      docid: grade
      for docid, grade in grades.items()
      if grade > 0 and docid not in place
    }
    for grades in asked.grades
  ]


def missing(asked: Queries, place: Mapping[str, int]) -> list[str]:
  """A sentence on the judged passages that `place` lacks, if there are any."""
  pairs = [pair for grades in asked.grades for pair in grades.items()]
  lacking = [grade > 0 for docid, grade in pairs if docid not in place]
  if not lacking:
    return []
  relevant = sum(grade > 0 for _, grade in pairs)
  return [
    f"{asked.language}: the corpus is not whole. {sum(lacking)} of {relevant}"
    f" judgements of relevant passages and {len(lacking) - sum(lacking)} of"
    f" {len(pairs) - relevant} others name a passage that is not in it; the"
    " figures count the relevant ones as not found."
  ]


def _corpora(folder: str | pathlib.Path) -> dict[str, list[pathlib.Path]]:
  """The folders with each language's passages, sorted by language."""
  found: dict[str, list[pathlib.Path]] = {}
  for start in _CORPORA:
    parent, _, before = start.rpartition("/")
    mine: dict[str, pathlib.Path] = {}
    for path in _inside(pathlib.Path(folder) / parent):
      named = path.name.startswith(before) and not path.name.startswith(".")
      if not (named and path.is_dir()):
        continue
      language = tags.read(path.name.removeprefix(before), path, "its language")
      if language in mine:
        raise reading.both(mine[language], path)
      mine[language] = path
      found.setdefault(language, []).append(path)
  return dict(sorted(found.items()))


def _find(folder, kind: str, language: str, split: str) -> pathlib.Path:
  """The one file of a language's topics or qrels."""
  folder = pathlib.Path(folder)
  inner = [
    path
    for path in _inside(folder)
    if _spells(path.name, f"{VERSION}-", ("",), language)
  ]
  start, ends = f"{kind}.{VERSION}-", (f"-{split}.tsv", f"-{split}.tsv.gz")
  found = [
    path
    for place in (folder, *inner, *(path / kind for path in inner))
    for path in _inside(place)
    if _spells(path.name, start, ends, language)
  ]
  if len(found) > 1:
    raise reading.both(*found[:2])
  if found:
    return found[0]
  places = f"it, in {VERSION}-{language} or in {VERSION}-{language}/{kind}"
  raise faults.Fault(
    folder,
    f"no {start}{language}{ends[0]}[.gz] in {places}",
    f"put the {kind} of {language} there"
    " (huggingface.co/datasets/miracl/miracl)",
  )


def _spells(name: str, start: str, ends: tuple[str, ...], language) -> bool:
  """Whether `language` stands in a name, in any spelling."""
  return name.startswith(start) and any(
    tags.canonical(name[len(start) : len(name) - len(end)]) == language
    for end in ends
    if name.endswith(end)
  )


def _inside(folder: pathlib.Path) -> list[pathlib.Path]:
  return reading.entries(folder) if folder.is_dir() else []


def _prefixed(ids, language, languages) -> tuple[str, ...]:
  if not languages:
    return tuple(ids)
  return tuple(
    f"{languages[index]}-{identity}"
    for index, identity in zip(language.tolist(), ids, strict=True)
  )
