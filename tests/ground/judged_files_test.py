"""BEIR's and MS MARCO's files are found and read line by line."""

import pytest

from hybridret_jax.ground import faults, judged_files


def put(path, text):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(text)
  return path


def test_files_are_found_by_their_names(tmp_path):
  assert judged_files.find(tmp_path) is None
  for name in ("corpus.jsonl.gz", "queries.jsonl", "qrels/dev.tsv"):
    put(tmp_path / "beir" / name, "")
  found = judged_files.find(tmp_path / "beir")
  assert found is not None and list(found.qrels) == ["dev"]
  for name in (
    "google/collections/german_collection.tsv",
    "google/queries/train/german_queries.train.tsv",
    "qrels.dev.small.tsv",
    "triples.train.ids.small.tsv",
    "README.md",
  ):
    put(tmp_path / "marco" / name, "")
  found = judged_files.find(tmp_path / "marco")
  assert found is not None
  assert [x.name for x in found.passages] == ["german_collection.tsv"]
  assert (list(found.qrels), list(found.triples)) == (["dev"], ["train"])
  put(tmp_path / "marco" / "qrels.dev.tsv", "")
  with pytest.raises(faults.Fault, match="stands for the same"):
    judged_files.find(tmp_path / "marco")


@pytest.mark.parametrize(
  "text",
  [
    "query-id\tcorpus-id\tscore\nq\ta\t2\nq\tb\t0\n",
    "q 0 a 2\nq 0 b 0\n",
    "q\t0\ta\t2\nq\t0\tb\t0\n",
  ],
)
def test_judgements_in_beirs_and_trecs_form(tmp_path, text):
  found = judged_files.judgements(put(tmp_path / "q.tsv", text))
  assert [x[1:] for x in found] == [("q", "a", 2), ("q", "b", 0)]


def test_languages_of_texts(tmp_path):
  paths = [
    put(tmp_path / f"{name}_collection.tsv", f"1\t{name}\n2\t \n")
    for name in ("german", "dutch")
  ]
  settings = {"constant": "", "known": ("de", "en"), "split": "train"}
  found, left = judged_files.texts(paths, asked=None, **settings)
  assert found == {"de": {"1": "german"}, "nl": {"1": "dutch"}}
  assert left == {
    "german_collection.tsv: records without a text": 1,
    "dutch_collection.tsv: records without a text": 1,
  }
  found, left = judged_files.texts(paths, asked=("de",), **settings)
  assert list(found) == ["de"] and left["language nl was not asked for"] == 2
