"""A corpus becomes a store that goes on where it stopped."""

import json

import numpy as np
import pytest

import hybridret_jax
from hybridret_jax import retriever
from hybridret_jax.ground import faults, owning
from hybridret_jax.retrieval import corpora, store
from hybridret_jax.verbs import encode
from tests.fixtures import small_run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
  return small_run.start(tmp_path_factory.mktemp("model") / "start")


@pytest.fixture
def corpus(tmp_path):
  rows = [
    {"_id": f"d{n}", "text": small_run.texts(n, "en", "answer")}
    for n in range(25)
  ]
  small_run.write_rows(tmp_path / "corpus.jsonl", rows)
  return corpora.Corpus(tmp_path / "corpus.jsonl")


def contents(folder):
  return {
    path.name: path.read_bytes()
    for path in sorted(folder.iterdir())
    if not path.name.startswith(("index_", owning.FOLDER))
  }


def test_ids_and_vectors_are_the_corpuss(model, corpus, tmp_path):
  found = hybridret_jax.encode(
    model, corpus.path, tmp_path / "store", index=["npy"]
  )
  assert found["texts"] == 25 and found["dimension"] == 24
  ids = (tmp_path / "store" / "ids.txt").read_text().split("\n")[:-1]
  assert ids == [f"d{n}" for n in range(25)]
  expected = retriever.Retriever.load(model).encode_passages(
    [text for _, text in corpus]
  )
  np.testing.assert_allclose(
    np.load(tmp_path / "store" / "vectors.npy"), expected, atol=1e-6
  )


def test_a_killed_one_goes_on_to_the_same_bytes(model, corpus, tmp_path):
  made = retriever.Retriever.load(model)
  settings = {"index": ["npy"], "shard_size": 10}
  encode.encode(made, corpus, tmp_path / "whole", **settings)
  encode.encode(made, corpus, tmp_path / "part", **settings)
  # As if killed while the last shard was written.
  manifest = tmp_path / "part" / store.MANIFEST
  held = json.loads(manifest.read_text())
  held["shards"].pop()
  manifest.write_text(json.dumps(held))
  (tmp_path / "part" / "00002.npy").unlink()
  (tmp_path / "part" / "vectors.npy").unlink()
  encode.encode(made, corpus, tmp_path / "part", **settings)
  assert contents(tmp_path / "part") == contents(tmp_path / "whole")


def test_another_corpus_or_model_is_refused(model, corpus, tmp_path):
  made = retriever.Retriever.load(model)
  encode.encode(made, corpus, tmp_path / "store")
  before = contents(tmp_path / "store")
  with pytest.raises(ValueError, match="side is 'passage' there and 'query'"):
    encode.encode(made, corpus, tmp_path / "store", side="query")
  lines = corpus.path.read_text().splitlines()
  corpus.path.write_text("\n".join(lines[::-1]))
  with pytest.raises(faults.Fault, match="names other ids than the corpus"):
    encode.encode(made, corpus, tmp_path / "store")
  corpus.path.write_text("\n".join(lines).replace("answer", "reply"))
  with pytest.raises(ValueError, match="was encoded from other texts"):
    encode.encode(made, corpus, tmp_path / "store")
  assert contents(tmp_path / "store") == before


def test_killed_before_the_manifest_it_goes_on(model, corpus, tmp_path):
  made = retriever.Retriever.load(model)
  encode.encode(made, corpus, tmp_path / "whole")
  for names in (["ids.txt"], ["ids.txt", "00000.npy"]):
    folder = tmp_path / f"part{len(names)}"
    folder.mkdir()
    for name in names:
      (folder / name).write_bytes((tmp_path / "whole" / name).read_bytes())
    encode.encode(made, corpus, folder)
    assert contents(folder) == contents(tmp_path / "whole")


@pytest.mark.parametrize(
  "names",
  [
    ["vectors.npy"],
    ["00000.npy"],
    ["index.faiss", "ids.txt"],
    [store.MANIFEST, "00000.npy"],  # A store that has no ids is another's.
  ],
)
def test_vectors_that_it_did_not_make_are_left(model, corpus, names, tmp_path):
  (tmp_path / "theirs").mkdir()
  for name in names:
    (tmp_path / "theirs" / name).write_text("theirs")
  before = contents(tmp_path / "theirs")
  with pytest.raises(faults.Fault, match="is no store of vectors"):
    hybridret_jax.encode(model, corpus.path, tmp_path / "theirs", index=["npy"])
  assert contents(tmp_path / "theirs") == before


def test_nothing_foreign_is_written_among(model, corpus, tmp_path):
  (tmp_path / "mine").mkdir()
  (tmp_path / "mine" / "thesis.tex").touch()
  with pytest.raises(faults.Fault, match="holds 'thesis.tex', and is no store"):
    hybridret_jax.encode(model, corpus.path, tmp_path / "mine")
  assert [x.name for x in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
