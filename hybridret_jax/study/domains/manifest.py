"""Counts what a study's data holds, for readers and for checks."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from hybridret_jax.data import matching, pair_index, sources
from hybridret_jax.retrieval.tasks import task


def of_parallel(
  corpus: sources.Corpus, groups: Sequence[matching.Group]
) -> dict[str, Any]:
  """`counts` of a matched set, kinds of its queries, and lengths of texts."""
  rows = np.array([row for group in groups for row in group.rows.values()])
  return {
    "by_kind": dict(sorted(Counter(group.kind for group in groups).items())),
    **counts(corpus, rows),
    "characters": characters(corpus, rows),
  }


def of_matches(
  wanted: Sequence[matching.Group], found: Sequence[matching.Group]
) -> dict[str, Any]:
  """Which group was matched with which, and how unlike their lengths are."""
  matches = list(zip(wanted, found, strict=True))
  distances = [matching.distance(*match) for match in matches]
  return {
    "mean_distance": round(float(np.mean(distances)), 4),
    "largest_distance": round(max(distances), 4),
    "matches": {group.name: match.name for group, match in matches},
  }


def counts(corpus: sources.Corpus, rows: np.ndarray) -> dict[str, Any]:
  """Rows, groups, blocks, and what each language and ordered pair has.

  `monolingual_blocks` bounds a monolingual batch of a language: distinct
  blocks with a row that is a pair by itself. `by_pair` counts pairs of a query
  in one language and a passage in another.
  """
  chosen = sources.select(corpus, rows)
  index = pair_index.build(
    chosen, source_weights=np.ones(len(chosen.sources)), negatives=0
  )
  one, two = (
    pools(index, len(chosen.sources))
    for pools in (pair_index.monolingual, pair_index.cross_lingual)
  )
  names = chosen.languages
  return {
    "rows": len(chosen),
    "groups": len(index.group_I),
    "blocks": len(np.unique(chosen.block_row)),
    "by_language": _by(chosen.language_row, names),
    "by_source": _by(chosen.source_row, chosen.sources),
    "monolingual_blocks": {
      names[query]: count
      for query, count in zip(
        one.query_language_P,
        pair_index.distinct_blocks(index, one).tolist(),
        strict=True,
      )
      if count
    },
    "by_pair": {
      f"{names[query]}-{names[passage]}": size
      for query, passage, size in zip(
        two.query_language_P,
        two.passage_language_P,
        two.size_PS.sum(1).tolist(),
        strict=True,
      )
      if size
    },
  }


def characters(corpus: sources.Corpus, rows: np.ndarray) -> dict[str, Any]:
  """Median and mean characters of queries and passages in each language."""
  found = {}
  for index, language in enumerate(corpus.languages):
    own = rows[corpus.language_row[rows] == index]
    if not len(own):
      continue
    found[language] = {}
    for side in ("query", "passage"):
      texts = getattr(corpus, f"{side}_row")[own]
      lengths = [len(corpus.texts[text]) for text in texts if text >= 0]
      found[language][side] = {
        "median": float(np.median(lengths)),
        "mean": round(float(np.mean(lengths)), 1),
      }
  return found


def of_task(made: task.Task) -> dict[str, Any]:
  """Queries, candidates and scored queries of each direction of a task."""
  language_N = made.candidate_language
  pairs = Counter()
  for query, relevant in zip(made.query_language, made.relevant, strict=True):
    pairs.update(
      (int(query), x)
      for x in np.unique(language_N[relevant[relevant >= 0]]).tolist()
    )
  names = made.languages
  return {
    "queries": made.num_queries,
    "candidates": made.num_candidates,
    "clusters": len(set(made.query_cluster or ())),
    "queries_by_language": _by(made.query_language, names),
    "candidates_by_language": _by(language_N, names),
    "queries_by_direction": {
      f"{names[query]}-{names[candidate]}": count
      for (query, candidate), count in sorted(pairs.items())
    },
  }


def _by(column, names):
  count = np.bincount(column, minlength=len(names)).tolist()
  return {name: n for name, n in zip(names, count, strict=True) if n}
