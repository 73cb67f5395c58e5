"""Files of rows by their names, and tables of text with and without headers."""

import gzip

import pytest

from hybridret_jax.data import row_files
from hybridret_jax.ground import faults


@pytest.mark.parametrize(
  ("name", "stem", "form"),
  [
    ("de.jsonl", "de", "jsonl"),
    ("de.jsonl.gz", "de", "jsonl"),
    ("zh-Hant.tsv.zst", "zh-Hant", "tsv"),
    ("train-00000-of-00002.parquet", "train", "parquet"),
    ("pairs.array_record-00003-of-00010", "pairs", "array_record"),
    ("data.arrow", "data", "arrow"),
  ],
)
def test_a_name_says_stem_and_form(name, stem, form):
  assert row_files.named(name) == (stem, form)


@pytest.mark.parametrize(
  "name", ["de.json", ".jsonl", ".de.jsonl", "de.parquet.gz", "de.jsonl.bak"]
)
def test_other_names_are_no_rows(name):
  assert row_files.named(name) is None


def table(tmp_path, text, name="rows.tsv", **options):
  path = tmp_path / name
  path.write_text(text)
  skipped = []
  rows = row_files.rows(
    path, options, skip=lambda what, number: skipped.append((what, number))
  )
  return [row for _, row in rows], skipped


def test_the_first_line_names_the_columns(tmp_path):
  rows, skipped = table(tmp_path, "query\tpassage\nq 1\tp, 1\nq2\tp2\n")
  assert rows == [
    {"query": "q 1", "passage": "p, 1"},
    {"query": "q2", "passage": "p2"},
  ]
  assert not skipped
  rows, _ = table(tmp_path, 'query,passage\n"a, b","c ""d"""\n', "rows.csv")
  assert rows == [{"query": "a, b", "passage": 'c "d"'}]


def test_named_columns_leave_no_line_out(tmp_path):
  rows, _ = table(tmp_path, "q\tp\nr\ts\n", columns="query,passage")
  assert [row["query"] for row in rows] == ["q", "r"]


def test_triples_without_a_header_are_triples(tmp_path):
  rows, _ = table(tmp_path, "q\tp\tn\n", "triples.train.tsv")
  assert rows == [{"query": "q", "positive": "p", "negative": "n"}]
  rows, _ = table(tmp_path, "query\tpassage\nq\tp\n", "triples.tsv")
  assert rows == [{"query": "q", "passage": "p"}]


def test_quotation_marks_of_tsv_stay_and_are_counted(tmp_path):
  rows, ((what, number),) = table(tmp_path, 'query\tpassage\n"q"\tp\nq\t"\n')
  assert rows[0]["query"] == '"q"'
  assert number == 1 and "quotation marks kept" in what


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("query\tpassage\nq\n", "rows.tsv:2.*1 fields, and the 2 columns"),
    ("query\tquery\nq\tp\n", "rows.tsv:1.*'query' stands twice"),
    ("query\t\nq\tp\n", "rows.tsv:1.*a column has no name"),
  ],
)
def test_lines_that_do_not_fit_are_named(tmp_path, text, message):
  with pytest.raises(faults.Fault, match=message):
    table(tmp_path, text)


def test_columns_belong_to_tables_of_text(tmp_path):
  with pytest.raises(faults.Fault, match="and it is .jsonl"):
    table(tmp_path, "{}\n", "de.jsonl", columns="query,passage")
  with pytest.raises(faults.Fault, match="none of .jsonl"):
    table(tmp_path, "", "de.txt")


def test_rows_are_counted_unread_where_lines_are(tmp_path):
  path = tmp_path / "de.jsonl.gz"
  with gzip.open(path, "wt") as file:
    file.write('{"query": 1}\n\n{"query": 2}\n')
  assert row_files.count(path, {}) == 2
  (tmp_path / "rows.tsv").write_text("query\tpassage\nq\tp\n")
  assert row_files.count(tmp_path / "rows.tsv", {}) == 1
