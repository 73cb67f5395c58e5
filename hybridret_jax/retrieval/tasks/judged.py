"""Reads BEIR's, MS MARCO's and mMARCO's folders: texts and judgements."""

import pathlib
from collections.abc import Sequence

import numpy as np

from hybridret_jax.ground import faults, judged_files
from hybridret_jax.retrieval.tasks import task

_SPLITS = ("test", "dev", "validation")  # The first that is there.


def load(
  folder: str | pathlib.Path,
  *,
  split: str = "",
  lang: str = "",
  known: Sequence[str] = (),
  name: str | None = None,
) -> task.Task:
  """The task of a folder of files as `ground.judged_files` finds them.

  Queries are those that the split judges. Where several languages have a
  passage of one id, as in mMARCO, they are translations: each is relevant for
  the query in any language, and ids are `<language>-<id>`. Relevant passages
  that the query's language lacks are the task's misses.

  Args:
    folder: of BEIR's or MS MARCO's files.
    split: whose judgements; empty takes test, dev or validation, which is
      there first.
    lang: the language of all texts; empty is what records or files' names say,
      or the only one of `known`.
    known: languages that names of files are looked through for.
    name: what the figures are filed under; None takes the folder's name.

  Raises:
    Fault: a file is missing, or a line is misshapen; names file and line.

  Source: Thakur et al., BEIR, arXiv 2104.08663; Bonifacio et al., mMARCO, arXiv
    2108.13897.
  """
  folder = pathlib.Path(folder)
  files = judged_files.find(folder)
  if files is None:
    raise faults.Fault(
      folder,
      "it has neither BEIR's files (corpus.jsonl, queries.jsonl, qrels/) nor MS"
      " MARCO's (collection.tsv, queries.tsv, qrels.tsv)",
      "name a folder that has",
    )
  split = split or next((x for x in _SPLITS if x in files.qrels), _SPLITS[0])
  qrels = files.split("qrels", split)
  if qrels is None:
    raise faults.Fault(folder, "it has no judgements", f"add qrels/{split}.tsv")
  sides, left = [], []
  for paths in (files.queries, files.passages):
    found, why = judged_files.texts(
      paths, constant=lang, asked=None, known=known, split=split
    )
    sides.append(found)
    left += [f"Left out: {number} of {what}." for what, number in why.items()]
  return _task(
    folder,
    name or folder.resolve().name,
    sides[0],
    sides[1],
    list(judged_files.judgements(qrels)),
    (f"Queries of the split {split}.", *left),
  )


def _task(folder, name, queries, passages, judged, notes) -> task.Task:
  codes = tuple(sorted({*queries, *passages}))
  by_query: dict[str, dict[str, int]] = {}
  for one in judged:
    by_query.setdefault(one.query, {})[one.passage] = one.grade
  asked = [
    (language, query)
    for language in codes
    for query in by_query
    if query in queries.get(language, {})
  ]
  unknown = len(by_query.keys() - {query for _, query in asked})
  if unknown:
    notes = (*notes, f"Left out: {unknown} judged queries without a text.")
  pool = [(x, passage) for x in codes for passage in passages.get(x, {})]
  place = {key: index for index, key in enumerate(pool)}
  relevant, grades = task.pad_graded(
    [
      {
        place[x, passage]: grade
        for passage, grade in by_query[query].items()
        for x in codes
        if (x, passage) in place
      }
      for _, query in asked
    ]
  )
  misses = tuple(
    {
      passage: grade
      for passage, grade in by_query[query].items()
      if grade > 0 and (language, passage) not in place
    }
    for language, query in asked
  )
  parallel = len({query for _, query in asked}) < len(asked)
  return task.of_files(
    folder,
    name=name,
    languages=codes,
    query_texts=tuple(queries[x][query] for x, query in asked),
    query_ids=_ids(asked),
    query_language=_column(asked, codes),
    candidate_texts=tuple(passages[x][passage] for x, passage in pool),
    candidate_ids=_ids(pool),
    candidate_language=_column(pool, codes),
    candidate_context=None,
    relevant=relevant,
    grades=grades if grades.max(initial=0) > 1 else None,
    query_group=tuple(query for _, query in asked) if parallel else None,
    candidate_group=tuple(passage for _, passage in pool) if parallel else None,
    misses=misses if any(misses) else None,
    notes=notes,
  )


def _ids(keys: list[tuple[str, str]]) -> tuple[str, ...]:
  if len({identity for _, identity in keys}) == len(keys):
    return tuple(identity for _, identity in keys)
  return tuple(f"{language}-{identity}" for language, identity in keys)


def _column(keys: list[tuple[str, str]], codes: tuple[str, ...]) -> np.ndarray:
  number = {code: index for index, code in enumerate(codes)}
  return np.array([number[language] for language, _ in keys], np.int32)
