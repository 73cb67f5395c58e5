"""Columns of other makers' rows, under our names or refused by theirs."""

import pytest

from hybridret_jax.data import columns
from hybridret_jax.ground import faults


def mapped(*records, **options):
  """(rows, what was guessed)."""
  told = []
  rows = columns.mapped(
    [(f"rows.jsonl:{n}", record) for n, record in enumerate(records, 1)],
    options,
    source="rows",
    guess=told.append,
  )
  return [row for _, row in rows], told


OURS = {"id": "1", "group": "g", "lang": "de", "query": "q", "passage": "p"}


def test_our_own_rows_stay_as_they_are_and_nothing_is_guessed():
  assert mapped(OURS) == ([OURS], [])
  more = OURS | {"negatives": ["n"], "block": "b", "source": "s", "year": 1}
  assert mapped(more) == ([more], [])


@pytest.mark.parametrize(
  ("query", "passage"),
  [
    *(("anchor", "positive"), ("question", "context"), ("sentence1", "pos")),
    *(("question", "answer"), ("sentence1", "sentence2")),
    ("query", "document"),
  ],
)
def test_known_names_are_taken_and_told(query, passage):
  rows, told = mapped({query: "q", passage: "p"})
  assert rows == [{"query": "q", "passage": "p"}]
  (line,) = told
  assert f"passage is {passage!r}" in line and "source rows" in line
  assert (f"query is {query!r}" in line) == (query != "query")


def test_what_else_might_be_meant_is_told():
  rows, (line,) = mapped({"question": "q", "context": "p", "answer": "a"})
  assert rows[0]["passage"] == "p"
  assert "(not answer)" in line


def test_named_columns_go_before_known_ones():
  record = {"question": "q", "context": "p", "answer": "a", "note": "n"}
  rows, _ = mapped(record, query="note", passage="answer")
  assert rows == [
    {"query": "n", "passage": "a", "question": "q"} | {"context": "p"}
  ]


@pytest.mark.parametrize("missing", ["query", "passage"])
def test_a_missing_column_is_named_with_those_that_are_there(missing):
  record = {"query": "q", "passage": "p", "color": "red"}
  del record[missing]
  with pytest.raises(faults.Fault, match=f"rows.jsonl:1.*{missing}.*color"):
    mapped(record)
  with pytest.raises(faults.Fault, match="there is no 'colour'"):
    mapped(OURS | {"color": "x"}, passage="colour")


def test_graded_pairs_are_no_pairs():
  record = {"sentence1": "a", "sentence2": "b", "score": 0.2}
  with pytest.raises(faults.Fault, match="sentence pairs with a 'score'"):
    mapped(record)
  rows, _ = mapped(record, query="sentence1", passage="sentence2")
  assert rows[0]["passage"] == "b"


def test_negatives_of_all_columns_are_one_list_in_their_order():
  record = {"query": "q", "positive": "p", "neg_10": "z", "neg_2": "b"}
  rows, told = mapped(record | {"negative": "a"})
  assert rows[0]["negatives"] == ["a", "b", "z"]
  assert all(name in told[0] for name in ("neg_10", "neg_2", "negative"))
  rows, _ = mapped(record, negatives="neg_2")
  assert rows[0]["negatives"] == ["b"]
  rows, _ = mapped(record, negatives="")
  assert "negatives" not in rows[0]


def test_objects_give_their_title_and_text():
  record = {
    "query": "q",
    "positive_passages": [{"title": "T", "text": "one"}, {"text": "two"}],
    "negative_passages": [{"docid": "7", "text": "no"}, {"text": "two"}],
  }
  rows, _ = mapped(record)
  assert [row["passage"] for row in rows] == ["T one", "two"]
  assert [row["part"] for row in rows] == [0, 1]
  # A passage of the row is none of its negatives.
  assert [row["negatives"] for row in rows] == [["no"], ["no"]]


def test_several_passages_cannot_share_a_group():
  record = {"query": "q", "pos": ["a", "b"], "group": "g"}
  with pytest.raises(faults.Fault, match="2 passages in the group"):
    mapped(record)
  with pytest.raises(faults.Fault, match="pos is empty"):
    mapped({"query": "q", "pos": []})
  with pytest.raises(faults.Fault, match="pos is 7"):
    mapped({"query": "q", "pos": [7]})


@pytest.mark.parametrize("late", ["id", "group", "lang"])
def test_what_only_later_rows_have_is_refused(late):
  first = {"query": "q", "passage": "p"}
  second = first | {late: "x"}
  with pytest.raises(faults.Fault, match=f"rows.jsonl:2.*{late} is here"):
    mapped(first, second)
  with pytest.raises(faults.Fault, match=f"rows.jsonl:2.*{late} is missing"):
    mapped(second, first)
