"""What a mixture asks for, and what batches of it realise.

Shape letters: P directions (a language with itself, or an ordered pair).
"""

import collections
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from hybridret_jax.data import corpus_table
from hybridret_jax.ground import faults, languages

_PLACE = "batches.direction_weights"


def alpha(step: int, *, start: float, end: float | None, steps: int) -> float:
  """The share of monolingual batches at a step.

  From `start` in a line to `end`, which it has from step `steps` on; constant
  without an `end`.
  """
  if end is None:
    return start
  done = min(step / steps, 1.0) if steps else 1.0
  return start + (end - start) * done


def factors(
  weights: Sequence[str], codes: Sequence[str], pairs_PL: np.ndarray
) -> np.ndarray:
  """What the weight of each direction is multiplied by, float64 [P].

  Args:
    weights: `LANGUAGE=NUMBER` of monolingual pairs, `QUERY:PASSAGE=NUMBER` of
      cross-lingual ones; 1 for what is not named.
    codes: canonical tags of the corpus's languages.
    pairs_PL: query and passage language of each direction, [P, 2].

  Raises:
    Fault: a weight is misshapen, names an unknown language or stands twice.
  """
  asked: dict[tuple[str, str], float] = {}
  for text in weights:
    named, sign, number = str(text).partition("=")
    tags = [languages.canonical(tag) for tag in named.split(":")]
    try:
      weight = float(number)
    except ValueError:
      weight = -1.0
    if not sign or len(tags) > 2 or not 0 <= weight < float("inf"):
      raise faults.Fault(
        _PLACE,
        f"{text!r} is no weight",
        "write LANGUAGE=NUMBER or QUERY:PASSAGE=NUMBER, of 0 or more",
      )
    unknown = [tag for tag in tags if tag not in codes]
    if unknown:
      raise faults.Fault(
        _PLACE,
        f"{text!r} names a language that is not trained on",
        f"there are {', '.join(codes)}",
      )
    key = (str(tags[0]), str(tags[-1]))
    if key in asked:
      raise faults.Fault(_PLACE, f"{named!r} stands twice", "keep one")
    asked[key] = weight
  named_pairs = [(codes[int(q)], codes[int(p)]) for q, p in pairs_PL]
  return np.array([asked.get(pair, 1.0) for pair in named_pairs], np.float64)


def realised(
  plans: Iterable, corpus: corpus_table.Corpus
) -> dict[str, dict[str, float]]:
  """Shares of kinds among batches, and of the rest among pairs.

  Returns:
    `kind`, `direction` ("de" or "de:en") and `source` (of the query's row),
    each with the share of what there was.
  """
  found = {x: collections.Counter() for x in ("kind", "direction", "source")}
  for plan in plans:
    found["kind"][plan.kind] += 1
    pairs = zip(
      plan.query_language.tolist(), plan.passage_language.tolist(), strict=True
    )
    found["direction"].update(
      direction(corpus.languages[q], corpus.languages[p]) for q, p in pairs
    )
    sources = corpus.source_row[plan.query_row].tolist()
    found["source"].update(corpus.sources[source] for source in sources)
  return {
    what: {name: n / max(counts.total(), 1) for name, n in counts.items()}
    for what, counts in found.items()
  }


def direction(query: str, passage: str) -> str:
  """What a direction is called: `de` of one language, `de:en` of two."""
  return query if query == passage else f"{query}:{passage}"


def told(
  asked: Mapping[str, Mapping[str, float]],
  found: Mapping[str, Mapping[str, float]],
) -> list[str]:
  """A line for each share: what was asked beside what was realised."""
  lines = []
  for what, shares in asked.items():
    for name in sorted({*shares, *found[what]}):
      wanted, had = shares.get(name, 0.0), found[what].get(name, 0.0)
      lines.append(f"{what} {name}: {had:.4f} (asked {wanted:.4f})")
  return lines
