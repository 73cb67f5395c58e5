"""Writes a corpus with its mined hard negatives as sources of training data."""

import gzip
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from hybridret_jax.data import mining
from hybridret_jax.ground import writing

COUNTS = "counts.json"


def write(
  folder: pathlib.Path, pool: mining.Pool, chosen: mining.Chosen
) -> list[pathlib.Path]:
  """`<source>/<language>.jsonl.gz` of each source; returns their folders.

  All rows are written as they were read, in their order; those that were mined
  have `negatives`, `negative_scores` and `positive_score` besides. Negatives
  that a row had before are not kept.
  """
  corpus = pool.corpus
  query_of_row = np.full(len(corpus), -1, np.int64)
  query_of_row[pool.row_Q] = np.arange(len(pool.row_Q))
  made = []
  for source, name in enumerate(corpus.sources):
    made.append(folder / name)
    for language, tag in enumerate(corpus.languages):
      rows = np.flatnonzero(
        (corpus.source_row == source) & (corpus.language_row == language)
      )
      if not len(rows):
        continue
      path = folder / name / f"{tag}.jsonl.gz"
      path.parent.mkdir(parents=True, exist_ok=True)
      with (
        writing.replacing(path) as aside,
        aside.open("wb") as raw,
        # The same bytes whenever it is written.
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file,
      ):
        for row in rows.tolist():
          record = _record(pool, row, int(query_of_row[row]), chosen)
          line = json.dumps(record, ensure_ascii=False)
          file.write(f"{line}\n".encode())
  return made


def counts(pool: mining.Pool, chosen: mining.Chosen) -> dict[str, Any]:
  """Of each language: rows mined, how many negatives they have, mean scores."""
  found: dict[str, Any] = {"left_out": chosen.left, "languages": {}}
  number_Q = (chosen.negative_QK >= 0).sum(axis=1)
  for language, tag in enumerate(pool.corpus.languages):
    of = pool.language_Q == language
    if not of.any():
      continue
    is_real = chosen.negative_QK[of] >= 0
    scores = chosen.score_QK[of][is_real]
    found["languages"][tag] = {
      "queries": int(of.sum()),
      "candidates": int((pool.language_N == language).sum()),
      "queries_by_negatives": {
        str(n): int(count)
        for n, count in enumerate(np.bincount(number_Q[of]))
        if count
      },
      "mean_positive_score": float(chosen.positive_Q[of].mean()),
      "mean_negative_score": float(scores.mean()) if len(scores) else None,
    }
  return found


def examples(
  pool: mining.Pool, chosen: mining.Chosen, *, number: int
) -> Iterator[dict[str, Any]]:
  """Up to `number` mined rows of each language, evenly spaced."""
  for language in range(len(pool.corpus.languages)):
    of = np.flatnonzero(pool.language_Q == language)
    places = np.linspace(0, len(of) - 1, min(number, len(of))).round()
    for query in of[places.astype(int)].tolist():
      row = int(pool.row_Q[query])
      yield _record(pool, row, query, chosen) | {
        "negative_langs": [
          pool.corpus.languages[pool.language_N[candidate]]
          for candidate in chosen.negative_QK[query].tolist()
          if candidate >= 0
        ]
      }


def _record(pool, row, query, chosen) -> dict[str, Any]:
  corpus = pool.corpus
  asked = int(corpus.query_row[row])
  record = {
    "id": corpus.ids[row],
    "group": corpus.groups[corpus.group_row[row]],
    "block": corpus.blocks[corpus.block_row[row]],
    "lang": corpus.languages[corpus.language_row[row]],
    "query": corpus.texts[asked] if asked >= 0 else "",
    "passage": corpus.texts[corpus.passage_row[row]],
  }
  if query < 0:
    return record
  candidates = chosen.negative_QK[query]
  is_real = candidates >= 0
  return record | {
    "negatives": [
      corpus.texts[text] for text in pool.text_N[candidates[is_real]].tolist()
    ],
    "negative_scores": [
      round(float(x), 6) for x in chosen.score_QK[query][is_real]
    ],
    "positive_score": round(float(chosen.positive_Q[query]), 6),
  }
