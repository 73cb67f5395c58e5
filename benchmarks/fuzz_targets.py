"""Valid files of every reader, and what reads them."""

import json
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

from hybridret_jax.data import sources
from hybridret_jax.reporting import results, tables, throughput, training_log
from hybridret_jax.retrieval.tasks import (
  copies,
  jsonl,
  judged,
  miracl,
  mlqa_r,
  own,
  xquad_r,
)


class Target(NamedTuple):
  """A reader with files that it takes.

  Attributes:
    files: by name; a text is packed where the name ends in `.gz`.
    read: is given the folder with the files.
    by_line: whether a fault of a file names a line.
  """

  files: dict[str, str]
  read: Callable[[pathlib.Path], Any]
  by_line: bool = True


def _lines(*rows: Any) -> str:
  return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _pairs(lang: str) -> str:
  rows = [
    {
      "id": f"{lang}{number}",
      "group": f"g{number}",
      "lang": lang,
      "query": f"frage {number}",
      "passage": f"antwort é {number}",
    }
    for number in range(3)
  ]
  rows[1] |= {"block": "b", "negatives": ["x", "y"], "source": "s"}
  return _lines(*rows)


def _article(lang: str) -> dict[str, Any]:
  sentences = [f"{lang} eins.", f"{lang} zwei."]
  return {
    "title": lang,
    "paragraphs": [
      {
        "context": " ".join(sentences),
        "sentences": sentences,
        "sentence_breaks": [[0, 8], [9, 17]],
        "qas": [
          {
            "id": "1",
            "question": "was?",
            "answers": [{"answer_start": 12, "text": "zwei"}],
          },
          {
            "id": "2",
            "question": "wer?",
            "answers": [{"answer_start": 3, "text": "eins"}],
          },
        ],
      }
    ],
  }


_SQUAD = {
  f"{lang}.json": json.dumps({"version": "1", "data": [_article(lang)]})
  for lang in ("en", "de")
}
_TASK = {
  "queries.jsonl": _lines(
    {"id": "q1", "lang": "en", "text": "who", "group": "g", "cluster": "c"},
    {"id": 2, "lang": "pt-BR", "text": "quem", "group": "g", "cluster": "c"},
  ),
  "candidates.jsonl.gz": _lines(
    {"id": "c1", "lang": "en", "text": "she", "context": "all"},
    {"id": "c2", "lang": "pt-BR", "text": "ela", "group": "p"},
  ),
  "qrels.tsv": "q1\tc1\t1\nq1\tc2\t2\n2\tc2\t1\n",
}
_MIRACL = {
  "topics.miracl-v1.0-en-dev.tsv": "7\twho\n3\twhere is\n",
  "qrels.miracl-v1.0-en-dev.tsv.gz": "7\tQ0\t1#0\t1\n3\tQ0\t2#0\t0\n"
  "7\tQ0\t9#0\t1\n",
  "corpus/en/docs-0.jsonl": _lines(
    {"docid": "1#0", "title": "One", "text": "first"},
    {"docid": "1#1", "title": "One", "text": ""},
  ),
  "corpus/en/docs-1.jsonl.gz": _lines(
    {"docid": "2#0", "title": "", "text": "two"}
  ),
}
_ROW = {"map": 0.5, "r@1": 0.25, "queries": 2}
_FIGURES = {
  "task": "t",
  "languages": ["en", "pt-BR"],
  "counts": {"queries": 2, "candidates": 2, "queries_by_language": {"en": 2}},
  "macro": {"monolingual": {"map": 0.5}, "cross_lingual": {"map": None}},
  "directions": {"en-en": _ROW, "en-pt-BR": _ROW},
  "pool": {"en": _ROW},
}
_RESULTS = {
  results.FILE: json.dumps(
    {
      "schema": results.SCHEMA,
      "task": "t",
      "candidates": "as given",
      "systems": {"trained": _FIGURES},
      "model": {"training_languages": ["en"]},
      "settings": {"seed": 0},
      "seconds": {"encode": 1.0},
      "versions": {"jax": "1"},
      "notes": ["a note"],
    }
  ),
  results.EXAMPLES: json.dumps(
    {
      "queries": [{"id": "q", "lang": "en", "text": "who"}],
      "systems": {
        "trained": [
          [
            {
              "id": "c",
              "lang": "en",
              "text": "she",
              "rank": 1,
              "score": 0.5,
              "relevant": True,
            }
          ]
        ]
      },
    }
  ),
  "per_query_trained.jsonl.gz": _lines(
    {"id": "q", "lang": "en", "pool": {"map": 0.5}, "directions": {}},
    {"id": "r", "lang": "pt-BR", "cluster": "c"},
  ),
}
_LOG = {
  training_log.FILE: _lines(
    {"step": 1, "train/loss": 2.5}, {"step": 2, "train/loss": 2.0}
  )
}


def _of_task(load, **settings):
  """Reads a task, and settles what the settings of an evaluation settle."""

  def read(folder):
    task = load(folder, **settings)
    task = copies.settle(task, None, count_as="relevant")
    own.settle(task, leave_out=True)

  return read


def _read_results(folder):
  tables.summary(results.load(folder))
  results.load_examples(folder)
  results.load_per_query(folder, "trained")


TARGETS = {
  "training folder": Target(
    {"s/de.jsonl": _pairs("de"), "s/pt_br.jsonl.gz": _pairs("pt-BR")},
    lambda folder: sources.read([folder / "s"]),
  ),
  "training file": Target(
    {"s.jsonl": _pairs("de") + _pairs("yue")},
    lambda folder: sources.read([folder / "s.jsonl"], languages=["yue"]),
  ),
  "training queries": Target(
    {"s.jsonl.gz": _pairs("zh-Hans")},
    lambda folder: sources.read([f"queries:{folder / 's.jsonl.gz'}"]),
  ),
  "training table": Target(
    {
      "s/de.tsv": "query\tpassage\tnegative\nfrage\tantwort é\tx\n",
      "s/pt_br.csv.gz": 'query,passage\n"wer\n?","er, ""sie"""\nwo,da\n',
    },
    lambda folder: sources.read([folder / "s"]),
  ),
  "beir": Target(
    {
      "b/corpus.jsonl": _lines({"_id": "1", "title": "t", "text": "é"}),
      "b/queries.jsonl.gz": _lines({"_id": "q", "text": "who"}),
      "b/qrels/train.tsv": "query-id\tcorpus-id\tscore\nq\t1\t1\n",
    },
    lambda folder: sources.read([f"{folder / 'b'}?lang=en"]),
  ),
  "msmarco task": Target(
    {
      "m/german_collection.tsv": "1\tein Text\n2\tnoch einer\n",
      "m/german_queries.dev.tsv.gz": "7\twer\n",
      "m/qrels.dev.tsv": "7\t0\t2\t1\n",
    },
    lambda folder: _of_task(judged.load, known=("de",))(folder / "m"),
  ),
  "jsonl task": Target(_TASK, _of_task(jsonl.load)),
  "xquad_r": Target(_SQUAD, _of_task(xquad_r.load), by_line=False),
  "mlqa_r": Target(
    {"en.json.gz": _SQUAD["en.json"], "vi.json": _SQUAD["de.json"]},
    _of_task(mlqa_r.load, candidates="sentence_paragraph"),
    by_line=False,
  ),
  "miracl": Target(_MIRACL, _of_task(miracl.load)),
  "results": Target(_RESULTS, _read_results, by_line=False),
  "training log": Target(_LOG, training_log.read),
  "throughput": Target(
    {
      throughput.FILE: json.dumps(
        {"schema": throughput.SCHEMA, "parts": [{"first_step": 1}]}
      )
    },
    throughput.load,
    by_line=False,
  ),
}
