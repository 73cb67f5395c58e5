"""Config to batches: corpus, split, tokens, composer and layout."""

import dataclasses
import pathlib

import ml_collections
import numpy as np

from hybridret_jax.assembly import settled
from hybridret_jax.data import (
  batch_texts,
  code_switching,
  composer,
  identity,
  pair_tokens,
  pipeline,
  records,
  sources,
  specs,
  splits,
  tokenizer,
  tokenizer_made,
)
from hybridret_jax.data import lexicons as lexicons_lib
from hybridret_jax.data.corpora import cldr
from hybridret_jax.ground import caching
from hybridret_jax.ground import languages as tags
from hybridret_jax.parallel import hosts
from hybridret_jax.training import checkpoint

CLDR = "cldr:"


@dataclasses.dataclass(frozen=True)
class TrainingData:
  """What training reads.

  Attributes:
    corpus: the rows that are trained on.
    held: the rows of held-out blocks, of training languages; never trained on.
    composer: of the run.
    tokens: of `corpus`.
    labels: of its batches.
    layout: of its batches.
    switched: how their texts are code-switched; None not at all.
  """

  corpus: sources.Corpus
  held: sources.Corpus
  composer: composer.Composer
  tokens: pair_tokens.PairTokens
  labels: identity.Labels
  layout: pipeline.Layout
  switched: batch_texts.SwitchedTokens | None = None


@dataclasses.dataclass(frozen=True)
class Rows:
  """The rows of a config's sources, split, before batches are made of them.

  Attributes:
    corpus: the rows that are trained on.
    held: the rows of held-out blocks.
    tokens: of `corpus`.
    identities: which of its texts are one to the encoder.
  """

  corpus: sources.Corpus
  held: sources.Corpus
  tokens: pair_tokens.PairTokens
  identities: identity.Identities


def cache_folder(config: ml_collections.ConfigDict) -> pathlib.Path:
  """Where tokens, the embedded corpus and compiled programs are kept."""
  return caching.place(str(config.cache))


def languages(config: ml_collections.ConfigDict) -> tuple[str, ...]:
  """The languages that are trained on, as canonical tags.

  Raises:
    Fault: one is no tag, or two are one language.
  """
  return tags.distinct(config.data.languages, "data.languages")


def place(config: ml_collections.ConfigDict, spec: str) -> str:
  """A source or a folder as the config means it, its options as they are.

  A relative path starts at data.folder. `cldr:PART` is a folder of the embedded
  corpus, written if it is not there.
  """
  if spec.startswith(records.QUERIES):
    return records.QUERIES + place(config, spec[len(records.QUERIES) :])
  parsed = specs.parse(spec)
  return str(dataclasses.replace(parsed, place=_placed(config, parsed.place)))


def _placed(config, spec: str) -> str:
  if spec.startswith(CLDR):
    folder = cache_folder(config) / "cldr"
    if hosts.is_first():
      cldr.write(folder)
    hosts.sync("embedded corpus")
    cldr.write(folder)  # Where the disk is not the first process's.
    return str(folder / (spec[len(CLDR) :] or "pairs"))
  if spec.startswith((specs.TFDS, specs.HUB)):
    return spec
  return str(pathlib.Path(config.data.folder).expanduser() / spec)


def path(config: ml_collections.ConfigDict, spec: str) -> pathlib.Path | None:
  """Where a source lies by its path; None of one that goes by a name."""
  spec = specs.parse(spec.removeprefix(records.QUERIES)).place
  if spec.startswith((CLDR, specs.TFDS, specs.HUB)):
    return None
  return pathlib.Path(_placed(config, spec))


def absent(config: ml_collections.ConfigDict) -> list[str]:
  """Files and folders of sources and lexicons that are not on this machine."""
  paths = [path(config, spec) for spec in config.data.sources]
  if config.code_switching.probability:
    for spec in config.code_switching.lexicons:
      name = lexicons_lib.file_of(spec)
      paths.append(pathlib.Path(_placed(config, name)) if name else None)
  return [str(x) for x in paths if x is not None and not x.exists()]


def read(config: ml_collections.ConfigDict) -> sources.Corpus:
  """All rows of a config's sources, those to be held out among them."""
  return sources.read(
    [place(config, spec) for spec in config.data.sources],
    languages=languages(config),
  )


def split(
  config: ml_collections.ConfigDict,
  corpus: sources.Corpus,
  text_tokenizer: tokenizer.Tokenizer | None = None,
) -> tuple[sources.Corpus, sources.Corpus]:
  """The rows to train on and the held-out ones; they share no text.

  Args:
    config: the whole config.
    corpus: all rows.
    text_tokenizer: says which texts are one; without it equal strings are.
  """
  identities = identity.by_text(corpus)
  if text_tokenizer is not None:
    tokens = encode(config, corpus, text_tokenizer)
    identities = pair_tokens.identities(tokens)
    corpus = identity.settle(corpus, identities)
  return _split(config, corpus, identities)[:2]


def make(
  config: ml_collections.ConfigDict,
  corpus: sources.Corpus,
  text_tokenizer: tokenizer.Tokenizer,
  found: lexicons_lib.Lexicons | None = None,
) -> TrainingData:
  """Split, composer, tokens and layout over all rows that were read.

  Args:
    config: the whole config.
    corpus: all rows.
    text_tokenizer: of the model.
    found: `lexicons`, where they are at hand.
  """
  config = settled.of(config)
  found_rows = rows(config, corpus, text_tokenizer)
  corpus, tokens = found_rows.corpus, found_rows.tokens
  composed = composer_on(config, corpus)
  switched = _switched(config, corpus, text_tokenizer, found)
  layout = pipeline.plan_layout(
    composed,
    tokens,
    seed=config.seed,
    apart=not config.model.tied,
    switched=switched,
    **config.packing,
  )
  labels = identity.Labels(corpus, found_rows.identities)
  return TrainingData(
    *(corpus, found_rows.held, composed, tokens, labels, layout, switched)
  )


def rows(
  config: ml_collections.ConfigDict,
  corpus: sources.Corpus,
  text_tokenizer: tokenizer.Tokenizer,
) -> Rows:
  """The rows to train on, out of all that were read, with their tokens."""
  tokens = encode(config, corpus, text_tokenizer)
  identities = pair_tokens.identities(tokens)
  corpus = identity.settle(corpus, identities)
  train, held, kept = _split(config, corpus, identities)
  return Rows(
    corpus=train,
    held=held,
    tokens=pair_tokens.of_rows(tokens, train, kept),
    identities=identity.of_rows(identities, kept),
  )


def lexicons(
  config: ml_collections.ConfigDict,
) -> lexicons_lib.Lexicons | None:
  """The lexicons of a config's code-switching; None where that is off.

  Raises:
    Fault: as `lexicons.read`.
  """
  given = config.code_switching
  if not given.probability:
    return None
  return lexicons_lib.read(
    tuple(given.lexicons),
    into=tags.distinct(given.languages, "code_switching.languages"),
    place=lambda name: pathlib.Path(_placed(config, name)),
  )


def switching(
  config: ml_collections.ConfigDict,
  corpus: sources.Corpus,
  found: lexicons_lib.Lexicons | None = None,
) -> code_switching.Switching | None:
  """Which texts of batches become what; None where nothing is replaced.

  Args:
    config: the whole config.
    corpus: what batches are composed of.
    found: `lexicons`, where they are at hand.
  """
  if not config.code_switching.probability:
    return None
  return code_switching.Switching(
    corpus,
    code_switching.Settings(**config.code_switching),
    found or lexicons(config),  # pyright: ignore[reportArgumentType]
  )


def _switched(config, corpus, text_tokenizer, found):
  made = switching(config, corpus, found)
  if made is None:
    return None

  def encode(side, texts):
    return text_tokenizer.encode(
      texts,
      prefix=config.data[f"{side}_prefix"],
      max_length=config.data[f"{side}_length"],
    )

  special = text_tokenizer.backend.num_special_tokens_to_add(False)
  return batch_texts.SwitchedTokens(
    made,
    encode,
    longest={
      side: config.data[f"{side}_length"]
      for side in config.code_switching.sides
    },
    shortest=max(special, 1),
  )


def composer_of(
  config: ml_collections.ConfigDict,
  corpus: sources.Corpus,
  text_tokenizer: tokenizer.Tokenizer,
) -> composer.Composer:
  """The composer that `make` makes, over all rows that were read."""
  return composer_on(config, split(config, corpus, text_tokenizer)[0])


def composer_on(
  config: ml_collections.ConfigDict, corpus: sources.Corpus
) -> composer.Composer:
  """The composer of a config on the rows to train on.

  Raises:
    Infeasible: they cannot fill its batches.
  """
  return composer.Composer(
    corpus,
    source_weights=tuple(config.data.source_weights),
    **config.batches,
  )


def encode(
  config: ml_collections.ConfigDict,
  corpus: sources.Corpus,
  text_tokenizer: tokenizer.Tokenizer,
) -> pair_tokens.PairTokens:
  """The tokens that a config's training sees of a corpus."""
  config = settled.of(config)
  return pair_tokens.encode(
    corpus,
    text_tokenizer,
    query_prefix=config.data.query_prefix,
    passage_prefix=config.data.passage_prefix,
    query_length=config.data.query_length,
    passage_length=config.data.passage_length,
    cache=cache_folder(config) / "tokens",
  )


def _split(config, corpus, identities):
  """(rows to train on, held-out rows, indices of the former)."""
  is_held = np.zeros(len(corpus), bool)
  if config.validation.share:
    is_held = splits.held_out(
      corpus, share=config.validation.share, seed=config.validation.seed
    )
  rows = np.flatnonzero(~is_held)
  held = sources.select(corpus, np.flatnonzero(is_held))
  train = sources.select(corpus, rows)
  return identity.without_held(train, held, identities), held, rows


def train_tokenizer(
  config: ml_collections.ConfigDict,
  corpus: sources.Corpus,
  folder: pathlib.Path,
) -> pathlib.Path:
  """A tokenizer of the corpus's own texts, trained once into `folder`.

  One that is there is used if it was made so, or if there are checkpoints,
  whose parameters are of its tokens.
  """
  if checkpoint.saved(folder.parent / "checkpoints"):
    return folder
  config = settled.of(config)
  texts = [config.data.query_prefix, config.data.passage_prefix]
  texts = [t for t in texts if t] + list(corpus.texts)
  size = config.model.tokenizer_size
  if not tokenizer_made.is_trained(folder, texts, vocab_size=size):
    tokenizer.train_unigram(texts, vocab_size=size, out=folder)
  return folder
