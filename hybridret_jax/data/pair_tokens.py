"""The tokens of a corpus: each text once for each side it stands on."""

import dataclasses
import pathlib

import numpy as np

from hybridret_jax.data import sources, tokenizer


@dataclasses.dataclass(frozen=True)
class PairTokens:
  """Tokens of queries and passages in one store.

  Attributes:
    ids: all tokens in one line.
    offsets: text i is `ids[offsets[i]:offsets[i + 1]]`.
    query_of_row: the stored text of each corpus row's query; -1 where empty.
    passage_of_row: the stored text of each corpus row's passage.
    passage_of_text: the stored passage of each corpus text; -1 where it is
      never one (hard negatives are found by it).
    pad_id: token of padding.
    cut: {"query", "passage"}: texts cut at their maximum length.
  """

  ids: np.ndarray
  offsets: np.ndarray
  query_of_row: np.ndarray
  passage_of_row: np.ndarray
  passage_of_text: np.ndarray
  pad_id: int
  cut: dict[str, int]

  @property
  def lengths(self) -> np.ndarray:
    """Tokens of each stored text, special ones included."""
    return np.diff(self.offsets)


def encode(
  corpus: sources.Corpus,
  text_tokenizer: tokenizer.Tokenizer,
  *,
  query_prefix: str,
  passage_prefix: str,
  query_length: int,
  passage_length: int,
  cache: pathlib.Path | None = None,
) -> PairTokens:
  """Tokenises the texts of a corpus, or finds them in the cache.

  Args:
    corpus: the training corpus.
    text_tokenizer: of the model.
    query_prefix: put before every query.
    passage_prefix: put before every passage.
    query_length: tokens a query is cut at, special ones included.
    passage_length: the same of a passage.
    cache: folder of the cache.
  """
  used_queries = np.unique(corpus.query_row[corpus.query_row >= 0])
  used_passages = np.unique(
    np.concatenate([corpus.passage_row, corpus.negative_values])
  )
  queries = text_tokenizer.encode(
    [corpus.texts[i] for i in used_queries],
    prefix=query_prefix,
    max_length=query_length,
    cache=cache,
  )
  passages = text_tokenizer.encode(
    [corpus.texts[i] for i in used_passages],
    prefix=passage_prefix,
    max_length=passage_length,
    cache=cache,
  )
  query_of_text = np.full(len(corpus.texts) + 1, -1, np.int32)
  query_of_text[used_queries] = np.arange(len(used_queries))
  passage_of_text = np.full(len(corpus.texts), -1, np.int32)
  passage_of_text[used_passages] = len(used_queries) + np.arange(
    len(used_passages)
  )
  return PairTokens(
    ids=np.concatenate([queries.ids, passages.ids]),
    offsets=np.concatenate(
      [queries.offsets, passages.offsets[1:] + queries.offsets[-1]]
    ),
    query_of_row=query_of_text[corpus.query_row],  # -1 finds the last, -1.
    passage_of_row=passage_of_text[corpus.passage_row],
    passage_of_text=passage_of_text,
    pad_id=text_tokenizer.pad_id,
    cut={"query": queries.cut, "passage": passages.cut},
  )
