"""Candidates that are the same under several ids."""

import dataclasses

import numpy as np
import pytest

from hybridret_jax.retrieval import evaluation
from hybridret_jax.retrieval.tasks import copies, task

NAMES = ("de", "en")


def make(texts, languages, relevant, contexts=None, grades=None):
  return task.Task(
    name="made",
    languages=NAMES,
    query_texts=tuple(f"q{i}" for i in range(len(relevant))),
    query_ids=tuple(f"q{i}" for i in range(len(relevant))),
    query_language=np.zeros(len(relevant), np.int32),
    candidate_texts=tuple(texts),
    candidate_ids=tuple(f"c{i}" for i in range(len(texts))),
    candidate_language=np.array(languages, np.int32),
    candidate_context=contexts,
    relevant=task.pad_relevant(relevant),
    grades=grades,
    notes=("before",),
  )


TEXTS = ("a", "b", "a", "c", "a", "b")
LANGUAGES = (0, 0, 0, 0, 1, 1)


def test_copies_are_counted_within_a_language():
  made = make(TEXTS, LANGUAGES, [[0], [1, 3]])
  settled = copies.settle(made, None)
  assert settled.notes == (
    "before",
    "2 of 6 candidates are the same to the encoder as another of their"
    " language, such as 'c0' and 'c2': each is ranked as a candidate of its own"
    " (evaluation.identical_candidates).",
  )
  np.testing.assert_array_equal(settled.relevant, made.relevant)


def test_a_context_tells_candidates_apart():
  contexts = ("x", "", "y", "", "", "")
  made = make(TEXTS, LANGUAGES, [[0]], contexts=contexts)
  assert copies.settle(made, None) is made
  contexts = ("x", "", "x", "", "", "")
  made = make(TEXTS, LANGUAGES, [[0]], contexts=contexts)
  assert "'c0' and 'c2'" in copies.settle(made, None).notes[1]


def test_what_the_encoder_sees_decides():
  made = make(TEXTS, LANGUAGES, [[1]])
  identity = copies.digests([b"1", b"2", b"3", b"2", b"2", b"2"])
  settled = copies.settle(made, identity, count_as="relevant")
  # All but the first and third, by language.
  assert settled.relevant.tolist() == [[1, 3]]
  assert settled.notes[1].startswith("4 of 6 candidates are the same")


def test_copies_of_the_relevant_are_relevant_with_its_grade():
  grades = np.array([[1, 0], [2, 3]], np.int32)
  made = make(TEXTS, LANGUAGES, [[0], [2, 5]], grades=grades)
  settled = copies.settle(made, None, count_as="relevant")
  assert settled.relevant.tolist() == [[0, 2, -1], [0, 2, 5]]
  assert settled.grades.tolist() == [[1, 1, 0], [2, 2, 3]]
  both = make(TEXTS, LANGUAGES, [[0, 2]], grades=np.array([[1, 4]], np.int32))
  settled = copies.settle(both, None, count_as="relevant")
  assert settled.grades.tolist() == [[4, 4]]
  assert "relevant, with its grade" in settled.notes[1]


def test_a_pool_of_copies_is_judged_as_without_them():
  rng = np.random.default_rng(0)
  single = make([str(i) for i in range(9)], [0] * 9, [[1], [4], [8]])
  q_QD = rng.normal(size=(3, 5)).astype(np.float32)
  c_ND = rng.normal(size=(9, 5)).astype(np.float32)
  plain = evaluation.evaluate(single, q_QD, c_ND)["macro"]["monolingual"]
  twice = make([str(i // 2) for i in range(18)], [0] * 18, [[2], [9], [17]])
  settled = copies.settle(twice, None, count_as="relevant")
  vectors = q_QD, np.repeat(c_ND, 2, axis=0)
  spread = evaluation.evaluate(settled, *vectors)["macro"]["monolingual"]
  assert spread["r@1"] == plain["r@1"]
  rank_Q = 1 + np.sum(
    (q_QD @ c_ND.T) > np.diag(q_QD @ c_ND[[1, 4, 8]].T)[:, None], axis=1
  )
  want = np.mean((1 / (2 * rank_Q - 1) + 2 / (2 * rank_Q)) / 2)
  assert spread["map"] == pytest.approx(want)
  apart = evaluation.evaluate(copies.settle(twice, None), *vectors)
  assert apart["macro"]["monolingual"]["map"] < want


def test_unknown_choices_are_named():
  with pytest.raises(ValueError, match="'both' is unknown; use one of"):
    copies.settle(make(TEXTS, LANGUAGES, [[0]]), None, count_as="both")


def test_real_candidates_that_are_copies(shared):
  from hybridret_jax.retrieval.tasks import xquad_r

  made = xquad_r.load(shared / "data" / "xquad-r")
  settled = copies.settle(made, None)
  (_, note) = settled.notes
  assert note.startswith("15 of 13,014 candidates are the same")
  same = dataclasses.replace(settled, notes=made.notes)
  np.testing.assert_array_equal(same.relevant, made.relevant)
