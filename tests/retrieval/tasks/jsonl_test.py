"""Tasks from JSON lines, and what their errors name."""

import gzip
import json

import pytest

from hybridret_jax.retrieval.tasks import jsonl

QUERIES = [
  {"id": "q1", "lang": "en", "text": " Who? ", "cluster": "a"},
  {"id": "q2", "lang": "hi", "text": "कौन?", "cluster": "a"},
]
CANDIDATES = [
  {"id": "c1", "lang": "hi", "text": "वह"},
  {"id": "c2", "lang": "en", "text": "She. ", "context": "All of it."},
  {"id": "c3", "lang": "de", "text": "Sie."},
  {"id": "c4", "lang": "en", "text": "He."},
]
QRELS = "q1\tc2\t1\nq1\tc1\t2\nq1\tc4\t0\n\nq2\tc1\t1\n"


def write(folder, queries=QUERIES, candidates=CANDIDATES, qrels=QRELS):
  for name, records in (("queries", queries), ("candidates", candidates)):
    lines = [r if isinstance(r, str) else json.dumps(r) for r in records]
    text = "\n".join(lines) + "\n"
    (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
  (folder / "qrels.tsv").write_text(qrels, encoding="utf-8")
  return folder


def test_load(tmp_path):
  made = jsonl.load(write(tmp_path), name="made")
  assert made.name == "made"
  assert made.languages == ("de", "en", "hi")
  assert made.query_texts == ("Who?", "कौन?")
  assert made.query_language.tolist() == [1, 2]
  assert made.query_cluster == ("a", "a")
  assert made.candidate_ids == ("c3", "c2", "c4", "c1")
  assert made.candidate_texts[1] == "She."
  assert made.candidate_language.tolist() == [0, 1, 1, 2]
  assert made.candidate_context == ("", "All of it.", "", "")
  assert made.relevant.tolist() == [[1, 3], [3, -1]]
  assert made.grades.tolist() == [[1, 2], [1, 0]]


def test_optional_fields_and_compressed_files(tmp_path):
  write(
    tmp_path,
    queries=[{k: v for k, v in q.items() if k != "cluster"} for q in QUERIES],
    candidates=[
      {k: v for k, v in c.items() if k != "context"} for c in CANDIDATES
    ],
  )
  for path in list(tmp_path.iterdir()):
    with gzip.open(f"{path}.gz", "wb") as file:
      file.write(path.read_bytes())
    path.unlink()
  made = jsonl.load(tmp_path)
  assert made.name == tmp_path.name
  assert made.candidate_context is None
  assert made.query_cluster is None
  assert made.query_subcluster is None
  assert made.query_group is None
  assert made.candidate_group is None


def test_grades_of_one_are_no_grades(tmp_path):
  made = jsonl.load(write(tmp_path, qrels="q1\tc2\t1\nq2\tc1\t1\n"))
  assert made.grades is None


def test_groups_and_clusters(tmp_path):
  queries = [
    QUERIES[0] | {"group": "g", "subcluster": "a1"},
    QUERIES[1] | {"group": " g ", "subcluster": ""},
  ]
  candidates = [CANDIDATES[0] | {"group": "p"}, *CANDIDATES[1:]]
  made = jsonl.load(write(tmp_path, queries, candidates))
  assert made.query_group == ("g", "g")
  assert made.query_subcluster == ("a1", "q2")
  assert made.candidate_group == ("c3", "c2", "c4", "p")


def test_a_query_without_cluster_is_its_own(tmp_path):
  queries = [QUERIES[0], {"id": "q2", "lang": "hi", "text": "कौन?"}]
  assert jsonl.load(write(tmp_path, queries)).query_cluster == ("a", "q2")


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"queries": [QUERIES[0], "{"]}, r"queries\.jsonl:2: not JSON"),
    ({"queries": [QUERIES[0], "[]"]}, r"queries\.jsonl:2: \[\] is not a JSON"),
    (
      {"queries": [QUERIES[0], QUERIES[1] | {"text": " "}]},
      r"queries\.jsonl:2: text is empty",
    ),
    (
      {"candidates": [CANDIDATES[0], CANDIDATES[1] | {"context": 3}]},
      r"candidates\.jsonl:2: context is 3",
    ),
    (
      {"candidates": [{"id": "c1", "text": "x"}]},
      r"candidates\.jsonl:1: lang is missing",
    ),
    (
      {"candidates": [*CANDIDATES, CANDIDATES[1]]},
      r"candidates\.jsonl:5: id 'c2' stands twice",
    ),
    ({"qrels": "q1\tc2\t1\nq1 c2 1\n"}, r"qrels\.tsv:2: 1 fields"),
    ({"qrels": "q1\tc2\t1\nq9\tc1\t1\n"}, r"qrels\.tsv:2: query 'q9' is unk"),
    ({"qrels": "q1\tc9\t1\n"}, r"qrels\.tsv:1: candidate 'c9' is unknown"),
    ({"qrels": "q1\tc1\tyes\n"}, r"qrels\.tsv:1: relevance 'yes'"),
    ({"qrels": "q1\tc1\t1.5\n"}, r"qrels\.tsv:1: relevance '1.5'"),
    ({"qrels": f"q1\tc1\t{2**31}\n"}, r"number up to 2147483647"),
    (
      {"queries": [QUERIES[0] | {"group": 7.5}]},
      r"queries\.jsonl:1: group is 7.5",
    ),
    *(
      (
        {"queries": [QUERIES[0] | {"id": value}]},
        f"queries.jsonl:1: id is {what}",
      )
      for value, what in [
        (1.0, "1.0"),
        (True, "True"),
        (None, "None"),
        (" q1", "' q1', with"),
        ("", "'', empty"),
      ]
    ),
    (
      {"queries": [QUERIES[0] | {"lang": "English"}]},
      r"queries\.jsonl:1: lang is 'English'; use a BCP 47",
    ),
    (
      {"queries": [QUERIES[0] | {"id": "\ud800"}]},
      r"queries\.jsonl:1: a text holds half of a surrogate pair",
    ),
    (
      {"queries": [QUERIES[0], '{"id": "a", "text": "b", "text": "c"}']},
      r"queries\.jsonl:2: the key 'text' stands twice",
    ),
    (
      {"queries": [{"_id": "q1", "lang": "en", "text": "x"}]},
      r"queries\.jsonl:1: id is missing; .* has '_id', 'lang', 'text'",
    ),
    ({"qrels": f"q1\tc1\t{'9' * 5000}\n"}, r"qrels\.tsv:1: relevance '999"),
    (
      {"queries": [QUERIES[0] | {"group": " "}, QUERIES[1] | {"group": []}]},
      r"queries\.jsonl:2: group is \[\]",
    ),
    (
      {
        "queries": [
          QUERIES[0] | {"group": "g"},
          QUERIES[0] | {"id": "q2", "group": "g"},
        ]
      },
      "'q1' and 'q2' are both of the group 'g' in en",
    ),
    ({"qrels": "q1\tc1\t1\nq1\tc1\t1\n"}, r"qrels\.tsv:2: .* judged twice"),
    ({"qrels": "q1\tc1\t0\n"}, "no query has a relevant candidate"),
  ],
)
def test_errors_name_file_and_line(tmp_path, change, message):
  with pytest.raises(ValueError, match=message):
    jsonl.load(write(tmp_path, **change))


def test_missing_file_is_named(tmp_path):
  (write(tmp_path) / "qrels.tsv").unlink()
  with pytest.raises(ValueError, match=r"qrels\.tsv: no such file"):
    jsonl.load(tmp_path)


def test_languages_have_one_spelling_and_it_is_told(tmp_path):
  queries = [QUERIES[0] | {"lang": "EN"}, QUERIES[1] | {"lang": "HI"}]
  candidates = [CANDIDATES[0], *(c | {"lang": "EN"} for c in CANDIDATES[1:])]
  made = jsonl.load(write(tmp_path, queries, candidates))
  assert made.languages == ("en", "hi")
  assert made.notes == (
    "queries.jsonl: lang 'EN' is read as en (1 of its rows).",
    "queries.jsonl: lang 'HI' is read as hi (1 of its rows).",
    "candidates.jsonl: lang 'EN' is read as en (3 of its rows).",
  )


def test_whole_numbers_are_names(tmp_path):
  queries = [QUERIES[0] | {"id": 1, "group": 5}, QUERIES[1] | {"id": "2"}]
  candidates = [CANDIDATES[0] | {"id": 1}, CANDIDATES[1] | {"id": "01"}]
  made = jsonl.load(write(tmp_path, queries, candidates, "1\t01\t1\n2\t1\t1\n"))
  assert made.query_ids == ("1", "2") and made.query_group == ("5", "2")
  assert made.candidate_ids == ("01", "1")
  with pytest.raises(
    ValueError, match=r"candidates.jsonl:2: id '1' stands twice"
  ):
    jsonl.load(
      write(tmp_path, queries, [candidates[0], {**candidates[0], "id": "1"}])
    )


def test_keys_that_nobody_reads_are_told(tmp_path):
  candidates = [c | {"contxt": "x", "url": "y"} for c in CANDIDATES]
  made = jsonl.load(write(tmp_path, candidates=candidates))
  assert made.notes == (
    "candidates.jsonl: field 'contxt' is not read (did you mean 'context'?)"
    " (4 of its rows).",
    "candidates.jsonl: field 'url' is not read (4 of its rows).",
  )


def test_a_file_plain_and_packed_is_refused(tmp_path):
  write(tmp_path)
  (tmp_path / "queries.jsonl.gz").write_bytes(b"")
  with pytest.raises(
    ValueError, match="queries.jsonl: .*queries.jsonl.gz stands"
  ):
    jsonl.load(tmp_path)
  (tmp_path / "queries.jsonl").unlink()
  with pytest.raises(ValueError, match="queries.jsonl.gz:1: not a whole gzip"):
    jsonl.load(tmp_path)


def test_marks_and_carriage_returns_are_mended(tmp_path):
  plain = jsonl.load(write(tmp_path))
  for path in tmp_path.iterdir():
    data = path.read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + data)
  mended = jsonl.load(tmp_path)
  assert mended.query_ids == plain.query_ids
  assert (mended.relevant == plain.relevant).all()
