"""A retriever: texts to unit vectors, from a run, a folder or the hub."""

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from hybridret_jax import defaults
from hybridret_jax import run as runs
from hybridret_jax.assembly import (
  carding,
  corpus_encoding,
  encoding,
  exported,
  judging,
  model,
  mteb_encoder,
  own_settings,
  places,
  probes,
  settled,
)
from hybridret_jax.data import pair_tokens, sources
from hybridret_jax.data import tokenizer as tokenizers
from hybridret_jax.ground import faults, languages, writing
from hybridret_jax.parallel import hosts
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.retrieval import store

DTYPES = ("float32", "bfloat16")


class Retriever(mteb_encoder.Encoder):
  """Embeds queries and passages, and can be saved as a Hugging Face folder.

  Made by `load`. Texts are cut, prefixed, packed and encoded on all devices;
  equal ones once. The dot product of two vectors is their score.
  `mteb.evaluate` takes a retriever as it is.

  Attributes:
    prefixes: put before a text, by side, "query" and "passage".
    lengths: tokens a text is cut at, by side, prefix and special ones included.
    dimension: of the vectors.
    languages: that it was trained on, as BCP 47 tags; empty if that is not
      known.
    name: of the run, the folder or the hub's model.
    step: of a run's checkpoint, otherwise None.
    notes: on what it was made from, a sentence each.
  """

  def __init__(
    self,
    config: ml_collections.ConfigDict,
    made: model.Model,
    params: Any,
    encode_texts: encoding.TextEncoder,
    *,
    languages: Sequence[str] = (),
    workdir: pathlib.Path | None = None,
    step: int | None = None,
    adapters: Any = None,
  ):
    """Puts together what `load` and `of_run` have made."""
    self.prefixes = dict(made.prefixes)
    self.lengths = dict(made.lengths)
    self.dimension = made.module.dimension
    self.languages = tuple(languages)
    self.name = workdir.name if workdir else _name(config.model.init)
    self.step = step
    self.notes = made.notes
    self._config, self._made, self._params = config, made, params
    self._adapters = adapters
    self._encode_texts, self._workdir = encode_texts, workdir

  @classmethod
  def load(
    cls,
    path: str | os.PathLike,
    *,
    dtype: str = "float32",
    cache: str = "",
    revision: str | None = None,
  ) -> Self:
    """The retriever that lies in a folder, or on the hub.

    A run's folder gives its best checkpoint. Any other folder is what it says
    of itself: an export, a sentence-transformers or a plain Hugging Face one.
    Of a plain one that says nothing, the mean of the tokens is taken and
    "query: " and "passage: " are put before texts.

    Args:
      path: a folder, or a hub id.
      dtype: that the encoder computes in: "float32", or "bfloat16", which is
        faster where devices have it. Vectors are float32 all the same.
      cache: folder of cached tokens; empty caches none.
      revision: branch, tag or commit of a hub id; None is its main branch.

    Raises:
      Fault: a folder, a file or a statement in it that cannot be used.
    """
    if dtype not in DTYPES:
      raise faults.Fault(
        "dtype", f"{dtype!r} is unknown", f"use one of {', '.join(DTYPES)}"
      )
    place = pathlib.Path(path).expanduser()
    if revision and place.is_dir():
      raise faults.Fault(
        "revision",
        f"{revision!r} is given, but {path} is a folder here",
        "leave it out, or give OWNER/NAME",
      )
    config = defaults.get_config()
    if places.is_run(place):
      config = own_settings.recorded(config, place)
      run = runs.Run(_computing_in(dtype, config), place)
      run.check_inputs(corpus=False, weights=bool(run.config.model.start_share))
      return cls.of_run(run, cache=cache)
    config = _computing_in(dtype, config)
    with config.unlocked():
      config.model.init = os.fspath(path)
      config.model.revision = revision
    config = settled.of(config)
    mesh = meshes.make()
    made = model.make(config)
    params = jax.device_put(made.start(seed=0), meshes.replicated(mesh))
    return cls(
      config,
      made,
      params,
      _encoder(judging.encoder(config, made, mesh), cache),
      languages=places.languages_of(place),
    )

  @classmethod
  def of_run(cls, run: runs.Run, *, cache: str = "") -> Self:
    """The best checkpoint of a run.

    Args:
      run: whose.
      cache: as in `load`.

    Raises:
      ValueError: it has none.
    """
    params, step = run.parameters(runs.TRAINED)
    return cls(
      run.config,
      run.model,
      params,
      _encoder(run.encode_texts, cache),
      languages=languages.distinct(run.config.data.languages, "data.languages"),
      workdir=run.workdir,
      step=step,
      adapters=run.adapters() if run.config.export.adapter else None,
    )

  @functools.cached_property
  def fingerprint(self) -> str:
    """The SHA-256 of what the vectors of both sides follow from."""
    made = [
      corpus_encoding.fingerprint(self._encode_texts, self._params, side)
      for side in ("query", "passage")
    ]
    text = json.dumps(made, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()

  def tokens(self, corpus: sources.Corpus) -> pair_tokens.PairTokens:
    """What this retriever sees of a corpus's queries and passages."""
    return pair_tokens.encode(
      corpus,
      self._made.tokenizer,
      query_prefix=self.prefixes["query"],
      passage_prefix=self.prefixes["passage"],
      query_length=self.lengths["query"],
      passage_length=self.lengths["passage"],
    )

  def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
    """Unit vectors q_ND, float32, in the order of the texts."""
    return self._encode(texts, "query")

  def encode_passages(
    self, texts: Sequence[str], *, contexts: Sequence[str] | None = None
  ) -> np.ndarray:
    """Unit vectors p_ND, float32, in the order of the texts.

    Args:
      texts: to embed.
      contexts: a second segment of each, such as the paragraph of a sentence.
    """
    return self._encode(texts, "passage", contexts)

  def _encode(self, texts, side, contexts=None) -> np.ndarray:
    if isinstance(texts, str):
      raise TypeError("one text was given; give a list of texts")
    for text in texts:
      if not isinstance(text, str):
        raise TypeError(f"{text!r} is no text; give a list of texts")
    if not len(texts):
      return np.zeros((0, self.dimension), np.float32)
    return self._encode_texts(self._params, texts, side, contexts=contexts)

  def encode_into(
    self,
    texts: Iterable[str],
    folder: str | os.PathLike,
    *,
    side: str = "passage",
    dtype: str = "float32",
    shard_size: int = 8192,
  ) -> store.Store:
    """Encodes many texts into a store on disk, going on where one stopped.

    Args:
      texts: a sequence, or a stream that begins anew each time.
      folder: of the store (`retrieval.store`).
      side: "query" or "passage".
      dtype: of its files: "float32" or "float16".
      shard_size: texts of a shard: the most that a killed run encodes again.

    Raises:
      ValueError: the folder holds vectors of something else.
    """
    # The vectors are kept, so the tokens need not be.
    encode_texts = dataclasses.replace(self._encode_texts, cache=None)
    return corpus_encoding.encode(
      texts,
      encode_texts,
      self._params,
      folder,
      side=side,
      fingerprint=corpus_encoding.fingerprint(encode_texts, self._params, side),
      shard_size=shard_size,
      dtype=dtype,
    )

  def save(self, folder: str | os.PathLike) -> pathlib.Path:
    """Writes a Hugging Face folder, once it agrees with this retriever.

    It is written aside, loaded back with nothing but what it says itself
    (through sentence-transformers too, where that is installed), compared on
    texts in 11 languages, and only then appears under its name.

    Args:
      folder: one that is missing or empty.

    Returns:
      The folder.

    Raises:
      Fault: something lies there.
      ValueError: what was loaded back gives other vectors.
    """
    return self.write(lambda: places.free(pathlib.Path(folder)))

  def write(self, place: Callable[[], pathlib.Path]) -> pathlib.Path:
    """As `save`, to `place()`, which raises where it may not be written.

    It is asked before the work and after it: somebody may have put something
    there meanwhile.
    """
    target = place()
    longest = max(self.lengths.values())
    asked = probes.make(self._made.tokenizer, longest)
    expected = probes.embed(self._encode_texts, self._params, asked)
    params, adapters = hosts.whole((self._params, self._adapters))
    if hosts.is_first():
      with writing.replacing_folder(target) as folder:
        exported.write(self._made, params, folder)
        if adapters is not None:
          exported.write_adapters(self._made, adapters, folder, self._config)
        exported.check(folder, self._config, asked, expected)
        card = self._card()
        for tower in exported.towers(folder).values():
          writing.show(tower / "README.md", card)
        places.mark(folder, step=self.step, languages=list(self.languages))
        place()
    # JAX's shutdown waits minutes only, and the others are there already.
    hosts.sync("exported")
    return target

  @property
  def tokenizer(self) -> tokenizers.Tokenizer:
    """What makes tokens of texts."""
    return self._made.tokenizer

  @property
  def num_parameters(self) -> int:
    """Numbers that it has learnt, of all towers, without rows of padding."""
    shape = self._made.module.encoder
    rows = (shape.table_size - shape.vocab_size) * shape.hidden_size
    total = sum(leaf.size for leaf in jax.tree.leaves(self._params))
    return total - rows * len(self._params)

  def truncated(self, width: int) -> Self:
    """This retriever with the first numbers of its vectors alone.

    Args:
      width: how many; at most `dimension`.

    Raises:
      Fault: there are not so many.
    """
    if not 0 < width <= self.dimension:
      what = f"{width} is not in 1…{self.dimension}"
      raise faults.Fault("the width", what, "give what a vector has, or less")
    module = self._made.module.clone(truncate_dim=width)
    made = dataclasses.replace(self._made, module=module)
    return self._made_as(made, self._params, self._adapters)

  def with_vocabulary(
    self, tokenizer: tokenizers.Tokenizer, kept: np.ndarray
  ) -> Self:
    """This retriever with a part of its tokens.

    Args:
      tokenizer: of these tokens.
      kept: int [tokens], the old id of each.

    Raises:
      Fault: positions count from the padding token's id, and it is another.
    """
    made = self._made
    shape = made.module.encoder
    if shape.position_offset and tokenizer.pad_id != made.tokenizer.pad_id:
      raise faults.Fault(
        self.name,
        "positions count from the padding token's id, and tokens before it"
        " would be cut",
        "keep these tokens: they stand first in tokenizer.json",
      )
    shape = dataclasses.replace(shape, vocab_size=len(kept))
    made = dataclasses.replace(
      made,
      module=made.module.clone(encoder=shape),
      tokenizer=tokenizer,
      notes=(
        *made.notes,
        f"Its vocabulary was cut from {made.module.encoder.vocab_size:,} to"
        f" {len(kept):,} tokens, those of the texts it is meant for; of these"
        " every one has the same tokens as before.",
      ),
    )
    params = jax.tree.map(np.asarray, hosts.whole(self._params))
    for tower in params.values():
      table = tower["encoder"]["tokens"]["embedding"]
      cut = np.zeros((shape.table_size, table.shape[1]), table.dtype)
      cut[: len(kept)] = table[kept]
      tower["encoder"]["tokens"]["embedding"] = cut
    mesh = self._encode_texts.mesh
    return self._made_as(made, jax.device_put(params, meshes.replicated(mesh)))

  def _made_as(self, made, params, adapters=None) -> Self:
    """This retriever as another model."""
    now = self._encode_texts
    encode_texts = judging.encoder(self._config, made, now.mesh)
    return type(self)(
      self._config,
      made,
      params,
      dataclasses.replace(encode_texts, cache=now.cache),
      languages=self.languages,
      workdir=self._workdir,
      step=self.step,
      adapters=adapters,
    )

  def _card(self) -> str:
    if self._workdir is None or self.step is None:
      return carding.of_folder(
        str(self._config.model.init), self._made, self.languages
      )
    settings = own_settings.described(self._config, self._workdir)
    return carding.of_run(self._workdir, settings, self._made, self.step)


def _computing_in(dtype: str, config: ml_collections.ConfigDict):
  config = config.copy_and_resolve_references()
  with config.unlocked():
    config.model.dtype = str(jnp.dtype(dtype))
  return config


def _name(init: str) -> str:
  return pathlib.Path(init).expanduser().absolute().name


def _encoder(encode_texts, cache):
  place = pathlib.Path(cache).expanduser() if cache else None
  return dataclasses.replace(encode_texts, cache=place)
