"""Vectors that training texts are drawn to, made of the start's own."""

import dataclasses
import pathlib
from typing import Any

import ml_collections
import numpy as np

from hybridret_jax.assembly import encoding, judging
from hybridret_jax.data import sources
from hybridret_jax.training import distillation


@dataclasses.dataclass(frozen=True)
class Targets:
  """A unit vector for the query and the passage of each row of a corpus.

  Attributes:
    query: [rows, D], float32; zero where a row has no query.
    passage: [rows, D].
  """

  query: np.ndarray
  passage: np.ndarray


def make(
  config: ml_collections.ConfigDict,
  corpus: sources.Corpus,
  encode_texts: encoding.TextEncoder,
  params: Any,
  *,
  cache: pathlib.Path | None,
) -> Targets:
  """Encodes a corpus as training sees it and makes targets of its vectors.

  Args:
    config: the whole config, settled.
    corpus: the rows that are trained on.
    encode_texts: of the run; texts are cut as in training.
    params: of the start.
    cache: folder where its vectors are kept.
  """
  lengths = {
    side: config.data[f"{side}_length"] for side in encode_texts.max_lengths
  }
  encode_texts = dataclasses.replace(encode_texts, max_lengths=lengths)
  found = {}
  for side, text_r in (
    ("query", corpus.query_row),
    ("passage", corpus.passage_row),
  ):
    used = np.unique(text_r[text_r >= 0])
    shards = judging.kept_vectors(
      [corpus.texts[text] for text in used.tolist()],
      encode_texts,
      params,
      side=side,
      cache=cache,
      name=f"{side} targets",
    )
    z_ND = np.concatenate(list(shards))
    there = np.flatnonzero(text_r >= 0)
    y_rD = np.zeros((len(corpus), z_ND.shape[1]), np.float32)
    y_rD[there] = distillation.targets(
      z_ND[np.searchsorted(used, text_r[there])],
      corpus.language_row[there],
      corpus.group_row[there],
      kind=config.distillation.targets,
      group_share=config.distillation.group_share,
    )
    found[side] = y_rD
  return Targets(**found)
