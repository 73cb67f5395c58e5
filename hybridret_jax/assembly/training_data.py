"""Config to batches: corpus, split, tokens, composer and layout."""

import dataclasses
import pathlib

import ml_collections
import numpy as np

from hybridret_jax.assembly import settled
from hybridret_jax.data import (
  composer,
  pair_tokens,
  pipeline,
  records,
  sources,
  splits,
  tokenizer,
)
from hybridret_jax.data.corpora import cldr
from hybridret_jax.ground import languages as tags
from hybridret_jax.parallel import hosts

CLDR = "cldr:"


@dataclasses.dataclass(frozen=True)
class TrainingData:
  """What training reads.

  Attributes:
    corpus: the rows that are trained on.
    held: the rows of held-out blocks, of training languages; never trained on.
    composer: of the run.
    tokens: of `corpus`.
    layout: of its batches.
  """

  corpus: sources.Corpus
  held: sources.Corpus
  composer: composer.Composer
  tokens: pair_tokens.PairTokens
  layout: pipeline.Layout


def cache_folder(config: ml_collections.ConfigDict) -> pathlib.Path:
  """Where tokens, the embedded corpus and compiled programs are kept."""
  return pathlib.Path(config.cache).expanduser()


def languages(config: ml_collections.ConfigDict) -> tuple[str, ...]:
  """The languages that are trained on, as canonical tags.

  Raises:
    Fault: one is no tag, or two are one language.
  """
  return tags.distinct(config.data.languages, "data.languages")


def place(config: ml_collections.ConfigDict, spec: str) -> str:
  """A data path as the config means it: relative ones start at data.folder.

  `cldr:PART` is a folder of the embedded corpus, written if it is not there.
  """
  if spec.startswith(CLDR):
    folder = cache_folder(config) / "cldr"
    if hosts.is_first():
      cldr.write(folder)
    hosts.sync("embedded corpus")
    cldr.write(folder)  # Where the disk is not the first process's.
    return str(folder / (spec[len(CLDR) :] or "pairs"))
  if spec.startswith("tfds:"):
    return spec
  if spec.startswith(records.QUERIES):
    return records.QUERIES + place(config, spec[len(records.QUERIES) :])
  return str(pathlib.Path(config.data.folder).expanduser() / spec)


def read_corpus(
  config: ml_collections.ConfigDict,
) -> tuple[sources.Corpus, sources.Corpus]:
  """The rows to train on and the held-out ones."""
  corpus = sources.read(
    [place(config, spec) for spec in config.data.sources],
    languages=languages(config),
  )
  share = config.validation.share
  if not share:
    return corpus, sources.select(corpus, np.zeros(0, np.int64))
  held = splits.held_out(corpus, share=share, seed=config.validation.seed)
  return (
    sources.select(corpus, np.flatnonzero(~held)),
    sources.select(corpus, np.flatnonzero(held)),
  )


def make(
  config: ml_collections.ConfigDict,
  corpus: sources.Corpus,
  held: sources.Corpus,
  text_tokenizer: tokenizer.Tokenizer,
) -> TrainingData:
  """Composer, tokens and layout over a corpus that was read."""
  config = settled.of(config)
  composed = composer.Composer(
    corpus,
    source_weights=tuple(config.data.source_weights),
    **config.batches,
  )
  tokens = pair_tokens.encode(
    corpus,
    text_tokenizer,
    query_prefix=config.data.query_prefix,
    passage_prefix=config.data.passage_prefix,
    query_length=config.data.query_length,
    passage_length=config.data.passage_length,
    cache=cache_folder(config) / "tokens",
  )
  layout = pipeline.plan_layout(
    composed,
    tokens,
    seed=config.seed,
    apart=not config.model.tied,
    **config.packing,
  )
  return TrainingData(corpus, held, composed, tokens, layout)


def train_tokenizer(
  config: ml_collections.ConfigDict,
  corpus: sources.Corpus,
  folder: pathlib.Path,
) -> pathlib.Path:
  """A tokenizer of the corpus's own texts, trained once into `folder`."""
  if not (folder / "tokenizer.json").is_file():
    config = settled.of(config)
    texts = [config.data.query_prefix, config.data.passage_prefix]
    tokenizer.train_unigram(
      [t for t in texts if t] + list(corpus.texts),
      vocab_size=config.model.tokenizer_size,
      out=folder,
    )
  return folder
