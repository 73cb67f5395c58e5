"""Reads XQuAD-R and MLQA-R: sentence retrieval from a multilingual pool."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from hybridret_jax.ground import faults, fields, reading
from hybridret_jax.ground import languages as tags
from hybridret_jax.retrieval.tasks import task

CANDIDATES = ("sentence", "sentence_paragraph")
# Questions and candidates that the benchmark's authors count.
PUBLISHED = {
  "ar": (1190, 1222),
  "de": (1190, 1276),
  "el": (1190, 1234),
  "en": (1190, 1180),
  "es": (1190, 1215),
  "hi": (1190, 1244),
  "ru": (1190, 1219),
  "th": (1190, 852),
  "tr": (1190, 1167),
  "vi": (1190, 1209),
  "zh": (1190, 1196),
}


def load(
  folder: str | pathlib.Path,
  *,
  languages: Sequence[str] | None = None,
  candidates: str = "sentence",
  name: str = "xquad_r",
  published: Mapping[str, tuple[int, int]] = PUBLISHED,
) -> task.Task:
  """The task of a folder of `<language>.json[.gz]` files.

  A candidate is every (paragraph, sentence position), without de-duplication.
  Relevant for a question is, in every language that has its id, the sentence
  whose [start, end) holds `answers[0].answer_start`. A question's group is
  its id.

  Paragraphs of any language that share a question id, be it by way of a third
  one, are one paragraph: the group of their candidates and the subcluster of
  their questions. They carry the place of the first of them, so in XQuAD-R,
  whose languages are parallel, the paragraph's number. In MLQA-R a language
  may have up to three paragraphs of one group and none of another. Articles
  are put together in the same way and make the clusters, named by the title
  in the first language that has them.

  Args:
    folder: holds SQuAD-shaped files with `sentences` and `sentence_breaks`.
    languages: tags to read; None reads every file, in sorted order.
    candidates: "sentence" gives the sentence alone, "sentence_paragraph" adds
      its paragraph as the candidate's context.
    name: what the figures are filed under.
    published: (questions, candidates) by language; a note of the task names
      the languages that differ, another one those that have sentences which
      are not what stands in their paragraph between their breaks.

  Raises:
    Fault: a file is missing or misshapen, an answer is not where its paragraph
      has it or in no sentence, or breaks overlap or leave the paragraph.

  Source: Roy et al., LAReQA, arXiv 2004.05484.
  """
  if candidates not in CANDIDATES:
    raise faults.Fault(
      "evaluation.candidates",
      f"{candidates!r} is unknown",
      f"use one of {list(CANDIDATES)}",
    )
  paths = _paths(pathlib.Path(folder), languages)
  files = [_File(language, path) for language, path in paths.items()]
  clusters = _clusters(files)
  numbers = _paragraph_numbers(files)
  contexts = tuple(c for file in files for c in file.contexts)
  return task.of_files(
    folder,
    name=name,
    languages=tuple(paths),
    query_texts=tuple(q for file in files for q in file.questions.values()),
    query_ids=tuple(f"{f.language}-{q}" for f in files for q in f.questions),
    query_language=task.language_column(
      [len(file.questions) for file in files]
    ),
    candidate_texts=tuple(s for file in files for s in file.sentences),
    candidate_ids=tuple(i for file in files for i in file.ids),
    candidate_language=task.language_column(
      [len(file.sentences) for file in files]
    ),
    candidate_context=contexts if candidates == "sentence_paragraph" else None,
    candidate_form=candidates,
    relevant=task.pad_relevant(_relevant(files)),
    query_cluster=tuple(clusters[q] for file in files for q in file.questions),
    query_subcluster=tuple(
      number[file.paragraph_of[question]]
      for file, number in zip(files, numbers, strict=True)
      for question in file.questions
    ),
    query_group=tuple(q for file in files for q in file.questions),
    candidate_group=tuple(
      number[paragraph]
      for file, number in zip(files, numbers, strict=True)
      for paragraph in file.paragraphs
    ),
    notes=_notes(files, published),
  )


class _File:
  """One language's questions, sentences, and the sentence of each answer."""

  def __init__(self, language: str, path: pathlib.Path):
    self.language = language
    self.path = path
    self.questions: dict[str, str] = {}
    self.answers: dict[str, int] = {}  # question id -> index in sentences
    self.paragraph_of: dict[str, int] = {}  # question id -> its paragraph
    self.asked: list[list[str]] = []  # question ids of each paragraph
    self.articles: dict[str, list[str]] = {}  # title -> its question ids
    self.sentences: list[str] = []
    self.contexts: list[str] = []
    self.paragraphs: list[int] = []  # paragraph of each sentence
    self.ids: list[str] = []
    self.unlike = 0  # Sentences that do not stand between their breaks.
    articles = _get(reading.document(path), "data", list, str(path))
    for number, article in enumerate(articles):
      place = f"{path}: article {number}"
      title = _get(article, "title", str, place)
      place = f"{path}: {reading.shown(title)}"
      paragraphs = _get(article, "paragraphs", list, place)
      asked = self.articles.setdefault(title, [])
      for paragraph in paragraphs:
        self._add(f"{place}, paragraph {len(self.asked)}", paragraph)
        asked += self.asked[-1]

  def _add(self, place: str, paragraph: Any):
    number = len(self.asked)
    context = _get(paragraph, "context", str, place)
    sentences = _get(paragraph, "sentences", list, place)
    breaks = _breaks(_get(paragraph, "sentence_breaks", list, place), place)
    if len(sentences) != len(breaks):
      raise faults.Fault(
        place,
        f"{len(sentences)} sentences and {len(breaks)} sentence_breaks",
        "each sentence needs its [start, end)",
      )
    if breaks and breaks[-1][1] > len(context):
      raise faults.Fault(
        place,
        f"sentence_breaks reach to {breaks[-1][1]}, but the context has"
        f" {len(context)} characters",
        "correct them",
      )
    first = len(self.sentences)
    for index, sentence in enumerate(sentences):
      if not isinstance(sentence, str) or not sentence.strip():
        raise faults.Fault(
          place,
          f"sentence {index} is {reading.shown(sentence)}",
          "it must be a text",
        )
      begin, end = breaks[index]
      self.unlike += sentence.strip() != context[begin:end].strip()
      self.sentences.append(sentence.strip())
      self.contexts.append(context.strip())
      self.paragraphs.append(number)
      self.ids.append(f"{self.language}-{number}-{index}")
    self.asked.append([])
    for item in _get(paragraph, "qas", list, place):
      if not isinstance(item, dict):
        raise faults.Fault(
          place, f"{reading.shown(item)} is no question", "write an object"
        )
      question = fields.name(item, "id", place)
      here = f"{place}, question {reading.shown(question)}"
      if question in self.questions:
        raise faults.Fault(here, "the id stands twice", "ids must be unique")
      text = fields.text(item, "question", here)
      if not text:
        raise faults.Fault(here, "question is empty", "leave it out")
      start = _answer(item, context, here)
      self.questions[question] = text
      self.answers[question] = first + _sentence_of(start, breaks, here)
      self.paragraph_of[question] = number
      self.asked[number].append(question)


def _answer(item: dict[str, Any], context: str, place: str) -> int:
  """Where the first answer starts, once all stand where they say."""
  answers = _get(item, "answers", list, place) or [{}]
  starts = []
  for number, answer in enumerate(answers):
    at = f"{place}: answers[{number}]"
    start = _get(answer, "answer_start", int, at)
    text = _get(answer, "text", str, at)
    there = context[start : start + len(text)] if start >= 0 else ""
    if not text.strip() or there != text:
      raise faults.Fault(
        at,
        f"text is {reading.shown(text)}, but the context has"
        f" {reading.shown(there)} at answer_start {start}",
        "correct answer_start, which counts characters from 0",
      )
    starts.append(start)
  return starts[0]


def _breaks(breaks: list[Any], place: str) -> list[tuple[int, int]]:
  """The [start, end) of each sentence, ascending without overlap."""
  end = 0
  for index, pair in enumerate(breaks):
    if not (
      isinstance(pair, list)
      and [type(number) for number in pair] == [int, int]
      and end <= pair[0] < pair[1]
    ):
      raise faults.Fault(
        place,
        f"sentence_breaks[{index}] is {reading.shown(pair)}",
        f"write [start, end] with {end} <= start < end",
      )
    end = pair[1]
  return [(begin, end) for begin, end in breaks]


def _sentence_of(start: int, breaks, place: str) -> int:
  for index, (begin, end) in enumerate(breaks):
    if begin <= start < end:
      return index
  raise faults.Fault(
    place,
    f"answer_start {start} is in no sentence of {reading.shown(breaks)}",
    "correct answer_start or sentence_breaks",
  )


def _relevant(files: list[_File]) -> list[list[int]]:
  """Candidate indices of each question's answers in all languages."""
  answers: dict[str, list[int]] = {}
  offset = 0
  for file in files:
    for question, sentence in file.answers.items():
      answers.setdefault(question, []).append(offset + sentence)
    offset += len(file.sentences)
  return [answers[question] for file in files for question in file.questions]


def _clusters(files: list[_File]) -> dict[str, str]:
  """Title of each question's article in the first language that has it."""
  titles = [title for file in files for title in file.articles]
  asked = [asked for file in files for asked in file.articles.values()]
  numbers = _linked(asked)
  first: dict[int, str] = {}
  for number, title in zip(numbers, titles, strict=True):
    first.setdefault(number, title)
  return {
    question: first[number]
    for number, questions in zip(numbers, asked, strict=True)
    for question in questions
  }


def _paragraph_numbers(files: list[_File]) -> list[list[str]]:
  """For each file and paragraph the number that its copies share."""
  numbers = _linked([asked for file in files for asked in file.asked])
  ends = np.cumsum([len(file.asked) for file in files]).tolist()
  return [
    [str(number) for number in numbers[end - len(file.asked) : end]]
    for file, end in zip(files, ends, strict=True)
  ]


def _linked(asked: list[list[str]]) -> list[int]:
  """Place of the first of the parts that each is linked to by questions."""
  place: dict[str, int] = {}
  edges = [
    (part, len(asked) + place.setdefault(question, len(place)))
    for part, questions in enumerate(asked)
    for question in questions
  ]
  size = len(asked) + len(place)
  ends = np.array(edges, np.int64).reshape(-1, 2).T
  graph = sparse.coo_array(
    (np.ones(len(edges), np.int8), tuple(ends)), shape=(size, size)
  )
  _, label = csgraph.connected_components(graph, directed=False)
  _, first, whole = np.unique(label, return_index=True, return_inverse=True)
  return first[whole][: len(asked)].tolist()


def _notes(files, published) -> tuple[str, ...]:
  wrong = [
    f"{file.language} {len(file.questions)} and {len(file.sentences)}"
    for file in files
    if published.get(file.language)
    != (len(file.questions), len(file.sentences))
  ]
  unlike = [f"{file.language} {file.unlike}" for file in files if file.unlike]
  notes = ()
  if wrong:
    notes += (
      "Questions and candidates are not as many as the benchmark's authors"
      f" count: {', '.join(wrong)}.",
    )
  if unlike:
    notes += (
      "Sentences that are not what their paragraph has between their breaks"
      f" (taken as they are): {', '.join(unlike)}.",
    )
  return notes


def _paths(
  folder: pathlib.Path, languages: Sequence[str] | None
) -> dict[str, pathlib.Path]:
  found: dict[str, pathlib.Path] = {}
  for path in reading.entries(folder):
    name = path.name.removesuffix(".gz")
    if name.startswith(".") or not name.endswith(".json"):
      continue
    language = tags.canonical(name.removesuffix(".json"))
    if language is None:
      raise faults.Fault(
        path,
        "it is not named after a language",
        "call it <BCP 47 tag>.json, or move it elsewhere",
      )
    if language in found:
      raise reading.both(found[language], path)
    found[language] = path
  if not found:
    raise faults.Fault(
      folder,
      "no <language>.json file there",
      "give the folder of the unpacked benchmark"
      " (github.com/google-research-datasets/lareqa)",
    )
  found = dict(sorted(found.items()))
  if languages is None:
    return found
  languages = tags.distinct(languages, f"languages of {folder}")
  missing = [language for language in languages if language not in found]
  if missing or not languages:
    raise faults.Fault(
      folder,
      f"no file for languages {missing or list(languages)}",
      f"it has {list(found)}",
    )
  return {language: found[language] for language in languages}


def _get(record: Any, key: str, kind: type, place: str) -> Any:
  value = record.get(key) if isinstance(record, dict) else None
  if not isinstance(value, kind) or isinstance(value, bool):
    raise faults.Fault(
      place,
      f"{key} is {reading.shown(value)}",
      f"it must be of type {kind.__name__}",
    )
  return value
