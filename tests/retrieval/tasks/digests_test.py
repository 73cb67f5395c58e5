"""A task's digest follows from all that changes its figures, part by part."""

import dataclasses

import numpy as np
import pytest

from hybridret_jax.retrieval.tasks import digests, task


def made(**changes):
  fields = {
    "name": "made",
    "languages": ("de", "en"),
    "query_texts": ("a", "b", "c"),
    "query_ids": ("q0", "q1", "q2"),
    "query_language": np.array([0, 1, 1], np.int32),
    "candidate_texts": ("x", "y", "z"),
    "candidate_ids": ("c0", "c1", "c2"),
    "candidate_language": np.array([0, 0, 1], np.int32),
    "candidate_context": ("p", "p", "q"),
    "relevant": np.array([[0, 2], [1, -1], [2, -1]], np.int32),
    "grades": np.array([[1, 2], [1, 0], [1, 0]], np.int32),
    "query_cluster": ("k", "k", "l"),
    "query_subcluster": ("s", "s", "t"),
    "query_group": ("g", "h", "i"),
    "candidate_group": ("m", "n", "n"),
  }
  return task.Task(**fields | changes)


def test_every_field_of_a_task_is_in_one_part_or_changes_no_figure():
  placed = [x for fields in digests.PARTS.values() for x in fields]
  placed += digests.NO_FIGURES
  assert sorted(placed) == sorted(x.name for x in dataclasses.fields(task.Task))


@pytest.mark.parametrize(
  ("part", "changes"),
  [
    ("queries", {"query_texts": ("a", "b", "C")}),
    ("queries", {"query_ids": ("q0", "q1", "q3")}),
    ("queries", {"query_language": np.array([0, 0, 1], np.int32)}),
    ("candidates", {"candidate_texts": ("x", "y", "Z")}),
    ("candidates", {"candidate_language": np.array([0, 1, 1], np.int32)}),
    ("candidates", {"candidate_context": ("p", "q", "q")}),
    ("candidates", {"candidate_context": None}),
    (
      "judgements",
      {"relevant": np.array([[0, 1], [1, -1], [2, -1]], np.int32)},
    ),
    ("judgements", {"grades": np.array([[1, 1], [1, 0], [1, 0]], np.int32)}),
    ("judgements", {"query_cluster": ("k", "k", "k")}),
    ("judgements", {"query_subcluster": ("s", "u", "t")}),
    ("judgements", {"query_group": ("g", "h", "j")}),
    ("judgements", {"candidate_group": ("m", "n", "m")}),
    ("judgements", {"query_group": None}),
    ("judgements", {"left_out": np.array([-1, 0, -1], np.int32)}),
    ("judgements", {"misses": ({}, {"c9": 1}, {})}),
  ],
)
def test_a_change_shows_in_its_part_alone(part, changes):
  before, after = digests.of(made()), digests.of(made(**changes))
  assert {x for x in before if before[x] != after[x]} == {part}


def test_names_and_paddings_do_not_show():
  before = digests.of(made())
  wide = {
    "relevant": np.array([[0, 2, -1], [1, -1, -1], [2, -1, -1]], np.int32),
    "grades": np.array([[1, 2, 0], [1, 0, 0], [1, 0, 0]], np.int32),
  }
  assert digests.of(made(name="other", notes=("A note.",), **wide)) == before
  ones = np.array([[1, 1], [1, 0], [1, 0]], np.int32)
  assert digests.of(made(grades=None)) == digests.of(made(grades=ones))


def test_an_id_of_a_candidate_shows_where_it_is_judged():
  before = digests.of(made())
  after = digests.of(made(candidate_ids=("c0", "c1", "c9")))
  assert before["candidates"] != after["candidates"]
  assert before["queries"] == after["queries"]
