"""MIRACL's public files, made small, and the real judgements."""

import gzip
import json

import numpy as np
import pytest

from hybridret_jax.retrieval import evaluation
from hybridret_jax.retrieval.tasks import miracl

# Queries, judgements and relevant ones of the real dev files.
REAL = {
  "ar": (2896, 29_197, 5658),
  "de": (305, 3144, 811),
  "en": (799, 8350, 2326),
  "es": (648, 6443, 2987),
  "hi": (350, 3494, 752),
  "ru": (1252, 13_100, 3560),
  "th": (733, 7573, 1343),
  "zh": (393, 3928, 994),
}
TOPICS = "7\tWho was first?\n3\t Where? \n"
QRELS = "7\tQ0\t1#0\t1\n7\tQ0\t2#1\t0\n7\tQ0\t2#0\t3\n3\tQ0\t1#0\t1\n"
CORPUS = {
  "docs-10.jsonl": [("2#1", "Two", "last")],
  "docs-0.jsonl": [("1#0", "One", "first text "), ("1#1", "One", "")],
  "docs-2.jsonl": [("2#0", "", "text")],
}
TEXTS = ("One first text", "One", "text", "Two last")


def write(folder, language="en", *, topics=TOPICS, qrels=QRELS, corpus=CORPUS):
  folder.mkdir(exist_ok=True)
  for kind, text in (("topics", topics), ("qrels", qrels)):
    path = folder / f"{kind}.miracl-v1.0-{language}-dev.tsv"
    path.write_text(text, encoding="utf-8")
  places = folder / "corpus" / language
  places.mkdir(parents=True)
  for name, passages in corpus.items():
    lines = [
      p
      if isinstance(p, str)
      else json.dumps(dict(zip(("docid", "title", "text"), p, strict=True)))
      for p in passages
    ]
    (places / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
  return folder


def compressed(folder):
  for path in [path for path in folder.rglob("*") if path.is_file()]:
    with gzip.open(f"{path}.gz", "wb") as file:
      file.write(path.read_bytes())
    path.unlink()
  return folder


@pytest.mark.parametrize("language", REAL)
def test_real_judgements(shared, language):
  made = miracl.queries(shared / "data" / "miracl-dev", language)
  grades = [grade for judged in made.grades for grade in judged.values()]
  relevant = sum(grade > 0 for grade in grades)
  assert (len(made.ids), len(grades), relevant) == REAL[language]
  assert all(any(judged.values()) for judged in made.grades)
  assert all(text and text == text.strip() for text in made.texts)


def test_one_language_is_an_ordinary_task(tmp_path):
  made = miracl.load(write(tmp_path), ["en"])
  assert (made.name, made.languages) == ("miracl", ("en",))
  assert made.query_ids == ("7", "3")
  assert made.query_texts == ("Who was first?", "Where?")
  assert made.candidate_ids == ("1#0", "1#1", "2#0", "2#1")
  assert made.candidate_texts == TEXTS
  assert made.relevant.tolist() == [[0, 2], [0, -1]]
  assert made.grades.tolist() == [[1, 3], [1, 0]]
  assert made.notes == ()


def test_several_languages_make_monolingual_directions_only(tmp_path):
  folder = write(write(tmp_path, "en"), "yo")
  made = miracl.load(folder, ["yo", "en"], name="both")
  assert made.query_ids == ("yo-7", "yo-3", "en-7", "en-3")
  assert made.candidate_ids[3:5] == ("yo-2#1", "en-1#0")
  assert made.relevant.tolist() == [[0, 2], [0, -1], [4, 6], [4, -1]]
  vectors = np.eye(8, dtype=np.float32)
  figures = evaluation.evaluate(made, vectors[[2, 0, 6, 4]], vectors)
  assert set(figures["directions"]) == {"yo-yo", "en-en"}
  assert figures["macro"]["monolingual"]["recall@100"] == 1.0
  assert figures["macro"]["cross_lingual"]["map"] is None


def test_published_folders_and_compressed_files(tmp_path):
  flat = compressed(write(tmp_path / "flat"))
  tree = tmp_path / "tree"
  for kind in ("topics", "qrels"):
    inner = tree / "miracl-v1.0-en" / kind
    inner.mkdir(parents=True)
    name = f"{kind}.miracl-v1.0-en-dev.tsv.gz"
    (inner / name).write_bytes((flat / name).read_bytes())
  assert miracl.load(flat).languages == ("en",)
  corpus = flat / "corpus" / "en"
  corpus.rename(tree / "miracl-corpus-v1.0-en")
  made = miracl.load(tree)
  assert made.languages == ("en",)
  assert made.candidate_texts == TEXTS
  assert made.query_ids == ("7", "3")


def test_passages_stream_in_the_order_of_the_shards(tmp_path):
  broken = CORPUS | {"docs-11.jsonl": ["{"]}
  files = miracl.corpus_files(write(tmp_path, corpus=broken), "en")
  assert [path.name for path in files] == [
    *("docs-0.jsonl", "docs-2.jsonl", "docs-10.jsonl", "docs-11.jsonl"),
  ]
  stream = miracl.passages(files)
  assert [next(stream)[1] for _ in TEXTS] == list(TEXTS)
  with pytest.raises(ValueError, match=r"docs-11\.jsonl:1: not JSON"):
    next(stream)
  some = [docid for docid, _ in miracl.passages(files[:3:2])]
  assert some == ["1#0", "1#1", "2#1"]


def test_judgements_of_a_stream_are_those_of_the_task(tmp_path):
  folder = write(tmp_path)
  asked = miracl.queries(folder, "en")
  stream = miracl.passages(miracl.corpus_files(folder, "en"))
  place = miracl.places(asked, (docid for docid, _ in stream), first=10)
  assert place == {"1#0": 10, "2#0": 12, "2#1": 13}
  assert miracl.judgements(asked, place) == [{10: 1, 12: 3, 13: 0}, {10: 1}]
  assert miracl.missing(asked, place) == []


def test_judged_passages_that_are_missing_are_counted(tmp_path):
  gone = QRELS + "3\tQ0\t8#0\t2\n3\tQ0\t9#0\t0\n3\tQ0\t9#1\t0\n"
  made = miracl.load(write(tmp_path, qrels=gone), ["en"])
  assert made.relevant.tolist() == [[0, 2], [0, -1]]
  (note,) = made.notes
  assert note.startswith(
    "en: the corpus is not whole. 1 of 4 judgements of relevant passages and 2"
  )
  assert made.misses == ({}, {"8#0": 2})


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"topics": "7 Who?\n"}, r"topics.*en-dev\.tsv:1: '7 Who\?' is no query"),
    ({"topics": "7\tA?\n7\tB?\n"}, r"topics.*:2: query '7' stands twice"),
    ({"qrels": "7 Q0 1#0\n"}, r"qrels.*:1: '7 Q0 1#0' is no judgement"),
    ({"qrels": "7\tQ0\t1#0\tyes\n"}, r"qrels.*:1: .* is no judgement"),
    ({"qrels": "8\tQ0\t1#0\t1\n"}, r"qrels.*:1: query '8' is not among"),
    ({"qrels": QRELS + "7 Q0 1#0 0\n"}, r"qrels.*:5: .* judged twice"),
    ({"qrels": "7\tQ0\t1#0\t0\n"}, "no query has a relevant candidate"),
    ({"corpus": {}}, r"no docs-<number>\.jsonl\[\.gz\] in .*corpus/en or"),
    (
      {"corpus": {"docs-0.jsonl": ['{"docid": "1", "text": "x"}']}},
      r"docs-0\.jsonl:1: title is missing",
    ),
    (
      {"corpus": CORPUS | {"docs-0.jsonl": [("2#0", "a", "b")]}},
      r"docs-2\.jsonl:1: docid '2#0' stands twice",
    ),
  ],
)
def test_errors_name_file_and_line(tmp_path, change, message):
  with pytest.raises(ValueError, match=message):
    miracl.load(write(tmp_path, **change), ["en"])


def test_missing_and_double_files_are_named(tmp_path):
  with pytest.raises(ValueError, match="no corpus/<language> or miracl-corpus"):
    miracl.load(tmp_path)
  folder = write(tmp_path)
  with pytest.raises(ValueError, match=r"no topics.miracl-v1.0-en-train.tsv"):
    miracl.queries(folder, "en", split="train")
  (folder / "corpus" / "en" / "docs-0.jsonl.gz").write_bytes(b"")
  with pytest.raises(
    ValueError, match="docs-0.jsonl: .*docs-0.jsonl.gz stands for"
  ):
    miracl.corpus_files(folder, "en")


def test_topics_that_are_there_twice_are_named(tmp_path):
  folder = write(tmp_path)
  name = "topics.miracl-v1.0-en-dev.tsv"
  for other in (f"{name}.gz", "topics.miracl-v1.0-EN-dev.tsv"):
    (folder / other).write_bytes(b"")
    with pytest.raises(ValueError, match="stands for the same; keep one"):
      miracl.queries(folder, "en")
    (folder / other).unlink()
  inner = folder / "miracl-v1.0-en" / "topics"
  inner.mkdir(parents=True)
  (inner / name).write_text(TOPICS)
  with pytest.raises(ValueError, match="stands for the same; keep one"):
    miracl.queries(folder, "en")


def test_languages_are_read_in_any_spelling(tmp_path):
  folder = write(write(tmp_path, "zh_Hant"), "IW")
  (folder / "corpus" / ".cache").mkdir()
  made = miracl.load(folder)
  assert made.languages == ("he", "zh-Hant")
  assert made.query_ids[0] == "he-7"
  assert miracl.queries(folder, "iw") == miracl.queries(folder, "HE")
  (folder / "corpus" / "he").mkdir()
  with pytest.raises(
    ValueError, match="corpus/he stands for the same|IW stands"
  ):
    miracl.load(folder)
  (folder / "corpus" / "he").rename(folder / "corpus" / "other")
  with pytest.raises(ValueError, match="other: its language is 'other'"):
    miracl.load(folder)


def test_numbers_are_docids_and_one_guard_for_all(tmp_path):
  lines = ['{"docid": 5, "title": "", "text": "a"}']
  folder = write(
    tmp_path / "a", qrels="7 Q0 5 1\n", corpus={"docs-0.jsonl": lines}
  )
  assert miracl.load(folder).candidate_ids == ("5",)
  lines += ['{"docid": "5", "title": "", "text": "a"}']
  folder = write(tmp_path / "b", corpus={"docs-0.jsonl": lines})
  with pytest.raises(
    ValueError, match=r"docs-0.jsonl:2: docid '5' stands twice"
  ):
    miracl.load(folder)
  topics = folder / "topics.miracl-v1.0-en-dev.tsv"
  topics.write_bytes(b"\xef\xbb\xbf7\tWho?\r\n3\tWhere?\r\n")
  assert miracl.queries(folder, "en").ids == ("7", "3")
  topics.write_bytes("7\tWho?\n3\tWh\xe9re?\n".encode("latin-1"))
  with pytest.raises(ValueError, match=r"topics.*:2: not UTF-8"):
    miracl.queries(folder, "en")
