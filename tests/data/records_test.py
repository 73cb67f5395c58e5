"""Every form of a source gives the same rows, and says what was guessed."""

import json

import numpy as np
import pytest

from hybridret_jax.data import composer, records, sources
from tests.data import forms
from tests.data.sources_test import rows_of

LANGUAGES = ("de", "en")


def row(number, language, negatives=1):
  made = {
    "id": f"{number}-{language}",
    "group": f"g{number}",
    "lang": language,
    "query": f'Frage "{number}" {language}',
    "passage": f"Antwort, {number} ё {language}",
  }
  names = [f"falsch {number} {language} {n}" for n in range(negatives)]
  return made | {"negatives": names}


ROWS = [
  row(number, language, negatives=1 + number % 2)
  for number in range(12)
  for language in LANGUAGES
]
WRITERS = {
  "jsonl": lambda at: forms.jsonl(at / "rows.jsonl", ROWS),
  "jsonl.gz": lambda at: forms.jsonl(at / "rows.jsonl.gz", ROWS),
  "jsonl.zst": lambda at: forms.jsonl(at / "rows.jsonl.zst", ROWS),
  "parquet": lambda at: forms.parquet_file(at / "rows.parquet", ROWS),
  "tsv": lambda at: forms.table(at / "rows.tsv", forms.flat(ROWS)),
  "csv": lambda at: forms.table(at / "rows.csv", forms.flat(ROWS)),
  "datasets": lambda at: forms.dataset_folder(at / "rows", ROWS),
  "array_record": lambda at: forms.array_record(at / "rows.array_record", ROWS),
  "tfds": lambda at: forms.tfds(at, ROWS, "rows"),
  "tfds folder": lambda at: (
    forms.tfds(at, ROWS, "rows") and at / "tfds" / "pairs" / "rows" / "1.0.0"
  ),
}


def batches(corpus):
  made = composer.Composer(corpus, strategy="hybrid", batch_size=4, negatives=1)
  return [made.plan(3, step) for step in range(6)]


def same(one, other):
  return all(
    np.array_equal(getattr(one, field), getattr(other, field))
    for field in vars(one)
  )


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
  return sources.read([WRITERS["jsonl"](tmp_path_factory.mktemp("rows"))])


@pytest.mark.parametrize("form", WRITERS)
def test_every_form_gives_the_same_batches(tmp_path, form, expected):
  corpus = sources.read([WRITERS[form](tmp_path)])
  assert rows_of(corpus) == rows_of(expected)
  if form != "tfds folder":  # Another name.
    assert corpus.sources == ("rows",)
  assert corpus.sha256 == expected.sha256
  pairs = zip(batches(corpus), batches(expected), strict=True)
  assert all(same(one, other) for one, other in pairs)


BARE = [
  {"anchor": f"asks {n}", "positive": f"tells {n}", "negative": f"not {n}"}
  for n in range(5)
]


@pytest.mark.parametrize(
  ("write", "name"),
  [
    (forms.jsonl, "bare.jsonl"),
    (forms.parquet_file, "bare.parquet"),
    (forms.table, "bare.tsv"),
    (forms.table, "bare.csv"),
    (forms.dataset_folder, "bare"),
    (forms.array_record, "bare.array_record"),
  ],
)
def test_rows_without_names_are_their_own(tmp_path, write, name):
  path = write(tmp_path / name, BARE)
  corpus = sources.read([path], languages=["en"])
  assert rows_of(corpus) == [
    (
      f"bare:en:{n + 1}",
      "en",
      "bare",
      f"bare:en:{n + 1}",
      f"bare:en:{n + 1}",
      f"asks {n}",
      f"tells {n}",
      [f"not {n}"],
    )
    for n in range(5)
  ]
  assert corpus.guesses == (
    "Columns of source bare: query is 'anchor', passage is 'positive',"
    " negatives is 'negative'.",
    "Rows of source bare are taken for en, the only one of data.languages.",
  )


def test_languages_come_from_options_columns_and_names(tmp_path):
  bare = [{"question": "q", "answer": "a"}]
  told = [{"question": "q", "answer": "a", "locale": "de_DE"}]
  wanted = ["de", "de-DE", "en"]

  def language(name, rows, options="", languages=wanted):
    path = forms.jsonl(tmp_path / name, rows)
    corpus = sources.read([f"{path}{options}"], languages=languages)
    return corpus.languages[corpus.language_row[0]]

  assert language("x.jsonl", bare, "?lang=de") == "de"
  assert language("x.jsonl", told) == "de-DE"
  assert language("x.jsonl", told, "?lang=en") == "en"
  assert language("en.jsonl", told) == "de-DE"
  assert language("pairs.en.jsonl", bare) == "en"
  assert language("german_pairs.jsonl", bare) == "de"
  assert language("pairs-de-DE.jsonl", bare) == "de-DE"
  assert language("x.jsonl", bare, languages=["en"]) == "en"
  assert language("eng.jsonl", bare, languages=None) == "en"
  for name in ("x.jsonl", "de-en.jsonl"):
    with pytest.raises(ValueError, match="lang is missing.*lang=TAG"):
      language(name, bare)
  with pytest.raises(ValueError, match="'xx1'.*BCP 47"):
    language("x.jsonl", bare, "?lang=xx1")


def test_columns_are_named(tmp_path):
  rows = [{"q": "asks", "title": "t", "body": "b", "no": "n", "key": 7}]
  path = forms.parquet_file(tmp_path / "x.parquet", rows)
  spec = f"{path}?query=q&passage=body&negatives=no&id=key&lang=en&name=mine"
  corpus = sources.read([spec])
  assert rows_of(corpus) == [("7", "en", "mine", "7", "7", "asks", "b", ["n"])]
  assert corpus.skipped == {"field 'title' is not read": 1}
  with pytest.raises(ValueError, match="query is missing: there is no 'qq'"):
    sources.read([spec.replace("query=q&", "query=qq&")])


def test_lists_of_passages_are_rows_of_a_block(tmp_path):
  """FlagEmbedding's and Tevatron's forms."""
  flag = [{"query": "q", "pos": ["a", "b"], "neg": ["n", "b"]}]
  path = forms.jsonl(tmp_path / "flag.jsonl", flag)
  corpus = sources.read([path], languages=["en"])
  assert [x[0] for x in rows_of(corpus)] == ["flag:en:1:1", "flag:en:1:2"]
  assert {x[4] for x in rows_of(corpus)} == {"flag:en:1"}
  assert [x[6:] for x in rows_of(corpus)] == [("a", ["n"]), ("b", ["n"])]
  tevatron = [
    {
      "query_id": "1",
      "query": "q",
      "positive_passages": [{"docid": "a", "title": "A", "text": "first"}],
      "negative_passages": [{"docid": "b", "title": "", "text": "second"}],
    }
  ]
  for name in ("t.jsonl", "t.parquet"):
    write = forms.parquet_file if "parquet" in name else forms.jsonl
    corpus = sources.read([write(tmp_path / name, tevatron)], languages=["en"])
    assert rows_of(corpus)[0][5:] == ("q", "A first", ["second"])


def test_splits_are_chosen_and_the_others_told(tmp_path):
  for split in ("train", "test"):
    for part in range(2):
      forms.parquet_file(
        tmp_path / "set" / f"{split}-0000{part}-of-00002.parquet",
        [{"query": f"{split} {part}", "passage": "p", "lang": "en"}],
      )
  folder = tmp_path / "set"

  def queries(spec, **settings):
    corpus = sources.read([spec], **settings)
    return [x[5] for x in rows_of(corpus)], corpus.skipped

  found, skipped = queries(folder)
  assert found == ["train 0", "train 1"]
  assert skipped == {f"{folder}: files of the split test": 2}
  assert queries(f"{folder}?split=test")[0] == ["test 0", "test 1"]
  assert queries(folder, split="test")[0] == ["test 0", "test 1"]
  with pytest.raises(ValueError, match="no split 'dev', but test, train"):
    queries(f"{folder}?split=dev")
  both = tmp_path / "both"
  for split in ("train", "test"):
    forms.dataset_folder(both / split, [{"query": split, "passage": "p"}] * 2)
  (both / "dataset_dict.json").write_text(
    json.dumps({"splits": ["train", "test"]})
  )
  assert queries(both, languages=["en"])[0] == ["train"] * 2
  assert queries(f"{both}?split=test", languages=["en"])[0] == ["test"] * 2


def test_triples_without_a_header(tmp_path):
  lines = ["who\tshe\tno", "who\tshe\tnever", "how\tso\tno"]
  path = tmp_path / "triples.train.small.tsv"
  path.write_text("".join(f"{x}\n" for x in lines))
  corpus = sources.read([path], languages=["en"])
  assert [x[5:] for x in rows_of(corpus)] == [
    ("who", "she", ["no"]),
    ("who", "she", ["never"]),
    ("how", "so", ["no"]),
  ]
  named = tmp_path / "plain.tsv"
  named.write_text("\n".join(lines))
  corpus = sources.read(
    [f"{named}?columns=query,passage,neg"], languages=["en"]
  )
  assert len(corpus) == 3 and len(corpus.negative_values) == 3


def test_names_of_sources():
  for spec, name in {
    "a/b.jsonl.gz": "b",
    "a/train-00000-of-00002.parquet": "train",
    "tfds:pairs/news?data_dir=x": "news",
    "hub:owner/set?split=train": "set",
    "queries:a/b.tsv": "b-queries",
    "x.csv?name=mine": "mine",
  }.items():
    assert records.name_of(spec) == name
