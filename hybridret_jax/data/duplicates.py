"""Rows that have a text of another group, as it stands or after the cut."""

from typing import Any

import numpy as np

from hybridret_jax.data import corpus_table, identity


def by_source(
  corpus: corpus_table.Corpus, identities: identity.Identities
) -> list[dict[str, Any]]:
  """How many rows of each source have a query or passage of another group.

  Translations of one item stand in one group and count as no duplicates; of
  whichever source the other group is.

  Args:
    corpus: the rows.
    identities: of its texts.

  Returns:
    `source`, `side`, `rows` (with a text on that side), `shared` (rows whose
    text is another group's to the encoder), and `only_to_the_encoder` (those
    of them whose strings are another's nowhere).
  """
  found = []
  for side, of_row, equal in _sides(corpus, identities):
    shared = _is_shared(corpus, of_row)
    only = shared & ~_is_shared(corpus, equal)
    for number, source in enumerate(corpus.sources):
      rows = (corpus.source_row == number) & (of_row >= 0)
      found.append(
        {
          "source": source,
          "side": side,
          "rows": int(rows.sum()),
          "shared": int((rows & shared).sum()),
          "only_to_the_encoder": int((rows & only).sum()),
        }
      )
  return found


def examples(
  corpus: corpus_table.Corpus,
  identities: identity.Identities,
  *,
  number: int,
) -> list[dict[str, Any]]:
  """Up to `number` texts of each side that stand in several groups.

  Of those that only the encoder takes for one where there are any, evenly over
  the rows. Of each two rows: `side`, `ids`, `texts`.
  """
  found = []
  for side, of_row, equal in _sides(corpus, identities):
    shared = _is_shared(corpus, of_row)
    only = shared & ~_is_shared(corpus, equal)
    rows = np.flatnonzero(only if only.any() else shared)
    rows = rows[np.sort(np.unique(of_row[rows], return_index=True)[1])]
    chosen = np.linspace(0, len(rows) - 1, min(number, len(rows)))
    for row in rows[chosen.astype(int)].tolist():
      is_other = corpus.group_row != corpus.group_row[row]
      other = np.flatnonzero(is_other & (of_row == of_row[row]))[0]
      found.append(
        {
          "side": side,
          "ids": [corpus.ids[x] for x in (row, other)],
          "texts": [corpus.texts[equal[x]] for x in (row, other)],
        }
      )
  return found


def _sides(corpus, identities):
  """(side, identity of each row's text, text of each row)."""
  return (
    ("query", identities.query_of_row, corpus.query_row),
    ("passage", identities.passage_of_row, corpus.passage_row),
  )


def _is_shared(corpus, of_row):
  """Rows whose text stands in two groups or more, bool [rows]."""
  pairs = np.unique(np.stack([of_row, corpus.group_row]), axis=1)
  texts, groups = np.unique(pairs[0], return_counts=True)
  return np.isin(of_row, texts[(groups > 1) & (texts >= 0)])
