"""What a corpus holds, counted for people who look before they train.

Shape letters: T texts, L languages.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hybridret_jax.data import composer as composers
from hybridret_jax.data import corpus_table

_QUANTILES = (0.05, 0.5, 0.95, 1.0)
BINS = 24


def counts(corpus: corpus_table.Corpus) -> list[dict[str, Any]]:
  """Rows, groups, queries and hard negatives by source and language."""
  negatives = np.diff(corpus.negative_offsets)
  found = []
  for source, name in enumerate(corpus.sources):
    for language, tag in enumerate(corpus.languages):
      rows = np.flatnonzero(
        (corpus.source_row == source) & (corpus.language_row == language)
      )
      if len(rows):
        found.append(
          {
            "source": name,
            "language": tag,
            "rows": len(rows),
            "groups": len(np.unique(corpus.group_row[rows])),
            "queries": int((corpus.query_row[rows] >= 0).sum()),
            "negatives": int(negatives[rows].sum()),
          }
        )
  return found


def available(corpus: corpus_table.Corpus) -> list[list[int]]:
  """Groups with a query in one language and a passage in another, [L, L].

  On the diagonal: rows with a query of their own, which make monolingual pairs.
  """
  count = len(corpus.languages)
  passage_GL = np.zeros((len(corpus.groups), count), bool)
  passage_GL[corpus.group_row, corpus.language_row] = True
  has = corpus.query_row >= 0
  query_GL = np.zeros_like(passage_GL)
  query_GL[corpus.group_row[has], corpus.language_row[has]] = True
  found = query_GL.astype(np.int64).T @ passage_GL.astype(np.int64)
  np.fill_diagonal(
    found, np.bincount(corpus.language_row[has], minlength=count)
  )
  return found.tolist()


def drawn(
  plans: Iterable[composers.Plan], corpus: corpus_table.Corpus
) -> list[list[int]]:
  """Pairs of composed batches by query and passage language, [L, L]."""
  count = len(corpus.languages)
  found = np.zeros((count, count), np.int64)
  for plan in plans:
    np.add.at(found, (plan.query_language, plan.passage_language), 1)
  return found.tolist()


def lengths(tokens_T: np.ndarray, most: int) -> dict[str, Any]:
  """What cutting texts of these lengths costs.

  Args:
    tokens_T: of each text whole, int [T].
    most: that a text is cut to.

  Returns:
    `texts`, `quantiles` (5, 50, 95 %, the longest), `cut` (share of texts that
    are), `lost` (share of tokens that go), `bins` (texts by length, in equal
    steps up to the 99 % quantile or the cut, the last with all above) and
    `step` (tokens of a bin).
  """
  tokens_T = np.asarray(tokens_T, np.int64)
  if not len(tokens_T):
    return {"texts": 0, "most": most}
  kept = np.minimum(tokens_T, most)
  top = max(int(np.quantile(tokens_T, 0.99)), most)
  step = -(-top // BINS)
  at = np.minimum(tokens_T // step, BINS - 1)
  return {
    "texts": len(tokens_T),
    "most": most,
    "quantiles": [int(np.quantile(tokens_T, q)) for q in _QUANTILES],
    "cut": float((tokens_T > most).mean()),
    "lost": float(1 - kept.sum() / max(tokens_T.sum(), 1)),
    "bins": np.bincount(at, minlength=BINS).tolist(),
    "step": step,
  }


def sampled(texts: Sequence[int], number: int, seed: int) -> np.ndarray:
  """At most so many of some texts, drawn without replacement, in order."""
  unique = np.unique(np.asarray(texts, np.int64))
  unique = unique[unique >= 0]
  if len(unique) <= number:
    return unique
  return np.sort(np.random.default_rng(seed).choice(unique, number, False))


def examples(
  corpus: corpus_table.Corpus, *, number: int, seed: int
) -> list[dict[str, Any]]:
  """Rows of each language, drawn."""
  found = []
  for language in range(len(corpus.languages)):
    rows = np.flatnonzero(corpus.language_row == language)
    found += [
      _row(corpus, int(row)) for row in sampled(rows.tolist(), number, seed)
    ]
  return found


def batch(
  plan: composers.Plan, corpus: corpus_table.Corpus, *, pairs: int
) -> dict[str, Any]:
  """A composed batch as texts: its kind and its first pairs."""
  shown = []
  for number in range(min(pairs, len(plan.group))):
    query, passage = (
      int(plan.query_row[number]),
      int(plan.passage_row[number]),
    )
    shown.append(
      {
        "query_language": corpus.languages[plan.query_language[number]],
        "passage_language": corpus.languages[plan.passage_language[number]],
        "source": corpus.sources[corpus.source_row[passage]],
        "id": corpus.ids[passage],
        "query": corpus.texts[corpus.query_row[query]],
        "passage": corpus.texts[corpus.passage_row[passage]],
        "negatives": int((plan.negative_text[number] >= 0).sum()),
      }
    )
  return {"kind": plan.kind, "pairs": len(plan.group), "shown": shown}


def _row(corpus, row) -> dict[str, Any]:
  query = int(corpus.query_row[row])
  return {
    "language": corpus.languages[corpus.language_row[row]],
    "source": corpus.sources[corpus.source_row[row]],
    "id": corpus.ids[row],
    "group": corpus.groups[corpus.group_row[row]],
    "query": corpus.texts[query] if query >= 0 else "",
    "passage": corpus.texts[corpus.passage_row[row]],
  }
