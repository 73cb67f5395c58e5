"""Decides which rows make batch t: a pure function of the seed and t."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from hybridret_jax.data import draws, mixture, pair_index, sources
from hybridret_jax.data import feasibility as checks

STRATEGIES = ("monolingual", "cross_lingual", "hybrid", "mixed")
PAIRS = ("per_row", "per_batch")
WEIGHTINGS = ("uniform", "size")


@dataclasses.dataclass(frozen=True)
class Plan:
  """The pairs of one global batch, in order; B pairs, K hard negatives each."""

  kind: str  # "monolingual", "cross_lingual" or "mixed"
  query_row: np.ndarray  # int32 [B], row of the corpus that gives the query
  passage_row: np.ndarray  # int32 [B], row that gives the passage
  query_language: np.ndarray  # int32 [B], index in the corpus's languages
  passage_language: np.ndarray  # int32 [B]
  group: np.ndarray  # int32 [B], index in the corpus's groups
  negative_text: np.ndarray  # int32 [B, K], index in the corpus's texts
  # int32 [B], row that gives a second query, in another language; -1 for none.
  parallel_row: np.ndarray


class Infeasible(ValueError):
  """Batches that cannot be composed; `problems` names each with its mend."""

  def __init__(self, problems: list[str]):
    super().__init__("\n".join(["batches cannot be composed:", *problems]))
    self.problems = problems


class Composer:
  """Plans batches of a corpus.

  The kind of a batch: `strategy` itself, or for "hybrid" a coin: with
  probability `alpha` monolingual, else cross-lingual. With `alpha_end` that
  moves in a line from `alpha` at step 0 to `alpha_end` at `alpha_steps`.

  The directions: a monolingual batch has one language; a "mixed" one draws a
  language for each row; a cross-lingual one an ordered pair of languages for
  each row, or one for the batch (`pairs` "per_row", "per_batch"). Each is
  drawn uniformly among those that have data, or in proportion to the number
  of their pairs (`language_weighting` "uniform", "size"; of the latter the
  power `language_exponent`), times their `direction_weights`.

  The pair: its source is drawn in proportion to weight * size^size_exponent,
  where size is what the source has in the direction, then the group uniformly.
  If its block is in the batch, another group of that source is drawn; only if
  the source has none left another source, and then another direction.

  With `views_per_group` v above 1 a "mixed" batch and a cross-lingual one with
  pairs per row hold each group in up to v rows, of distinct query and distinct
  passage languages; the first is drawn as above. Monolingual batches, and those
  of one pair, do not change.

  `negatives` hard negatives are drawn without replacement from those of the row
  that gives the query; rows with fewer give no query.

  With `parallel_share` a pair carries with that probability a second query: the
  one that its group has in another language, drawn uniformly among the corpus's
  languages in which it has one; a group that has none carries none. The rest of
  a batch is the same for every share.

  Raises:
    Infeasible: the settings or the corpus cannot fill the batches; lists every
      problem with its mend.
  """

  def __init__(
    self,
    corpus: sources.Corpus,
    *,
    strategy: str,
    batch_size: int,
    alpha: float = 0.5,
    pairs: str = "per_row",
    language_weighting: str = "uniform",
    size_exponent: float = 1.0,
    source_weights: Sequence[float] = (),
    views_per_group: int = 1,
    negatives: int = 0,
    parallel_share: float = 0.0,
    alpha_end: float | None = None,
    alpha_steps: int = 0,
    language_exponent: float = 1.0,
    direction_weights: Sequence[str] = (),
  ):
    """Takes the corpus and how its batches are to be.

    Args:
      corpus: rows to train on.
      strategy: "monolingual", "cross_lingual", "hybrid" (the one or the other)
        or "mixed" (pairs drawn one by one).
      batch_size: pairs of a batch, over all devices.
      alpha: probability that a hybrid batch is monolingual.
      pairs: languages of a cross-lingual batch: drawn "per_row", or one pair
        "per_batch".
      language_weighting: whether languages, or pairs of them, are drawn
        "uniform", or by the "size" of what they have.
      size_exponent: power of its size with which a source is drawn.
      source_weights: one a source; empty means 1 each.
      views_per_group: pairs that a group gives to one batch.
      negatives: hard negatives of each query.
      parallel_share: share of pairs that carry their query in another language
        too, for loss.alignment_weight.
      alpha_end: what alpha becomes; None keeps it.
      alpha_steps: the step from which it is that.
      language_exponent: power of its size with which a language or pair is
        drawn, where language_weighting is "size".
      direction_weights: factors of languages ("de=2") and of ordered pairs
        ("de:en=0.5"); 1 for what is not named, 0 for what is not drawn.
    """
    self.strategy = strategy
    self.batch_size = batch_size
    self.alpha = alpha
    self.pairs = pairs
    self.language_weighting = language_weighting
    self.size_exponent = size_exponent
    self.views_per_group = views_per_group
    self.negatives = negatives
    self.parallel_share = parallel_share
    self.alpha_end = alpha_end
    self.alpha_steps = alpha_steps
    self.language_exponent = language_exponent
    self.direction_weights = tuple(direction_weights)
    self._corpus = corpus
    problems = self._prepare(source_weights)
    if problems:
      raise Infeasible([*problems, *corpus.notes])

  def plan(self, seed: int, step: int) -> Plan:
    """Batch `step`, the same on every host and after any restart.

    Takes the same time for every step; has no state, so threads may share it.
    """
    key = np.array([seed, step], np.uint64)
    rng = np.random.Generator(np.random.Philox(key=key))
    kind = self.strategy
    if kind == "hybrid":
      mono = rng.random() < self.alpha_at(step)
      kind = "monolingual" if mono else "cross_lingual"
    draw, size = self._draws[kind], self.batch_size
    one_pair = kind == "cross_lingual" and self.pairs == "per_batch"
    if self.views_per_group > 1 and not one_pair and kind != "monolingual":
      item, query_language, passage_language = draws.views(
        rng,
        draw,
        batch_size=size,
        views_per_group=self.views_per_group,
        able_IL=self._able(kind),
      )
    else:
      fixed = one_pair or kind == "monolingual"
      direction = draws.directions(rng, draw, 1 if fixed else size)
      direction = np.broadcast_to(direction, size)
      item, direction = draws.items(
        rng, draw, direction, taken=set(), fixed=fixed
      )
      query_language = draw.pools.query_language_P[direction]
      passage_language = draw.pools.passage_language_P[direction]
    query_row = self._index.row_IL[item, query_language]
    return Plan(
      kind=kind,
      query_row=query_row,
      passage_row=self._index.row_IL[item, passage_language],
      query_language=query_language,
      passage_language=passage_language,
      group=self._index.group_I[item],
      negative_text=self._negative_texts(rng, query_row),
      # Drawn last, so that nothing else depends on the share.
      parallel_row=self._parallel_rows(rng, item, query_language),
    )

  def alpha_at(self, step: int) -> float:
    """The probability that hybrid batch `step` is monolingual."""
    return mixture.alpha(
      step, start=self.alpha, end=self.alpha_end, steps=self.alpha_steps
    )

  def asked(self, first: int, last: int) -> dict[str, dict[str, float]]:
    """The shares that steps `first` to `last` are asked to have.

    As `mixture.realised` has them. Blocks that run out move the latter, and
    so do views, whose languages after the first are drawn uniformly.
    """
    kinds = dict.fromkeys(self._draws, 1.0)
    if self.strategy == "hybrid":
      alpha = mixture.mean_alpha(
        first,
        last,
        start=self.alpha,
        end=self.alpha_end,
        steps=self.alpha_steps,
      )
      kinds = {"monolingual": alpha, "cross_lingual": 1 - alpha}
    codes, corpus = self._corpus.languages, self._corpus
    found = {"kind": {k: s for k, s in kinds.items() if s}}
    found |= {"direction": {}, "source": {}}
    for kind, share in found["kind"].items():
      draw = self._draws[kind]
      for p, weight in enumerate(draw.weight_P.tolist()):
        name = mixture.direction(
          codes[draw.pools.query_language_P[p]],
          codes[draw.pools.passage_language_P[p]],
        )
        of = found["direction"]
        of[name] = of.get(name, 0.0) + share * weight
      for name, part in zip(
        corpus.sources, draw.weight_P @ draw.weight_PS, strict=True
      ):
        of = found["source"]
        of[name] = of.get(name, 0.0) + share * float(part)
    return mixture.with_languages(found)

  @property
  def corpus(self) -> sources.Corpus:
    """What batches are composed of."""
    return self._corpus

  @property
  def unserved(self) -> list[str]:
    """Asked shares that no batch can have in full, a sentence each."""
    pools = [draw.pools for draw in self._draws.values()]
    found = [
      *self._foreign,
      *checks.unserved_sources(self._corpus, pools, self._source_weights),
    ]
    for kind, draw in self._draws.items():
      one_pair = kind == "cross_lingual" and self.pairs == "per_batch"
      if kind != "monolingual" and not one_pair and self.views_per_group == 1:
        found += checks.run_out(
          self._corpus, draw, kind=kind, batch_size=self.batch_size
        )
    return found

  @property
  def left_out(self) -> dict[str, int]:
    """What no batch can hold, by reason: rows, and ordered language pairs."""
    few = self._corpus.negative_counts < self.negatives
    counts = {f"rows with fewer than {self.negatives} negatives": few.sum()}
    if "cross_lingual" in self._draws:
      empty = self._draws["cross_lingual"].pools.size_PS.sum(1) == 0
      counts["ordered language pairs without data"] = empty.sum()
    return {reason: int(count) for reason, count in counts.items() if count}

  def _prepare(self, source_weights):
    """Builds the index; every problem that was found."""
    end = (self.alpha_end, 0, 1)
    problems = checks.settings(
      choices={
        "strategy": (self.strategy, STRATEGIES),
        "pairs": (self.pairs, PAIRS),
        "language_weighting": (self.language_weighting, WEIGHTINGS),
      },
      numbers={
        "batch_size": (self.batch_size, 1, np.inf),
        "alpha": (self.alpha, 0, 1),
        "size_exponent": (self.size_exponent, 0, np.inf),
        "views_per_group": (self.views_per_group, 1, np.inf),
        "negatives": (self.negatives, 0, np.inf),
        "parallel_share": (self.parallel_share, 0, 1),
        "alpha_steps": (self.alpha_steps, 0, np.inf),
        "language_exponent": (self.language_exponent, 0, np.inf),
      }
      | ({} if self.alpha_end is None else {"alpha_end": end}),
    )
    problems += checks.weights(self._corpus, source_weights)
    if problems:
      return problems
    weights = np.array(
      tuple(source_weights) or [1.0] * len(self._corpus.sources), np.float64
    )
    problems = checks.languages(self._corpus)
    problems += checks.hard_negatives(self._corpus, weights, self.negatives)
    if problems:
      return problems
    index = pair_index.build(
      self._corpus, source_weights=weights, negatives=self.negatives
    )
    self._index, self._draws = index, {}
    self._source_weights = weights
    if self.parallel_share:
      problems += checks.parallel_queries(self._corpus, index)
    ends = [self.alpha]
    if self.alpha_end is not None:
      ends = [self.alpha_at(0), self.alpha_end]
    shares = {"monolingual": max(ends), "cross_lingual": 1 - min(ends)}
    if self.strategy != "hybrid":
      shares = {self.strategy: 1}
    pools_of = {}
    for kind, share in shares.items():
      make = pair_index.monolingual
      if kind == "cross_lingual":
        make = pair_index.cross_lingual
      pools_of[kind] = pools = make(index, len(weights))
      if share <= 0:  # Of a hybrid that is all of the other kind.
        continue
      found = self._problems(kind, pools)
      factor_P = None
      if self.direction_weights:
        factor_P, wrong = self._factors(pools)
        found += wrong
      if not found:
        self._draws[kind] = draws.make(
          index,
          pools,
          source_weights=weights,
          size_exponent=self.size_exponent,
          language_weighting=self.language_weighting,
          language_exponent=self.language_exponent,
          factor_P=factor_P,
        )
      problems += found
    if problems:
      return problems
    named = mixture.named(self.direction_weights, self._corpus.languages)
    every = list(pools_of.values())
    self._foreign = checks.foreign_directions(self._corpus, every, named)
    return checks.empty_directions(self._corpus, every, named)

  def _factors(self, pools):
    """What the weight of each direction is multiplied by, and what is wrong."""
    pairs_PL = np.stack(
      [pools.query_language_P, pools.passage_language_P], axis=1
    )
    try:
      factor_P = mixture.factors(
        self.direction_weights, self._corpus.languages, pairs_PL
      )
    except ValueError as error:
      return None, [str(error)]
    if not (factor_P * pools.size_PS.sum(1)).any():
      return None, [
        "batches.direction_weights leave nothing to draw; give one above 0"
      ]
    return factor_P, []

  def _problems(self, kind, pools):
    corpus, index, size = self._corpus, self._index, self.batch_size
    if kind == "monolingual":
      return checks.one_language(corpus, index, pools, size)
    found = checks.without_pairs(corpus, pools, kind)
    if kind == "cross_lingual" and self.pairs == "per_batch":
      return found + checks.one_pair(corpus, index, pools, size)
    views_I = np.minimum(self._able(kind).sum(1), self.views_per_group)
    return found + checks.any_language(
      corpus, index, pools, kind=kind, batch_size=size, views_I=views_I
    )

  def _able(self, kind):
    """Which items may give the query in which language, bool [I, L]."""
    if kind == "cross_lingual":
      return self._index.query_IL
    return self._index.monolingual_IL

  def _negative_texts(self, rng, query_row):
    if not self.negatives:
      return np.zeros((len(query_row), 0), np.int32)
    counts = self._corpus.negative_counts[query_row]
    odds = rng.random((len(query_row), counts.max()))
    odds[np.arange(counts.max()) >= counts[:, None]] = 2  # there is none
    chosen = np.argsort(odds, axis=1)[:, : self.negatives]
    start = self._corpus.negative_offsets[query_row][:, None]
    return self._corpus.negative_values[start + chosen]

  def _parallel_rows(self, rng, item, query_language):
    size = len(item)
    if not self.parallel_share:
      return np.full(size, -1, np.int32)
    is_other_BL = self._index.asks_IL[item]
    is_other_BL[np.arange(size), query_language] = False
    carries = rng.random(size) < self.parallel_share
    odds_BL = np.where(is_other_BL, rng.random(is_other_BL.shape), 2)
    row = self._index.row_IL[item, np.argmin(odds_BL, axis=1)]
    return np.where(carries & is_other_BL.any(1), row, -1).astype(np.int32)


def feasibility(corpus: sources.Corpus, **settings) -> list[str]:
  """Every problem of a `Composer` with these settings, each with its mend."""
  try:
    Composer(corpus, **settings)
  except Infeasible as error:
    return error.problems
  return []
