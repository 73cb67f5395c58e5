"""A corpus is the same out of JSONL, Parquet and BEIR's folder."""

import gzip
import json

import pyarrow
import pytest
from pyarrow import parquet

from hybridret_jax.ground import faults
from hybridret_jax.retrieval import corpora

ROWS = [
  {"_id": "a", "title": "Title", "text": " first text "},
  {"_id": "b", "title": "", "text": "second\u2028text"},
  {"_id": "7", "title": "", "text": ""},
  {"_id": "c", "title": "Alone", "text": ""},
]
WANTED = [("a", "Title first text"), ("b", "second\u2028text"), ("c", "Alone")]


def write_jsonl(path, rows):
  text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
  data = text.encode()
  path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
  return path


def write_parquet(path, rows):
  parquet.write_table(pyarrow.Table.from_pylist(rows), path)
  return path


@pytest.mark.parametrize(
  "name", ["c.jsonl", "c.jsonl.gz", "c.parquet", "beir/corpus.jsonl"]
)
def test_every_form_reads_alike_and_again(tmp_path, name):
  path = tmp_path / name
  path.parent.mkdir(exist_ok=True)
  write = write_parquet if path.suffix == ".parquet" else write_jsonl
  write(path, ROWS)
  found = corpora.Corpus(path.parent if "beir" in name else path)
  assert list(found) == WANTED and list(found) == WANTED
  assert found.skipped == {"records without a text": 1}


def test_fields_that_nobody_reads_are_counted(tmp_path):
  rows = [
    {"_id": "a", "text": "x", "contents": "y", "url": "z"},
    {"_id": "b", "text": "x", "url": "z"},
  ]
  found = corpora.Corpus(write_jsonl(tmp_path / "c.jsonl", rows))
  assert len(list(found)) == 2
  assert list(found.unread.values()) == [1, 2]
  assert "'url'" in list(found.unread)[1] or "url" in list(found.unread)[1]


def test_integer_ids_and_other_names(tmp_path):
  rows = [{"docid": 7, "contents": "x"}, {"docid": 8, "contents": "y"}]
  for path in (
    write_jsonl(tmp_path / "c.jsonl", rows),
    write_parquet(tmp_path / "c.parquet", rows),
  ):
    assert list(corpora.Corpus(path)) == [("7", "x"), ("8", "y")]


@pytest.mark.parametrize(
  ("rows", "said"),
  [
    ([{"_id": "a", "text": "x"}, {"_id": "a", "text": "y"}], "'?a'? .*twice"),
    ([{"_id": "a", "body": "x"}], "has none of text, contents, passage"),
    ([{"text": "x"}], "has none of id, _id, docid"),
    ([{"_id": "a", "text": 3}], "text is 3"),
    ([{"_id": " ", "text": "x"}], "_id is ' ', empty"),
  ],
)
def test_what_cannot_be_used_is_told_with_its_place(tmp_path, rows, said):
  for path, place in (
    (write_jsonl(tmp_path / "c.jsonl", rows), r"c\.jsonl:\d"),
    (write_parquet(tmp_path / "c.parquet", rows), r"c\.parquet:\d"),
  ):
    with pytest.raises(faults.Fault, match=f"{place}.*{said}"):
      list(corpora.Corpus(path))


def test_files_that_are_none(tmp_path):
  (tmp_path / "c.parquet").write_bytes(b"PAR1 no parquet")
  with pytest.raises(faults.Fault, match="not a whole Parquet file"):
    list(corpora.Corpus(tmp_path / "c.parquet"))
  (tmp_path / "c.jsonl").touch()
  with pytest.raises(faults.Fault, match="holds no record"):
    list(corpora.Corpus(tmp_path / "c.jsonl"))
  for name, said in (
    ("nowhere.jsonl", "no such file"),
    (".", "has no corpus.jsonl"),
  ):
    with pytest.raises(faults.Fault, match=said):
      corpora.Corpus(tmp_path / name)
  (tmp_path / "c.csv").touch()
  with pytest.raises(faults.Fault, match=r"neither .jsonl\(.gz\) nor .parquet"):
    corpora.Corpus(tmp_path / "c.csv")
