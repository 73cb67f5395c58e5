"""The tokens of a corpus: each text once for each side it stands on."""

import dataclasses
import pathlib

import numpy as np

from hybridret_jax.data import corpus_table, identity, tokenizer


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
  corpus: corpus_table.Corpus,
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


def identities(tokens: PairTokens) -> identity.Identities:
  """Texts of a side are one where the encoder is given the same ids."""
  queries = int(tokens.query_of_row.max(initial=-1)) + 1
  stored = len(tokens.lengths)
  number = np.full(stored + 1, -1, np.int32)
  number[:queries] = _numbers(tokens, 0, queries)
  number[queries:stored] = _numbers(tokens, queries, stored)
  return identity.Identities(  # -1 finds the last, -1.
    query_of_row=number[tokens.query_of_row],
    passage_of_row=number[tokens.passage_of_row],
    passage_of_text=number[tokens.passage_of_text],
  )


def of_rows(
  tokens: PairTokens, corpus: corpus_table.Corpus, rows: np.ndarray
) -> PairTokens:
  """The tokens of some rows of the corpus that was encoded.

  Args:
    tokens: of the whole corpus.
    corpus: those rows, selected from it.
    rows: their indices in it.
  """
  used = np.zeros(len(tokens.lengths), bool)
  query_of_row = tokens.query_of_row[rows]
  passage_of_row = tokens.passage_of_row[rows]
  used[query_of_row[query_of_row >= 0]] = True
  used[passage_of_row] = True
  used[tokens.passage_of_text[corpus.negative_values]] = True
  kept = np.flatnonzero(used)
  number = np.full(len(used) + 1, -1, np.int32)
  number[kept] = np.arange(len(kept))
  lengths = tokens.lengths[kept]
  offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
  shift = np.repeat(tokens.offsets[kept] - offsets[:-1], lengths)
  return dataclasses.replace(
    tokens,
    ids=tokens.ids[np.arange(offsets[-1]) + shift],
    offsets=offsets,
    query_of_row=number[query_of_row],
    passage_of_row=number[passage_of_row],
    passage_of_text=number[tokens.passage_of_text],
  )


def _numbers(tokens, first, last):
  """A number for each of these stored texts, equal where the ids are."""
  data = np.ascontiguousarray(tokens.ids, "<i4").tobytes()
  ends = (tokens.offsets[first : last + 1] * 4).tolist()
  seen: dict[bytes, int] = {}
  return np.fromiter(
    (
      seen.setdefault(data[start:end], len(seen))
      for start, end in zip(ends[:-1], ends[1:], strict=True)
    ),
    np.int32,
    count=last - first,
  )
