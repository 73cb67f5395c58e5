"""How long texts are, and what is lost of them where they are cut."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hybridret_jax.data import corpus_table, cuts, pair_tokens, tokenizer

SIDES = ("query", "passage", "negative")
QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
# Where bars of the histogram end, in lengths of the cut; the last has no end.
BARS = (0.25, 0.5, 0.75, 1.0, 2.0, 4.0, 8.0)


def uncut(
  corpus: corpus_table.Corpus,
  tokens: pair_tokens.PairTokens,
  text_tokenizer: tokenizer.Tokenizer,
  *,
  prefixes: Mapping[str, str],
  longest: Mapping[str, int],
) -> np.ndarray:
  """Tokens that each stored text would have without a cut, int64 [texts].

  Args:
    corpus: whose texts these are.
    tokens: of it, as they are cut.
    text_tokenizer: that made them.
    prefixes: put before texts, by "query" and "passage".
    longest: tokens that they are cut at, likewise.
  """
  text_of = np.full(len(tokens.lengths), -1, np.int64)
  asks = corpus.query_row >= 0
  text_of[tokens.query_of_row[asks]] = corpus.query_row[asks]
  passages = np.concatenate([corpus.passage_row, corpus.negative_values])
  text_of[tokens.passage_of_text[passages]] = passages
  is_query = np.zeros(len(text_of), bool)
  is_query[tokens.query_of_row[asks]] = True
  lengths = tokens.lengths.astype(np.int64)
  for side, mask in (("query", is_query), ("passage", ~is_query)):
    # Shorter ones were not cut.
    full = np.flatnonzero(mask & (lengths >= longest[side]) & (text_of >= 0))
    lengths[full] = cuts.whole_lengths(
      text_tokenizer,
      [corpus.texts[x] for x in text_of[full].tolist()],
      prefix=prefixes[side],
    )
  return lengths


def by_source(
  corpus: corpus_table.Corpus,
  tokens: pair_tokens.PairTokens,
  uncut_lengths: np.ndarray,
  *,
  longest: Mapping[str, int],
) -> list[dict[str, Any]]:
  """Lengths of the texts of each source and side, and what the cut costs.

  A text counts once in its source and side; tokens include the prefix and
  special ones.

  Args:
    corpus: the rows.
    tokens: of it, as they are cut.
    uncut_lengths: what `uncut` returned.
    longest: as `uncut` takes it.

  Returns:
    Where there are texts: `source`, `side` (of `SIDES`), `texts`, `cut_at`,
    `quantiles`, `histogram` (up to how many tokens, None being no end, and how
    many texts), `tokens`, `cut_texts`, `cut_share`, `lost_tokens`,
    `lost_share`.
  """
  naming = np.repeat(corpus.source_row, corpus.negative_counts)
  stored = {
    "query": (corpus.source_row, tokens.query_of_row),
    "passage": (corpus.source_row, tokens.passage_of_row),
    "negative": (naming, tokens.passage_of_text[corpus.negative_values]),
  }
  found = []
  for number, source in enumerate(corpus.sources):
    for side in SIDES:
      source_of, text_of = stored[side]
      texts = np.unique(text_of[(source_of == number) & (text_of >= 0)])
      if len(texts):
        cut_at = longest["query" if side == "query" else "passage"]
        figures = _figures(uncut_lengths[texts], tokens.lengths[texts], cut_at)
        found.append({"source": source, "side": side, **figures})
  return found


def _figures(whole, kept, cut_at) -> dict[str, Any]:
  ends = [int(np.ceil(cut_at * share)) for share in BARS]
  places = np.searchsorted(ends, whole)  # The first end that is not below it.
  counts = np.bincount(places, minlength=len(ends) + 1).tolist()
  values = np.quantile(whole, QUANTILES, method="inverted_cdf")
  cut, lost = int((whole > kept).sum()), int((whole - kept).sum())
  return {
    "texts": len(whole),
    "cut_at": cut_at,
    "quantiles": {
      f"{share:g}": int(value)
      for share, value in zip(QUANTILES, values, strict=True)
    },
    "histogram": [
      [end, count] for end, count in zip([*ends, None], counts, strict=True)
    ],
    "tokens": int(whole.sum()),
    "cut_texts": cut,
    "cut_share": cut / len(whole),
    "lost_tokens": lost,
    "lost_share": lost / int(whole.sum()),
  }
