"""BEIR's and MS MARCO's folders as rows: a query with what answers it."""

import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hybridret_jax.ground import faults, judged_files, languages, reading

Row = tuple[reading.Place, dict[str, Any]]


def rows(
  folder: pathlib.Path,
  options: Mapping[str, str],
  wanted: languages.Wanted,
  skip: Callable[[str, int], None],
  split: str,
) -> Iterator[Row] | None:
  """The rows of a folder with BEIR's or MS MARCO's files; None of another.

  A row is a query and a passage that answers it, in each language that has
  both: they are translations of one another. All rows of a query stand in one
  block. Passages that are judged not to answer it, or that triples put beside
  it, are its hard negatives. Triples of a split count before its judgements.

  Raises:
    Fault: naming the file and line of what cannot be used.
  """
  files = judged_files.find(folder)
  return None if files is None else _rows(files, options, wanted, skip, split)


def _rows(files, options, wanted, skip, split) -> Iterator[Row]:
  split = options.get("split", split)
  by_triples = files.split("triples", split) if files.triples else None
  by_grade = None if by_triples else files.split("qrels", split)
  if not by_triples and not by_grade:
    raise faults.Fault(
      files.folder,
      "it has neither judgements (qrels) nor triples",
      f"add qrels/{split}.tsv, or triples.{split}.tsv",
    )
  texts = []
  for paths in (files.queries, files.passages):
    found, left = judged_files.texts(
      paths,
      constant=options.get("lang", ""),
      asked=wanted.asked,
      known=wanted.known,
      split=split,
    )
    texts.append(found)
    for why, number in left.items():
      skip(why, number)
  answers = (
    _of_triples(by_triples) if by_triples else _of_grades(by_grade, skip)
  )
  name = options.get("name", files.folder.resolve().name)
  yield from _texts(answers, texts[0], texts[1], name, skip)


def _texts(answers, queries, passages, name, skip) -> Iterator[Row]:
  """A row of each language that has the query and the passage."""
  for (query, passage), (place, others) in answers.items():
    there = False
    for language in sorted(queries):
      asks = queries[language].get(query)
      told = passages.get(language, {})
      if asks is None or passage not in told:
        continue
      there = True
      negatives = [told[other] for other in others if other in told]
      yield (
        place,
        {
          "id": f"{name}:{query}:{passage}:{language}",
          "group": f"{name}:{query}:{passage}",
          "block": f"{name}:{query}",
          "lang": language,
          "query": asks,
          "passage": told[passage],
          # Two ids may have one text.
          "negatives": [
            x for x in dict.fromkeys(negatives) if x != told[passage]
          ],
        },
      )
    if not there:
      skip("judgements of a query or a passage that no language has", 1)


def _of_triples(path):
  """The place and the other passages of each (query, passage)."""
  found: dict[tuple[str, str], tuple[reading.Place, dict[str, None]]] = {}
  for place, query, passage, other in judged_files.triples(path):
    found.setdefault((query, passage), (place, {}))[1][other] = None
  return found


def _of_grades(path, skip):
  found: dict[tuple[str, str], reading.Place] = {}
  others: dict[str, dict[str, None]] = {}
  for place, query, passage, grade in judged_files.judgements(path):
    if grade > 0:
      found[query, passage] = place
    else:
      others.setdefault(query, {})[passage] = None
  alone = others.keys() - {query for query, _ in found}
  if alone:
    skip("queries that nothing answers", len(alone))
  return {
    (query, passage): (place, others.get(query, {}))
    for (query, passage), place in found.items()
  }
