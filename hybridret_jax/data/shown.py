"""Rows and batches as texts, for people who look before they train."""

import collections
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hybridret_jax.data import code_switching, corpus_table, mixture

NEGATIVES = 2  # Of a row, at most.
# Characters of what is seen (two parts of so many, where it is longer) and of
# what is lost.
_SEEN, _LOST = 1000, 300
# (side, texts) -> `parts` of each.
Cut = Callable[[str, Sequence[str]], list[dict[str, Any]]]


def parts(text: str, kept: tuple[int, int]) -> dict[str, Any]:
  """What the encoder sees of a text, and what stands around that.

  Args:
    text: the whole.
    kept: where what is seen begins and ends, as `cuts.kept` says.

  Returns:
    `before` and `after`, which are lost, `seen`, and `left_out`: characters
    of any of them that are too many to be shown.
  """
  start, end = kept
  seen, before, after = text[start:end], text[:start], text[end:]
  if len(seen) > 2 * _SEEN:
    seen = f"{seen[:_SEEN]} […] {seen[-_SEEN:]}"
  left_out = max(end - start - 2 * _SEEN, 0)
  left_out += sum(max(len(x) - _LOST, 0) for x in (before, after))
  return {
    "before": before[-_LOST:],
    "seen": seen,
    "after": after[:_LOST],
    "left_out": left_out,
  }


def examples(
  corpus: corpus_table.Corpus, cut: Cut, *, seed: int, number: int
) -> dict[str, list[dict[str, Any]]]:
  """Rows of each language, up to `number` of each source, drawn by the seed.

  Of a row: `id`, `source`, `group`, `query` (None where it has none),
  `passage`, some `negatives`, and `all_negatives`, how many there are. What is
  drawn of a language and source does not depend on others.
  """
  found: dict[str, list[dict[str, Any]]] = {}
  for place, tag in enumerate(corpus.languages):
    found[tag] = []
    for source in range(len(corpus.sources)):
      rows = np.flatnonzero(
        (corpus.language_row == place) & (corpus.source_row == source)
      )
      rng = np.random.default_rng((seed, place, source))
      drawn = rng.permutation(len(rows))[:number]
      found[tag] += [_row(corpus, cut, int(x)) for x in np.sort(rows[drawn])]
  return found


def _row(corpus, cut, row) -> dict[str, Any]:
  start, end = corpus.negative_offsets[row : row + 2].tolist()
  negatives = corpus.negative_values[start : min(end, start + NEGATIVES)]
  query = int(corpus.query_row[row])
  passages = [int(corpus.passage_row[row]), *negatives.tolist()]
  shown = cut("passage", [corpus.texts[x] for x in passages])
  return {
    "id": corpus.ids[row],
    "source": corpus.sources[corpus.source_row[row]],
    "group": corpus.groups[corpus.group_row[row]],
    "query": None if query < 0 else cut("query", [corpus.texts[query]])[0],
    "passage": shown[0],
    "negatives": shown[1:],
    "all_negatives": end - start,
  }


def batch(
  plan,
  corpus: corpus_table.Corpus,
  cut: Cut,
  *,
  step: int,
  number: int,
  switched: Sequence[code_switching.Switched] = (),
) -> dict[str, Any]:
  """A composed batch: what it is made of, and its first `number` pairs.

  Args:
    plan: a `composer.Plan`.
    corpus: what it was composed of.
    cut: texts of a side, in parts.
    step: its number, from 0.
    number: of pairs whose texts are shown.
    switched: texts of the batch that were code-switched.

  Returns:
    `step` (from 1), `kind`, `pairs`, how many pairs are of each of
    `directions` and `sources`, how many texts are `switched`, and `rows`.
  """
  codes, names = corpus.languages, corpus.sources
  directions = collections.Counter(
    mixture.direction(codes[q], codes[p])
    for q, p in zip(
      plan.query_language.tolist(), plan.passage_language.tolist(), strict=True
    )
  )
  of = corpus.source_row[plan.query_row].tolist()
  changed = code_switching.changed(switched)
  became = {(one.side, one.place): one.text for one in changed}
  return {
    "step": step + 1,
    "kind": plan.kind,
    "pairs": len(plan.query_row),
    "directions": dict(sorted(directions.items())),
    "sources": dict(sorted(collections.Counter(names[x] for x in of).items())),
    "switched": len(changed),
    "rows": [
      _pair(plan, corpus, cut, became, b)
      for b in range(min(number, len(plan.query_row)))
    ],
  }


def _pair(plan, corpus, cut, became, b) -> dict[str, Any]:
  size, width = plan.negative_text.shape
  query, passage = int(plan.query_row[b]), int(plan.passage_row[b])
  other = int(plan.parallel_row[b])
  texts = corpus.texts
  # Places of texts on their side, as `code_switching.Switched` counts them.
  first = size + b * width
  passages = [became.get(("passage", b), texts[corpus.passage_row[passage]])]
  passages += [
    became.get(("passage", first + k), texts[text])
    for k, text in enumerate(plan.negative_text[b, :NEGATIVES].tolist())
  ]
  queries = [became.get(("query", b), texts[corpus.query_row[query]])]
  if other >= 0:
    parallel = texts[corpus.query_row[other]]
    queries.append(became.get(("query", size + b), parallel))
  shown_queries, shown = cut("query", queries), cut("passage", passages)
  return {
    "query_id": corpus.ids[query],
    "passage_id": corpus.ids[passage],
    "query_language": corpus.languages[corpus.language_row[query]],
    "passage_language": corpus.languages[corpus.language_row[passage]],
    "source": corpus.sources[corpus.source_row[query]],
    "query": shown_queries[0],
    "passage": shown[0],
    "negatives": shown[1:],
    "parallel": shown_queries[1] if other >= 0 else None,
  }
