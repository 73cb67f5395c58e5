"""MLQA-R: languages that ask different questions, and what they score."""

import itertools
import json
import pathlib

import numpy as np
import pytest

from hybridret_jax.retrieval import evaluation
from hybridret_jax.retrieval.tasks import mlqa_r, task

LANGUAGES = tuple(mlqa_r.PUBLISHED)
OTHERS = tuple(language for language in LANGUAGES if language != "en")
# Which languages ask each question: English and one, two or three others.
ASKED = [
  {"en", *others}
  for size in (1, 2, 3)
  for others in list(itertools.combinations(OTHERS, size))[
    : 15 if size < 3 else 4
  ]
]


def write(folder: pathlib.Path) -> pathlib.Path:
  """Two questions to a paragraph and three paragraphs to an article.

  Languages leave out the paragraphs and articles that they have nothing of,
  and Hindi keeps each question in a paragraph of its own.
  """
  for language in LANGUAGES:
    mine = [q for q, asked in enumerate(ASKED) if language in asked]
    size = 1 if language == "hi" else 2
    data = []
    for article, questions in itertools.groupby(mine, lambda q: q // 6):
      parts = itertools.groupby(questions, lambda q, size=size: q // size)
      paragraphs = [paragraph(list(part)) for _, part in parts]
      title = f"{language} {article}"
      data.append({"title": title, "paragraphs": paragraphs})
    text = json.dumps({"data": data})
    (folder / f"{language}.json").write_text(text, encoding="utf-8")
  return folder


def paragraph(questions):
  sentences = [f"Answer {q:03}." for q in questions] + ["Nothing here."]
  starts = [12 * place for place in range(len(sentences))]
  return {
    "context": " ".join(sentences),
    "sentences": sentences,
    "sentence_breaks": [
      [start, start + len(sentence)]
      for start, sentence in zip(starts, sentences, strict=True)
    ],
    "qas": [
      {
        "id": f"q{q}",
        "question": f"Question {q}?",
        "answers": [{"answer_start": start, "text": "Answer"}],
      }
      for q, start in zip(questions, starts, strict=False)
    ],
  }


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> task.Task:
  return mlqa_r.load(write(tmp_path_factory.mktemp("mlqa")))


def test_a_question_is_relevant_where_it_is_asked(made):
  assert (made.name, made.languages) == ("mlqa_r", LANGUAGES)
  assert made.num_queries == sum(len(asked) for asked in ASKED)
  for query, relevant in zip(made.query_group, made.relevant, strict=True):
    index = relevant[relevant >= 0]
    languages = {made.languages[i] for i in made.candidate_language[index]}
    assert languages == ASKED[int(query[1:])]
    texts = {made.candidate_texts[i] for i in index}
    assert texts == {f"Answer {int(query[1:]):03}."}
  sizes = (made.relevant >= 0).sum(axis=1)
  assert set(sizes.tolist()) == {2, 3, 4}


def test_a_direction_scores_the_questions_with_an_answer_in_it(made):
  number = [int(group[1:]) for group in made.query_group]
  answers = [int(t[7:10]) if t[0] == "A" else -1 for t in made.candidate_texts]
  one_hot = np.eye(len(ASKED) + 1, dtype=np.float32)
  figures = evaluation.evaluate(made, one_hot[number], one_hot[answers])
  want = {
    f"{query}-{answer}": sum({query, answer} <= asked for asked in ASKED)
    for query, answer in itertools.product(LANGUAGES, repeat=2)
  }
  got = {key: row["queries"] for key, row in figures["directions"].items()}
  assert got == want
  assert sum(key[:2] != key[3:] for key in got) == 42
  assert len(set(got.values())) > 3
  for setting in evaluation.SETTINGS:
    assert figures["macro"][setting]["map"] == 1.0


def test_paragraphs_and_articles_are_one_over_the_languages(made):
  number = [int(group[1:]) for group in made.query_group]
  for level, size in ((made.query_subcluster, 2), (made.query_cluster, 6)):
    names = {}
    for query, name in zip(number, level, strict=True):
      names.setdefault(query // size, set()).add(name)
    assert all(len(found) == 1 for found in names.values())
    assert len(set().union(*names.values())) == len(names)
  for index, subcluster in zip(
    made.relevant, made.query_subcluster, strict=True
  ):
    groups = {made.candidate_group[i] for i in index[index >= 0]}
    assert groups == {subcluster}


def test_published_counts_are_those_of_the_method():
  questions, candidates = zip(*mlqa_r.PUBLISHED.values(), strict=True)
  assert (sum(questions), sum(candidates)) == (4199, 20_534)


def test_other_counts_are_noted_and_arguments_passed_on(tmp_path, monkeypatch):
  some = mlqa_r.load(
    write(tmp_path),
    languages=["zh", "en"],
    candidates="sentence_paragraph",
    name="some",
  )
  assert some.candidate_form == "sentence_paragraph"
  assert (some.name, some.languages) == ("some", ("zh", "en"))
  assert some.candidate_context[0].endswith("Nothing here.")
  (note,) = some.notes
  assert f"en {len(ASKED)} and " in note
  counts = {
    language: tuple(
      int(np.sum(column == index))
      for column in (some.query_language, some.candidate_language)
    )
    for index, language in enumerate(some.languages)
  }
  monkeypatch.setattr(mlqa_r, "PUBLISHED", counts)
  assert mlqa_r.load(tmp_path, languages=["zh", "en"]).notes == ()
