"""BEIR's and MS MARCO's folders as rows."""

from hybridret_jax.data import sources
from tests.data import forms
from tests.data.sources_test import rows_of


def test_a_row_is_what_answers_a_query(tmp_path):
  folder = tmp_path / "b"
  texts = [{"_id": x, "title": "", "text": f"text {x}"} for x in "abc"]
  forms.jsonl(folder / "corpus.jsonl", texts)
  forms.jsonl(
    folder / "queries.jsonl", [{"_id": x, "text": f"ask {x}"} for x in "qrs"]
  )
  (folder / "qrels").mkdir()
  (folder / "qrels" / "train.tsv").write_text(
    "q\ta\t1\nq\tb\t2\nq\tc\t0\nr\tb\t0\ns\tgone\t1\n"
  )
  corpus = sources.read([f"{folder}?lang=en"])
  assert [(x[0], x[4], *x[5:]) for x in rows_of(corpus)] == [
    ("b:q:a:en", "b:q", "ask q", "text a", ["text c"]),
    ("b:q:b:en", "b:q", "ask q", "text b", ["text c"]),
  ]
  assert corpus.skipped == {
    "queries that nothing answers": 1,
    "judgements of a query or a passage that no language has": 1,
  }


def test_triples_of_ids_are_rows_of_each_language(tmp_path):
  for name in ("german", "english"):
    for kind in ("collection", "queries"):
      lines = [f"{n}\t{kind} {n} {name}\n" for n in range(4)]
      (tmp_path / f"{name}_{kind}.tsv").write_text("".join(lines))
  (tmp_path / "triples.train.tsv").write_text("0\t1\t2\n0\t1\t3\n1\t2\t3\n")
  corpus = sources.read([f"{tmp_path}?name=m"], languages=["de", "en"])
  rows = rows_of(corpus)
  assert [row[3] for row in rows] == ["m:0:1", "m:0:1", "m:1:2", "m:1:2"]
  assert rows[0][5:] == (
    "queries 0 german",
    "collection 1 german",
    ["collection 2 german", "collection 3 german"],
  )
  assert [row[1] for row in rows] == ["de", "en", "de", "en"]
