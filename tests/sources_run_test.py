"""Data of other makers train and are evaluated by their path alone."""

import json

import pytest

from tests import main_test
from tests.data import forms

SMALL = (
  "--config.model.scratch.hidden_size=32",
  "--config.model.scratch.num_layers=1",
  "--config.model.scratch.mlp_size=64",
  "--config.model.tokenizer_size=200",
  "--config.batches.batch_size=8",
  "--config.train.steps=2",
  "--config.optimizer.warmup_steps=0",
  "--config.train.evaluate_every=0",
  "--config.train.checkpoint_every=0",
  "--config.validation.task=",
  "--config.validation.share=0",
  "--config.evaluation.systems=('trained',)",
  "--config.evaluation.figures=False",
)
NUMBER = 24


def question(number, language):
  return f"which {'abcdef'[number % 6]} is number {number} {language}"


def answer(number, language):
  return f"the {'ghijk'[number % 5]} of number {number} {language}"


def triplets(place):
  """sentence-transformers' rows."""
  rows = [
    {
      "anchor": question(n, "en"),
      "positive": answer(n, "en"),
      "negative": answer(n + NUMBER, "en"),
    }
    for n in range(NUMBER)
  ]
  return forms.parquet_file(place / "triplets.parquet", rows)


def beir(place):
  folder = place / "beir"
  numbers = range(NUMBER)
  forms.jsonl(
    folder / "corpus.jsonl.gz",
    [
      {"_id": f"d{n}", "title": f"Title {n}", "text": answer(n, "en")}
      for n in numbers
    ],
  )
  forms.jsonl(
    folder / "queries.jsonl",
    [{"_id": f"q{n}", "text": question(n, "en")} for n in numbers],
  )
  (folder / "qrels").mkdir()
  for split, some in (("train", numbers[:16]), ("test", numbers[16:])):
    lines = [f"q{n}\td{n}\t1\nq{n}\td{(n + 1) % NUMBER}\t0\n" for n in some]
    text = "query-id\tcorpus-id\tscore\n" + "".join(lines)
    (folder / "qrels" / f"{split}.tsv").write_text(text)
  return folder


def mmarco(place):
  """Texts in two languages, triples of ids, and judgements of a dev split."""
  folder = place / "mmarco"
  for name, code in (("german", "de"), ("english", "en")):
    for kind, made in (("collection", answer), ("queries", question)):
      lines = [f"{n}\t{made(n, code)}\n" for n in range(NUMBER)]
      part = "collections" if kind == "collection" else "queries/train"
      split = ".train" if kind == "queries" else ""
      path = folder / "google" / part / f"{name}_{kind}{split}.tsv"
      path.parent.mkdir(parents=True, exist_ok=True)
      path.write_text("".join(lines))
  triples = [
    f"{n}\t{n}\t{(n + k) % NUMBER}\n" for n in range(16) for k in (1, 2)
  ]
  (folder / "triples.train.ids.small.tsv").write_text("".join(triples))
  dev = folder / "google" / "queries" / "dev"
  dev.mkdir()
  for name, code in (("german", "de"), ("english", "en")):
    lines = [f"{n}\t{question(n, code)}\n" for n in range(16, NUMBER)]
    (dev / f"{name}_queries.dev.small.tsv").write_text("".join(lines))
  lines = [f"{n}\t0\t{n}\t1\n" for n in range(16, NUMBER)]
  (folder / "qrels.dev.small.tsv").write_text("".join(lines))
  return folder


@pytest.mark.parametrize(
  ("write", "languages", "strategy", "queries", "directions"),
  [
    (triplets, "('en',)", "monolingual", NUMBER, 1),
    (beir, "('en',)", "monolingual", 8, 1),
    (mmarco, "('de','en')", "hybrid", 16, 4),
  ],
)
def test_a_path_is_enough(
  tmp_path, write, languages, strategy, queries, directions
):
  path = write(tmp_path)
  workdir = tmp_path / "run"
  done = main_test.command(
    "quickstart",
    workdir,
    *SMALL,
    f"--config.data.folder={tmp_path}",
    f"--config.data.sources=('{path.name}',)",
    f"--config.evaluation.tasks=('{path.name}',)",
    f"--config.data.languages={languages}",
    f"--config.batches.strategy={strategy}",
    "--config.batches.negatives=1",
    cache=tmp_path / "cache",
  )
  assert done.returncode == 0, done.stderr[-3000:]
  name = path.name.removesuffix(".parquet")
  found = json.loads((workdir / "results" / name / "results.json").read_text())
  trained = found["systems"]["trained"]
  assert trained["counts"]["queries"] == queries
  assert len(trained["directions"]) == directions
  assert all(0 < x["map"] <= 1 for x in trained["directions"].values())
  if write is triplets:
    assert "query is 'anchor'" in done.stderr
    assert trained["counts"]["candidates"] == 2 * NUMBER
