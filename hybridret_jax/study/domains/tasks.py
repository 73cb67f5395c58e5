"""Retrieval tasks out of rows that a study does not train on."""

import dataclasses
import json
import pathlib
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from hybridret_jax.data import matching, sources
from hybridret_jax.retrieval.tasks import pairs, task


def held_out(
  corpus: sources.Corpus,
  rows: np.ndarray,
  *,
  name: str,
  parallel: Collection[str],
  native: Collection[str],
  least: int,
  seed: int,
) -> task.Task:
  """One group of each block of `rows`, in the languages that suffice.

  Rows that are no pairs by themselves (translations, passages without a query)
  are left out. Queries of a block are a cluster.

  Args:
    corpus: all rows.
    rows: which of them are held out, a mask or indices.
    name: of the task.
    parallel: sources whose groups are in several languages.
    native: sources whose groups are in one.
    least: parallel groups that a language needs. The parallel rows of one that
      has fewer are left out, since a direction of a handful of queries would
      weigh as much as any other.
    seed: of ties within a block.

  Raises:
    ValueError: no row is left.
  """
  kinds = dict.fromkeys(parallel, "parallel") | dict.fromkeys(native, "native")
  groups = matching.groups(
    corpus, rows, kinds=kinds, languages=corpus.languages, fewest=1
  )
  groups = matching.one_per_block(groups, seed=seed)
  count = Counter(
    language
    for group in groups
    if group.kind == "parallel"
    for language in group.rows
  )
  chosen = sorted(
    row
    for group in groups
    for language, row in group.rows.items()
    if group.kind == "native" or count[language] >= least
  )
  return _of_rows(name, corpus, np.array(chosen, np.int64))


def development(
  corpus: sources.Corpus,
  rows: np.ndarray,
  *,
  name: str,
  languages: Sequence[str],
) -> task.Task:
  """All of `rows` (a mask) in `languages`; questions of a block are a cluster.

  Raises:
    ValueError: no row has a query.
  """
  asked = [i for i, x in enumerate(corpus.languages) if x in languages]
  rows = rows & np.isin(corpus.language_row, asked)
  return _of_rows(name, corpus, np.flatnonzero(rows))


def write(folder: pathlib.Path, made: task.Task) -> None:
  """The task as the three files that `retrieval.tasks.jsonl` reads."""
  folder.mkdir(parents=True)
  queries = _records(
    made.query_ids,
    [made.languages[x] for x in made.query_language],
    made.query_texts,
    group=made.query_group,
    cluster=made.query_cluster,
  )
  candidates = _records(
    made.candidate_ids,
    [made.languages[x] for x in made.candidate_language],
    made.candidate_texts,
    group=made.candidate_group,
  )
  qrels = [
    f"{query}\t{made.candidate_ids[c]}\t1"
    for query, relevant in zip(made.query_ids, made.relevant, strict=True)
    for c in relevant.tolist()
    if c >= 0
  ]
  for name, records in (("queries", queries), ("candidates", candidates)):
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    _write_lines(folder / f"{name}.jsonl", lines)
  _write_lines(folder / "qrels.tsv", qrels)


def _of_rows(name, corpus, rows):
  made = pairs.from_rows(
    name,
    languages=corpus.languages,
    ids=[corpus.ids[row] for row in rows],
    groups=[corpus.groups[g] for g in corpus.group_row[rows]],
    language_row=corpus.language_row[rows],
    queries=[corpus.texts[q] if q >= 0 else "" for q in corpus.query_row[rows]],
    passages=[corpus.texts[p] for p in corpus.passage_row[rows]],
  )
  block_of = {corpus.ids[row]: corpus.block_row[row] for row in rows}
  clusters = [corpus.blocks[block_of[query]] for query in made.query_ids]
  return dataclasses.replace(made, query_cluster=tuple(clusters))


def _records(ids, languages, texts, **fields):
  columns = {"id": ids, "lang": languages, "text": texts, **fields}
  columns = {key: column for key, column in columns.items() if column}
  return [
    dict(zip(columns, values, strict=True))
    for values in zip(*columns.values(), strict=True)
  ]


def _write_lines(path, lines):
  path.write_text("\n".join(lines) + "\n", encoding="utf-8")
