"""What a mixture asks for, and what batches of it realise.

Shape letters: B pairs of a batch, L languages, P directions (a language with
itself, or an ordered pair), S sources.
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


def mean_alpha(
  first: int, last: int, *, start: float, end: float | None, steps: int
) -> float:
  """The mean of `alpha` over steps `first` to `last`, in one formula."""
  if end is None:
    return start
  moving = range(first, min(last + 1, max(steps, first)))
  ramp = (moving[0] + moving[-1]) / 2 * len(moving) / steps if moving else 0.0
  count = last + 1 - first
  return start + (end - start) * (ramp + count - len(moving)) / count


def factors(
  weights: Sequence[str], codes: Sequence[str], pairs_PL: np.ndarray
) -> np.ndarray:
  """What the weight of each direction is multiplied by, float64 [P].

  Args:
    weights: as of `named`.
    codes: canonical tags of the corpus's languages.
    pairs_PL: query and passage language of each direction, [P, 2].

  Raises:
    Fault: as `named`.
  """
  asked = named(weights, codes)
  pairs = [(codes[int(q)], codes[int(p)]) for q, p in pairs_PL]
  return np.array([asked.get(pair, 1.0) for pair in pairs], np.float64)


def named(
  weights: Sequence[str], codes: Sequence[str]
) -> dict[tuple[str, str], float]:
  """The weight of each (query language, passage language) that has one.

  Args:
    weights: `LANGUAGE=NUMBER` of monolingual pairs, `QUERY:PASSAGE=NUMBER` of
      cross-lingual ones; 1 for what is not named.
    codes: canonical tags of the corpus's languages.

  Raises:
    Fault: a weight is misshapen, names an unknown language or stands twice.
  """
  asked: dict[tuple[str, str], float] = {}
  for text in weights:
    ends, sign, number = str(text).partition("=")
    tags = [languages.canonical(tag) for tag in ends.split(":")]
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
      raise faults.Fault(_PLACE, f"{ends!r} stands twice", "keep one")
    asked[key] = weight
  return asked


class Tally:
  """Counts what batches were composed of, over all steps so far.

  `counts` of a run that stops are what `go_on` takes in the one that goes on.
  """

  def __init__(self, corpus: corpus_table.Corpus):
    """Has seen no batch; `corpus` is what batches are composed of."""
    self._corpus = corpus
    self._kinds: collections.Counter[str] = collections.Counter()
    size = len(corpus.languages)
    self._pairs_LL = np.zeros((size, size), np.int64)
    self._pairs_S = np.zeros(len(corpus.sources), np.int64)

  @property
  def steps(self) -> int:
    """How many batches were counted."""
    return self._kinds.total()

  def add(
    self, kind: str, query_row_B: np.ndarray, passage_row_B: np.ndarray
  ) -> None:
    """Counts a batch by its kind and the rows of its pairs."""
    self._kinds[kind] += 1
    language = self._corpus.language_row
    np.add.at(
      self._pairs_LL, (language[query_row_B], language[passage_row_B]), 1
    )
    np.add.at(self._pairs_S, self._corpus.source_row[query_row_B], 1)

  def add_plans(self, plans: Iterable) -> None:
    """Counts batches by their plans, `composer.Plan`s."""
    for plan in plans:
      self.add(plan.kind, plan.query_row, plan.passage_row)

  def counts(self) -> dict[str, dict[str, int]]:
    """Batches by kind, and pairs by direction and by source, where any are."""
    codes = self._corpus.languages
    return {
      "kind": dict(self._kinds),
      "direction": {
        direction(codes[q], codes[p]): int(self._pairs_LL[q, p])
        for q, p in np.argwhere(self._pairs_LL).tolist()
      },
      "source": {
        name: int(count)
        for name, count in zip(self._corpus.sources, self._pairs_S, strict=True)
        if count
      },
    }

  def go_on(self, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Takes the counts of earlier steps for its own."""
    codes, names = self._corpus.languages, self._corpus.sources
    self._kinds = collections.Counter(counts["kind"])
    self._pairs_LL[:] = 0
    for name, count in counts["direction"].items():
      ends = name.split(":")
      self._pairs_LL[codes.index(ends[0]), codes.index(ends[-1])] = count
    self._pairs_S[:] = [counts["source"].get(name, 0) for name in names]

  def shares(self) -> dict[str, dict[str, float]]:
    """Shares of kinds among batches, and of the rest among pairs.

    Returns:
      `kind`; `language`, of both sides of the pairs; `direction` ("de" or
      "de:en"); and `source`, of the row that gives the query.
    """
    found = {
      what: {name: n / max(sum(of.values()), 1) for name, n in of.items()}
      for what, of in self.counts().items()
    }
    return with_languages(found)


def with_languages(
  shares: Mapping[str, Mapping[str, float]],
) -> dict[str, dict[str, float]]:
  """The shares with those of `language`: each side of a pair is half a pair."""
  of: dict[str, float] = {}
  for name, share in shares["direction"].items():
    ends = name.split(":")
    for end in ends:
      of[end] = of.get(end, 0.0) + share / len(ends)
  order = ("kind", "language", "direction", "source")
  every = {**shares, "language": of}
  return {what: dict(every[what]) for what in order}


def realised(
  plans: Iterable, corpus: corpus_table.Corpus
) -> dict[str, dict[str, float]]:
  """What `Tally.shares` has of plans, `composer.Plan`s."""
  tally = Tally(corpus)
  tally.add_plans(plans)
  return tally.shares()


def furthest(
  asked: Mapping[str, Mapping[str, float]],
  found: Mapping[str, Mapping[str, float]],
) -> dict[str, float]:
  """Of each kind of share how far one is from what was asked, at most."""
  return {
    what: max(
      (
        abs(found[what].get(name, 0.0) - shares.get(name, 0.0))
        for name in {*shares, *found[what]}
      ),
      default=0.0,
    )
    for what, shares in asked.items()
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
