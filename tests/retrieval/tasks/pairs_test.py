"""The task that question-passage rows make."""

import numpy as np
import pytest

from hybridret_jax.retrieval.tasks import pairs

ROWS = {
  "languages": ("de", "en"),
  "ids": ("e1", "d1", "e2", "e3", "d3"),
  "groups": ("1", "1", "2", "3", "3"),
  "language_row": np.array([1, 0, 1, 1, 0]),
  "queries": ("what? ", "was?", "who?", "", "wo?"),
  "passages": ("this", "dies", "this ", "there", "this"),
}


def test_candidates_are_passages_merged_within_a_language():
  made = pairs.from_rows("held_out", **ROWS)
  assert made.candidate_texts == ("dies", "this", "this", "there")
  assert made.candidate_ids == ("d1", "d3", "e1", "e3")
  assert made.candidate_language.tolist() == [0, 0, 1, 1]


def test_relevant_carry_a_passage_of_the_group():
  made = pairs.from_rows("held_out", **ROWS)
  assert made.query_ids == ("e1", "d1", "e2", "d3")
  assert made.query_texts == ("what?", "was?", "who?", "wo?")
  assert made.query_language.tolist() == [1, 0, 1, 0]
  assert made.relevant.tolist() == [[0, 2], [0, 2], [2, -1], [1, 3]]
  assert made.query_cluster == ("1", "1", "2", "3")
  assert made.query_group == ("1", "1", "2", "3")


def test_candidates_have_a_group_where_none_has_two():
  assert pairs.from_rows("held_out", **ROWS).candidate_group is None
  apart = ROWS | {"passages": ("this", "dies", "that", "there", "this")}
  made = pairs.from_rows("held_out", **apart)
  assert made.candidate_ids == ("d1", "d3", "e1", "e2", "e3")
  assert made.candidate_group == ("1", "3", "1", "2", "3")


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"queries": ("",) * 5}, "none of its 5 rows has a query"),
    ({"passages": ("a", "b", " ", "c", "d")}, "row 'e2' has an empty passage"),
    ({"groups": ("1",)}, r"columns of \[5, 1, 5, 5, 5\] rows"),
  ],
)
def test_bad_rows_are_named(change, message):
  with pytest.raises(ValueError, match=message):
    pairs.from_rows("held_out", **(ROWS | change))


def test_a_query_of_many_rows_is_one_and_negatives_are_candidates():
  made = pairs.from_source(
    "source",
    languages=("de", "en"),
    ids=("e1", "e2", "d1"),
    groups=("1", "2", "1"),
    blocks=("b", "b", "b"),
    language_row=np.array([1, 1, 0]),
    queries=("what?", "what?", "was?"),
    passages=("this", "that", "dies"),
    negatives=[("no", "that"), (), ("nein",)],
  )
  assert made.query_ids == ("e1", "d1")
  assert made.candidate_texts == ("dies", "nein", "this", "no", "that")
  assert made.candidate_ids == (
    *("d1", "d1:negative:1", "e1", "e1:negative:1", "e1:negative:2"),
  )
  # what? is answered by the passages of its groups 1 and 2, in any language.
  assert made.relevant.tolist() == [[0, 2, 4], [0, 2, -1]]
  assert made.query_cluster == ("b", "b") and made.query_group == ("1", "1")
