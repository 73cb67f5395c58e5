"""Makes a retrieval task of question-passage rows, held-out or a source's."""

from collections.abc import Sequence

import numpy as np

from hybridret_jax.retrieval.tasks import task


def from_rows(
  name: str,
  *,
  languages: Sequence[str],
  ids: Sequence[str],
  groups: Sequence[str],
  language_row: np.ndarray,
  queries: Sequence[str],
  passages: Sequence[str],
) -> task.Task:
  """The task in which each row's passage answers its group's queries.

  Candidates are the passages; one that several rows of a language share is
  one candidate, under the first row's id. Relevant for a query are all
  candidates, in any language, that carry a passage of its group. A row with
  an empty query is a candidate only. A query's cluster is its group; so is a
  candidate's group, unless rows of different groups share a passage: then no
  candidate has one.

  Args:
    name: what the figures are filed under.
    languages: codes that `language_row` indexes.
    ids: unique, one per row; so are the next four.
    groups: equal for the translations of an item, distinct in a language.
    language_row: index in `languages`.
    queries: may be empty.
    passages: never empty.

  Raises:
    ValueError: a passage is empty, the columns differ in length, or no row
      has a query.
  """
  language_row = np.asarray(language_row, np.int32)
  columns = (ids, groups, language_row, queries, passages)
  if len({len(column) for column in columns}) != 1:
    raise ValueError(
      f"task {name}: columns of {[len(c) for c in columns]} rows; give each"
      " row an id, group, language, query and passage"
    )
  queries = [query.strip() for query in queries]
  passages = [passage.strip() for passage in passages]
  if "" in passages:
    raise ValueError(
      f"task {name}: row {ids[passages.index('')]!r} has an empty passage;"
      " leave the row out"
    )
  asked = [row for row, query in enumerate(queries) if query]
  if not asked:
    raise ValueError(
      f"task {name}: none of its {len(queries)} rows has a query; hold out"
      " rows with a query"
    )
  first: dict[tuple[int, str], int] = {}  # (language, text) -> its first row
  for row in np.argsort(language_row, kind="stable").tolist():
    first.setdefault((int(language_row[row]), passages[row]), row)
  candidate_of = {key: index for index, key in enumerate(first)}
  in_group: dict[str, set[int]] = {}
  for row, group in enumerate(groups):
    key = (int(language_row[row]), passages[row])
    in_group.setdefault(group, set()).add(candidate_of[key])
  kept = list(first.values())
  own = sum(len(candidates) for candidates in in_group.values()) == len(kept)
  return task.Task(
    name=name,
    languages=tuple(languages),
    query_texts=tuple(queries[row] for row in asked),
    query_ids=tuple(ids[row] for row in asked),
    query_language=language_row[asked],
    candidate_texts=tuple(passages[row] for row in kept),
    candidate_ids=tuple(ids[row] for row in kept),
    candidate_language=language_row[kept],
    candidate_context=None,
    relevant=task.pad_relevant([list(in_group[groups[r]]) for r in asked]),
    query_cluster=tuple(groups[row] for row in asked),
    query_group=tuple(groups[row] for row in asked),
    candidate_group=tuple(groups[r] for r in kept) if own else None,
  )


def from_source(
  name: str,
  *,
  languages: Sequence[str],
  ids: Sequence[str],
  groups: Sequence[str],
  blocks: Sequence[str],
  language_row: np.ndarray,
  queries: Sequence[str],
  passages: Sequence[str],
  negatives: Sequence[Sequence[str]],
  notes: Sequence[str] = (),
) -> task.Task:
  """The task of all rows of a source, whose queries may stand in many rows.

  As `from_rows`, but queries of one language with one text are one query, under
  the first row's id, for which the passages of all their groups are relevant;
  and hard negatives are candidates of their row's language. A query's cluster
  is its block; its group is known where no two queries of a language share one.

  Args:
    name: what the figures are filed under.
    languages: codes that `language_row` indexes.
    ids: unique, one per row; so are the next seven.
    groups: equal for the translations of an item.
    blocks: equal for groups that share text.
    language_row: index in `languages`.
    queries: may be empty.
    passages: never empty.
    negatives: of each row.
    notes: of the task.

  Raises:
    ValueError: no row has a query.
  """
  first: dict[tuple[int, str], str] = {}  # (language, text) -> its id
  for row in sorted(range(len(ids)), key=lambda row: language_row[row]):
    language = int(language_row[row])
    first.setdefault((language, passages[row]), ids[row])
    for number, other in enumerate(negatives[row], start=1):
      first.setdefault((language, other), f"{ids[row]}:negative:{number}")
  place = {key: index for index, key in enumerate(first)}
  in_group: dict[str, set[int]] = {}
  asked: dict[tuple[int, str], list[int]] = {}
  for row, group in enumerate(groups):
    language = int(language_row[row])
    in_group.setdefault(group, set()).add(place[language, passages[row]])
    if queries[row]:
      asked.setdefault((language, queries[row]), []).append(row)
  if not asked:
    raise ValueError(
      f"task {name}: none of its {len(ids)} rows has a query; name another"
      " source"
    )
  firsts = [rows[0] for rows in asked.values()]
  known = {(language_row[row], groups[row]) for row in firsts}
  return task.Task(
    name=name,
    languages=tuple(languages),
    query_texts=tuple(text for _, text in asked),
    query_ids=tuple(ids[row] for row in firsts),
    query_language=np.array([language for language, _ in asked], np.int32),
    candidate_texts=tuple(text for _, text in first),
    candidate_ids=tuple(first.values()),
    candidate_language=np.array([language for language, _ in first], np.int32),
    candidate_context=None,
    relevant=task.pad_relevant(
      [
        list(set().union(*(in_group[groups[row]] for row in rows)))
        for rows in asked.values()
      ]
    ),
    query_cluster=tuple(blocks[row] for row in firsts),
    query_group=tuple(groups[row] for row in firsts)
    if len(known) == len(firsts)
    else None,
    notes=tuple(notes),
  )
