"""Reads XQuAD-R and MLQA-R: sentence retrieval from a multilingual pool."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from hybridret_jax.retrieval.tasks import task

CANDIDATES = ("sentence", "sentence_paragraph")


def load(
  folder: str | pathlib.Path,
  *,
  languages: Sequence[str] | None = None,
  candidates: str = "sentence",
  name: str = "xquad_r",
) -> task.Task:
  """The task of a folder of `<language>.json` files.

  A candidate is every (paragraph, sentence position), without de-duplication.
  Relevant for a question is, in every language that has its id, the sentence
  whose [start, end) holds `answers[0].answer_start`. A question's cluster is
  the title of its article in the first language that has it.

  Args:
    folder: holds SQuAD-shaped files with `sentences` and `sentence_breaks`.
    languages: codes to read; None reads every file, in sorted order.
    candidates: "sentence" gives the sentence alone, "sentence_paragraph" adds
      its paragraph as the candidate's context.
    name: what the figures are filed under.

  Raises:
    ValueError: a file is missing or misshapen, or an answer is in no sentence.

  Source: Roy et al., LAReQA, arXiv 2004.05484.
  """
  if candidates not in CANDIDATES:
    raise ValueError(
      f"candidates {candidates!r} is unknown; use one of {list(CANDIDATES)}"
    )
  paths = _paths(pathlib.Path(folder), languages)
  files = [_File(language, path) for language, path in paths.items()]
  offsets = np.cumsum([0] + [len(file.sentences) for file in files])
  answers: dict[str, list[int]] = {}
  clusters: dict[str, str] = {}
  for file, offset in zip(files, offsets, strict=False):
    for question, sentence in file.answers.items():
      answers.setdefault(question, []).append(int(offset) + sentence)
      clusters.setdefault(question, file.titles[question])
  questions = [(file, q) for file in files for q in file.questions]
  contexts = tuple(c for file in files for c in file.contexts)
  return task.Task(
    name=name,
    languages=tuple(paths),
    query_texts=tuple(file.questions[q] for file, q in questions),
    query_ids=tuple(f"{file.language}-{q}" for file, q in questions),
    query_language=_repeat([len(file.questions) for file in files]),
    candidate_texts=tuple(s for file in files for s in file.sentences),
    candidate_ids=tuple(i for file in files for i in file.ids),
    candidate_language=_repeat([len(file.sentences) for file in files]),
    candidate_context=contexts if candidates == "sentence_paragraph" else None,
    relevant=task.pad_relevant([answers[q] for _, q in questions]),
    query_cluster=tuple(clusters[q] for _, q in questions),
  )


class _File:
  """One language's questions, sentences, and the sentence of each answer."""

  def __init__(self, language: str, path: pathlib.Path):
    self.language = language
    self.path = path
    self.questions: dict[str, str] = {}
    self.answers: dict[str, int] = {}  # question id -> index in sentences
    self.titles: dict[str, str] = {}
    self.sentences: list[str] = []
    self.contexts: list[str] = []
    self.ids: list[str] = []
    number = 0
    for article in _get(_parse(path), "data", list, str(path)):
      title = _get(article, "title", str, f"{path}: article")
      paragraphs = _get(article, "paragraphs", list, f"{path}: {title}")
      for paragraph in paragraphs:
        self._add(number, title, paragraph)
        number += 1

  def _add(self, number: int, title: str, paragraph: dict[str, Any]):
    place = f"{self.path}: {title}, paragraph {number}"
    context = _get(paragraph, "context", str, place)
    sentences = _get(paragraph, "sentences", list, place)
    breaks = _get(paragraph, "sentence_breaks", list, place)
    if len(sentences) != len(breaks):
      raise ValueError(
        f"{place}: {len(sentences)} sentences and {len(breaks)}"
        " sentence_breaks; each sentence needs its [start, end)"
      )
    first = len(self.sentences)
    for index, sentence in enumerate(sentences):
      if not isinstance(sentence, str) or not sentence.strip():
        raise ValueError(
          f"{place}: sentence {index} is {sentence!r}; it must be a text"
        )
      self.sentences.append(sentence.strip())
      self.contexts.append(context.strip())
      self.ids.append(f"{self.language}-{number}-{index}")
    for item in _get(paragraph, "qas", list, place):
      question = _get(item, "id", str, place)
      here = f"{place}, question {question}"
      if question in self.questions:
        raise ValueError(f"{here}: the id stands twice; ids must be unique")
      answer = (_get(item, "answers", list, here) or [{}])[0]
      start = _get(answer, "answer_start", int, f"{here}: answers[0]")
      self.questions[question] = _get(item, "question", str, here).strip()
      self.answers[question] = first + _sentence_of(start, breaks, here)
      self.titles[question] = title


def _sentence_of(start: int, breaks: list[list[int]], place: str) -> int:
  for index, (begin, end) in enumerate(breaks):
    if begin <= start < end:
      return index
  raise ValueError(
    f"{place}: answer_start {start} is in no sentence of {breaks}; correct"
    " answer_start or sentence_breaks"
  )


def _paths(
  folder: pathlib.Path, languages: Sequence[str] | None
) -> dict[str, pathlib.Path]:
  found = {path.stem: path for path in sorted(folder.glob("*.json"))}
  if not found:
    raise ValueError(
      f"{folder}: no <language>.json file there; give the folder of the"
      " unpacked benchmark (github.com/google-research-datasets/lareqa)"
    )
  if languages is None:
    return found
  missing = [language for language in languages if language not in found]
  if missing or not languages:
    raise ValueError(
      f"{folder}: no file for languages {missing or list(languages)}; it has"
      f" {sorted(found)}"
    )
  return {language: found[language] for language in languages}


def _parse(path: pathlib.Path) -> Any:
  try:
    return json.loads(path.read_text(encoding="utf-8"))
  except json.JSONDecodeError as error:
    raise ValueError(
      f"{path}:{error.lineno}: not JSON ({error.msg}); fetch the file again"
    ) from error


def _get(record: Any, key: str, kind: type, place: str) -> Any:
  value = record.get(key) if isinstance(record, dict) else None
  if not isinstance(value, kind) or isinstance(value, bool):
    raise ValueError(
      f"{place}: {key} is {value!r}; it must be of type {kind.__name__}"
    )
  return value


def _repeat(sizes: list[int]) -> np.ndarray:
  return np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
