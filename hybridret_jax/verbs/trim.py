"""A model's vocabulary cut to what texts use, as a folder of its own."""

import dataclasses
import logging
import os
import pathlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from hybridret_jax import retriever as retrievers
from hybridret_jax.assembly import places
from hybridret_jax.data import tokenizer as tokenizers
from hybridret_jax.data import vocabulary
from hybridret_jax.ground import faults
from hybridret_jax.retrieval import corpora

Path = str | os.PathLike
_LOG = logging.getLogger(__name__)
_COMPARED = 512  # Texts whose vectors are compared.
_AGREEMENT = 1e-6  # Of each number of a vector.


def trim(
  retriever: retrievers.Retriever,
  texts: Iterable[str],
  folder: pathlib.Path,
) -> dict[str, Any]:
  """Writes a model with the tokens that texts use, and no others.

  Every text has the same tokens as before, which is checked of all, and the
  same vector, which is checked of 512. Other texts of these languages are still
  read, in smaller pieces where theirs are gone.

  Args:
    retriever: the model.
    texts: a sequence, or what begins anew each time; queries and passages.
    folder: where it is written; missing or empty.

  Returns:
    `texts`; `tokens` and `parameters`, each "before" and "after".

  Raises:
    Fault: the folder is not free, or the tokenizer cannot be cut.
    ValueError: a text has other tokens or another vector.
  """
  places.free(folder)
  before = retriever.tokenizer
  prefixes = list(retriever.prefixes.values())
  if next(iter(texts), None) is None:
    raise faults.Fault(
      "the corpus", "has no text to keep", "give texts of the languages of use"
    )
  made = vocabulary.cut(before, *vocabulary.used(before, texts, prefixes))
  with tempfile.TemporaryDirectory() as aside:
    place = pathlib.Path(aside)
    vocabulary.write(made, before, place)
    after = tokenizers.load(
      place,
      lower_case=before.lower_case,
      types=before.types,
      second_type=before.second_type,
    )
    after = dataclasses.replace(after, pad_side=before.pad_side)
    count = vocabulary.check(before, after, made.kept, texts, prefixes)
    cut = retriever.with_vocabulary(after, made.kept)
  _compare(retriever, cut, texts, count)
  cut.save(folder)
  found = {
    "texts": count,
    "tokens": {"before": before.vocab_size, "after": after.vocab_size},
    "parameters": {
      "before": retriever.num_parameters,
      "after": cut.num_parameters,
    },
  }
  _LOG.info(
    "%s: %d of %d tokens, %.1fM of %.1fM parameters; %d texts have the same"
    " tokens, and %d of them were seen to have the same vectors.",
    folder,
    *(found["tokens"][x] for x in ("after", "before")),
    *(found["parameters"][x] / 1e6 for x in ("after", "before")),
    count,
    min(count, _COMPARED),
  )
  return found


def _compare(one, other, texts, count) -> None:
  """Raises a ValueError if a text of some has another vector."""
  every = max(count // _COMPARED, 1)
  some = [text for i, text in enumerate(texts) if i % every == 0][:_COMPARED]
  for encode in ("encode_queries", "encode_passages"):
    a, b = (getattr(x, encode)(some) for x in (one, other))
    apart = float(np.abs(a - b).max())
    if not apart <= _AGREEMENT:
      raise ValueError(
        f"a text has another vector after cutting ({apart:.1e} apart); please"
        " report it"
      )


class Texts:
  """The texts of files, one after the other, from the beginning each time.

  Attributes:
    read: the files.
  """

  def __init__(self, corpus: Sequence[Path], languages: Sequence[str] = ()):
    """Finds the files.

    Args:
      corpus: .jsonl(.gz) or .parquet files, or BEIR's folders.
      languages: whose records are read, by their field `lang`; empty is all.

    Raises:
      Fault: a file is not there, or of another kind.
    """
    self.read = [corpora.Corpus(one, languages=languages) for one in corpus]

  def __iter__(self) -> Iterator[str]:
    for corpus in self.read:
      for _, text in corpus:
        yield text
