"""BEIR's and MS MARCO's folders as tasks."""

import json

import numpy as np
import pytest

from hybridret_jax.ground import faults
from hybridret_jax.retrieval.tasks import judged


def jsonl(path, rows):
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def beir(tmp_path):
  jsonl(
    tmp_path / "corpus.jsonl",
    [{"_id": x, "title": x.upper(), "text": f"text {x}"} for x in "abc"],
  )
  jsonl(
    tmp_path / "queries.jsonl", [{"_id": x, "text": f"ask {x}"} for x in "qrs"]
  )
  (tmp_path / "qrels").mkdir()
  head = "query-id\tcorpus-id\tscore\n"
  (tmp_path / "qrels" / "test.tsv").write_text(
    f"{head}r\tc\t2\nr\ta\t1\nr\tgone\t1\nq\tb\t1\nunknown\ta\t1\n"
  )
  (tmp_path / "qrels" / "train.tsv").write_text(f"{head}s\ta\t1\n")
  return tmp_path


def test_the_judged_queries_of_a_split(beir):
  found = judged.load(beir, lang="de")
  assert found.query_ids == ("r", "q") and found.languages == ("de",)
  assert found.candidate_texts == ("A text a", "B text b", "C text c")
  np.testing.assert_array_equal(found.relevant, [[0, 2], [1, -1]])
  np.testing.assert_array_equal(found.grades, [[1, 2], [1, 0]])
  assert found.misses == ({"gone": 1}, {})
  assert found.query_group is None
  assert "Left out: 1 judged queries without a text." in found.notes
  assert judged.load(beir, lang="de", split="train").query_ids == ("s",)
  with pytest.raises(faults.Fault, match="no qrels of the split 'dev'"):
    judged.load(beir, lang="de", split="dev")


def test_translations_are_relevant_in_every_language(tmp_path):
  for name in ("german", "english"):
    for kind in ("collection", "queries.dev"):
      lines = [f"{n}\t{kind} {n} {name}\n" for n in range(3)]
      (tmp_path / f"{name}_{kind}.tsv").write_text("".join(lines))
  (tmp_path / "qrels.dev.tsv").write_text("1\t0\t2\t1\n")
  found = judged.load(tmp_path, known=("de", "en"))
  assert found.query_ids == ("de-1", "en-1")
  assert found.candidate_ids[2] == "de-2" and found.candidate_ids[5] == "en-2"
  np.testing.assert_array_equal(found.relevant, [[2, 5], [2, 5]])
  assert found.query_group == ("1", "1") and found.grades is None


def test_a_folder_of_something_else(tmp_path):
  with pytest.raises(faults.Fault, match="neither BEIR's files"):
    judged.load(tmp_path)
