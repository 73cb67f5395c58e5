"""Bad input in every form ends in a line with its file, row and mend."""

import gzip
import json
import re

import pyarrow
import pytest
from pyarrow import parquet

from hybridret_jax.data import sources
from tests.data import forms

FINE = {"id": "a", "group": "a", "lang": "en", "query": "q", "passage": "p"}


def fine(**changes):
  """Two rows, the second with changes; None leaves a field out."""
  second = FINE | {"id": "b", "group": "b"} | changes
  return [FINE, {k: v for k, v in second.items() if v is not None}]


def table(**columns):
  return pyarrow.table(columns)


def put(path, data):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(data)
  return path


def cut(path, size):
  path.write_bytes(path.read_bytes()[:-size])
  return path


def write(path, made):
  path.parent.mkdir(parents=True, exist_ok=True)
  parquet.write_table(made, path)
  return path


def torn_text(kind):
  """A column that says it is text and holds what is no UTF-8."""
  values = pyarrow.array([b"q", b"\xff"], pyarrow.binary())
  text = pyarrow.Array.from_buffers(pyarrow.string(), 2, values.buffers())
  made = table(query=text, passage=["p", "p"], lang=["en", "en"])

  def arrow(at):
    with pyarrow.ipc.new_stream(at / "x.arrow", made.schema) as writer:
      writer.write_table(made)
    return at / "x.arrow"

  return {
    "parquet": lambda at: write(at / "x.parquet", made),
    "arrow": arrow,
  }[kind]


def dataset(at, **state):
  folder = forms.dataset_folder(at / "set", fine())
  (folder / "state.json").write_text(json.dumps(state))
  return folder


def beir(at, *, queries=None, corpus=None, qrels="q\ta\t1\n"):
  forms.jsonl(
    at / "b" / "queries.jsonl", queries or [{"_id": "q", "text": "x"}]
  )
  forms.jsonl(at / "b" / "corpus.jsonl", corpus or [{"_id": "a", "text": "y"}])
  put(at / "b" / "qrels" / "train.tsv", qrels.encode())
  return f"{at / 'b'}?lang=en"


def marco(at, **files):
  texts = {"queries.tsv": "1\tq\n", "collection.tsv": "7\tp\n8\tn\n"}
  for name, text in {**texts, **files}.items():
    put(at / "m" / name, text.encode())
  return f"{at / 'm'}?lang=en"


BARE = {"lang": ["en", "en"]}
# What is wrong: what writes it, the place and what is said, the mend.
BAD = {
  "jsonl: no JSON": (
    lambda at: put(at / "x.jsonl", b"{\n"),
    "x.jsonl:1: not JSON",
    "correct",
  ),
  "jsonl: Latin-1": (
    lambda at: put(at / "x.jsonl", "é".encode("latin-1")),
    "x.jsonl:1: not UTF-8",
    "UTF-8",
  ),
  "jsonl: is Parquet": (
    lambda at: put(at / "x.jsonl", b"PAR1\n"),
    "x.jsonl:1: the file is Parquet",
    r"\.parquet",
  ),
  "jsonl: is Zstandard": (
    lambda at: put(at / "x.jsonl", b"\x28\xb5\x2f\xfd00"),
    "x.jsonl:1: the file is Zstandard",
    r"\.zst",
  ),
  "jsonl: a group in the first row alone": (
    lambda at: forms.jsonl(at / "x.jsonl", fine(group=None)),
    "x.jsonl:2: group is missing",
    "the record has",
  ),
  "jsonl: an id in the second row alone": (
    lambda at: forms.jsonl(
      at / "x.jsonl",
      [{k: v for k, v in FINE.items() if k != "id"}, fine()[1]],
    ),
    "x.jsonl:2: id is here and was not in the first row",
    "to none",
  ),
  "jsonl: no column is a passage": (
    lambda at: forms.jsonl(at / "x.jsonl", [{"query": "q", "txt": "p"}]),
    "x.jsonl:1: passage is missing",
    r"\?passage=COLUMN",
  ),
  "jsonl: pairs with labels": (
    lambda at: forms.jsonl(
      at / "x.jsonl",
      [{"sentence1": "a", "sentence2": "b", "label": 0, "lang": "en"}],
    ),
    "x.jsonl:1: sentence pairs with a 'label'",
    "keep those",
  ),
  "jsonl: no passage in a list": (
    lambda at: forms.jsonl(
      at / "x.jsonl", [{"query": "q", "pos": [], "lang": "en"}]
    ),
    "x.jsonl:1: pos is empty",
    "leave the row out",
  ),
  "jsonl: a number in a list": (
    lambda at: forms.jsonl(
      at / "x.jsonl", [{"query": "q", "pos": [3], "lang": "en"}]
    ),
    "x.jsonl:1: pos is 3",
    "a text",
  ),
  "jsonl: several passages of a group": (
    lambda at: forms.jsonl(
      at / "x.jsonl",
      [{"query": "q", "pos": ["a", "b"], "lang": "en", "group": "g"}],
    ),
    "x.jsonl:1: 2 passages in the group 'g'",
    "a row for each",
  ),
  "jsonl: a negative that is a number": (
    lambda at: forms.jsonl(
      at / "x.jsonl",
      [{"query": "q", "passage": "a", "negative": 3, "lang": "en"}],
    ),
    "x.jsonl:1: negative is 3",
    "a text",
  ),
  "zst: cut short": (
    lambda at: cut(forms.jsonl(at / "x.jsonl.zst", fine() * 50), 9),
    "x.jsonl.zst:1: not a whole Zstandard file",
    "copy it again",
  ),
  "zst: none": (
    lambda at: put(at / "x.jsonl.zst", b"{}"),
    "x.jsonl.zst:1: not a whole Zstandard file",
    "drop .zst",
  ),
  "zst: empty": (
    lambda at: put(at / "x.jsonl.zst", b""),
    "x.jsonl.zst:1: .*it is empty",
    "copy it again",
  ),
  "gz: a table cut short": (
    lambda at: put(at / "x.tsv.gz", gzip.compress(b"query\tpassage\n")[:-3]),
    "x.tsv.gz:2: not a whole gzip file",
    "copy it again",
  ),
  "tsv: too many fields": (
    lambda at: put(at / "x.tsv", b"query\tpassage\na\tb\tc\n"),
    "x.tsv:2: 3 fields",
    "a field for each",
  ),
  "tsv: no header": (
    lambda at: put(at / "x.tsv", b"who\tshe\nwhat\tit\n"),
    "x.tsv:2: query is missing",
    r"\?columns=query,passage",
  ),
  "tsv: a column twice": (
    lambda at: put(at / "x.tsv", b"query\tquery\n"),
    "x.tsv:1: the column 'query' stands twice",
    "name each",
  ),
  "tsv: a column without a name": (
    lambda at: put(at / "x.tsv", b"query\t\n"),
    "x.tsv:1: a column has no name",
    "name each",
  ),
  "tsv: an empty passage": (
    lambda at: put(at / "x.tsv", b"query\tpassage\tlang\nq\t \ten\n"),
    "x.tsv:2: passage is empty",
    "needs a passage",
  ),
  "tsv: UTF-16": (
    lambda at: put(at / "x.tsv", "query\tpassage\n".encode("utf-16")),
    "x.tsv:1: the file is UTF-16",
    "UTF-8",
  ),
  "tsv: a NUL": (
    lambda at: put(at / "x.tsv", b"query\tpassage\nq\tp\0\n"),
    "x.tsv:2: a NUL byte",
    "leave it out",
  ),
  "csv: an open quotation mark": (
    lambda at: put(at / "x.csv", b'query,passage\nq,"p\n\nx,y\n'),
    "x.csv:2: no CSV",
    "quotation marks",
  ),
  "csv: something behind a quotation mark": (
    lambda at: put(at / "x.csv", b'query,passage\n"q"x,p\n'),
    "x.csv:2: no CSV",
    "double theirs",
  ),
  "csv: too few fields": (
    lambda at: put(at / "x.csv", b"query,passage,lang\nq,p,en\nq,p\n"),
    "x.csv:3: 2 fields",
    "a field for each",
  ),
  "parquet: none": (
    lambda at: put(at / "x.parquet", b"no parquet"),
    "x.parquet: not a whole Parquet file",
    "write it again",
  ),
  "parquet: cut short": (
    lambda at: cut(forms.parquet_file(at / "x.parquet", fine()), 40),
    "x.parquet: not a whole Parquet file",
    "write it again",
  ),
  "parquet: a null passage": (
    lambda at: write(
      at / "x.parquet", table(query=["q", "r"], passage=["p", None], **BARE)
    ),
    "x.parquet:2: passage is missing",
    "the record has",
  ),
  "parquet: a passage of numbers": (
    lambda at: write(
      at / "x.parquet", table(query=["q", "r"], passage=[1, 2], **BARE)
    ),
    "x.parquet:1: passage is 1",
    "has to be a text",
  ),
  "parquet: a column twice": (
    lambda at: write(
      at / "x.parquet",
      pyarrow.Table.from_arrays([["q"], ["p"]], names=["query", "query"]),
    ),
    "x.parquet: the column 'query' stands twice",
    "rename one",
  ),
  "parquet: no UTF-8": (
    torn_text("parquet"),
    "x.parquet:2: not UTF-8",
    "UTF-8",
  ),
  "parquet: a NUL": (
    lambda at: write(
      at / "x.parquet", table(query=["q", "r\0"], passage=["p", "s"], **BARE)
    ),
    "x.parquet:2: query has a NUL",
    "leave it out",
  ),
  "parquet: an id twice": (
    lambda at: forms.parquet_file(at / "x.parquet", fine(id="a")),
    "x.parquet:2: id 'a' was already at .*x.parquet:1",
    "unique",
  ),
  "arrow: none": (
    lambda at: put(at / "x.arrow", b"no arrow at all"),
    "x.arrow: not a whole Arrow file",
    "write it again",
  ),
  "arrow: no UTF-8": (torn_text("arrow"), "x.arrow:2: not UTF-8", "UTF-8"),
  "datasets: a file is gone": (
    lambda at: dataset(at, _data_files=[{"filename": "gone.arrow"}]),
    "gone.arrow: no such file of the data set",
    "copy the folder whole",
  ),
  "datasets: no files named": (
    lambda at: dataset(at, _data_files=None),
    "state.json: _data_files is None",
    "save_to_disk",
  ),
  "datasets: no language": (
    lambda at: forms.dataset_folder(
      at / "set", [{"query": "q", "passage": "p"}] * 2
    ),
    "data-00000-of-00002.arrow:1: lang is missing",
    r"\?lang=TAG",
  ),
  "array_record: none": (
    lambda at: put(at / "x.array_record", b"nonsense"),
    "x.array_record: holds no record",
    "write it again",
  ),
  "array_record: damaged": (
    lambda at: put(
      at / "x.array_record",
      bytes(
        byte ^ (number == 90) * 255
        for number, byte in enumerate(
          forms.array_record(at / "y.array_record", fine()).read_bytes()
        )
      ),
    ),
    "x.array_record: not a whole ArrayRecord file",
    "write it again",
  ),
  "array_record: no JSON": (
    lambda at: forms.array_record(at / "x.array_record", [FINE, b"{"]),
    "x.array_record:2: not JSON",
    "correct it",
  ),
  "array_record: neither": (
    lambda at: forms.array_record(at / "x.array_record", [b"\xff\xfe"]),
    "x.array_record:1: the record is neither",
    "write one of them",
  ),
  "beir: a grade that is none": (
    lambda at: beir(at, qrels="query-id\tcorpus-id\tscore\nq\ta\tx\n"),
    "train.tsv:2: the grade 'x' is no whole number",
    "write 0 or 1",
  ),
  "beir: judged twice": (
    lambda at: beir(at, qrels="q\ta\t1\nq\ta\t1\n"),
    "train.tsv:2: 'q' and 'a' are judged twice",
    "keep one",
  ),
  "beir: an id twice": (
    lambda at: beir(at, corpus=[{"_id": "a", "text": "x"}] * 2),
    "corpus.jsonl:2: the id 'a' stands twice",
    "keep one",
  ),
  "beir: no text": (
    lambda at: beir(at, queries=[{"_id": "q"}]),
    "queries.jsonl:1: text is missing",
    "has to be a text",
  ),
  "beir: another split": (
    lambda at: beir(at) + "&split=test",
    "b: it has no qrels of the split 'test', but of train",
    r"\?split=",
  ),
  "beir: no language": (
    lambda at: beir(at).removesuffix("?lang=en"),
    "queries.jsonl: the language of its texts is not known",
    r"\?lang=TAG",
  ),
  "msmarco: no id": (
    lambda at: marco(at, **{"queries.tsv": "q\n", "qrels.tsv": "1 0 7 1\n"}),
    "queries.tsv:1: 'q' is no id and text",
    "id<TAB>text",
  ),
  "msmarco: two ids": (
    lambda at: marco(at, **{"triples.train.tsv": "1\t7\t8\n1\t7\n"}),
    "triples.train.tsv:2: 2 fields",
    "three ids",
  ),
  "msmarco: neither judgements nor triples": (
    lambda at: marco(at),
    "m: it has neither judgements",
    r"add qrels/train.tsv",
  ),
  "an option that is none": (
    lambda at: f"{forms.jsonl(at / 'x.jsonl', fine())}?querry=q",
    r"x.jsonl\?querry=q: .*'querry' \(did you mean 'query'",
    "use some of",
  ),
  "a split of a file": (
    lambda at: f"{forms.jsonl(at / 'x.jsonl', fine())}?split=test",
    r"x.jsonl\?split=test: split is no option of a file",
    "leave it out",
  ),
  "columns of Parquet": (
    lambda at: (
      f"{forms.parquet_file(at / 'x.parquet', fine())}?columns=query,passage"
    ),
    r"x.parquet: \?columns= names those of",
    "leave it out",
  ),
  "a hub data set without a network": (
    lambda at: "hub:owner/none",
    "hub:owner/none: the hub cannot be asked",
    "name their folder",
  ),
  "a form that is not read": (
    lambda at: put(at / "x.xlsx", b"x"),
    "x.xlsx: the source is none of",
    "convert it",
  ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_told_in_a_line(tmp_path, kind):
  make, said, mend = BAD[kind]
  with pytest.raises(ValueError) as error:
    sources.read([make(tmp_path)])
  text = str(error.value)
  assert "\n" not in text
  assert re.search(rf"{said}.*; .*{mend}", text), text
