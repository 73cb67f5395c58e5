"""A big corpus to vectors on disk, shard by shard, resumed where it stopped."""

import dataclasses
import hashlib
import itertools
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

import jax
import numpy as np
import tqdm
from jax.experimental import multihost_utils

from hybridret_jax.assembly import encoding
from hybridret_jax.parallel import hosts
from hybridret_jax.retrieval import store as stores

_LOG = logging.getLogger(__name__)
# Settings of an encoder that its vectors do not follow from, but for last bits.
_LEFT_OUT = (
  *("dropout", "attention_dropout", "remat"),
  *("narrow_products", "unrolled"),
)


def encode(
  texts: Iterable[str],
  encode_texts: Callable[..., np.ndarray],
  params: Any,
  folder: str | os.PathLike,
  *,
  side: str,
  fingerprint: dict[str, Any],
  shard_size: int,
  contexts: Iterable[str] | None = None,
  dtype: str = "float32",
) -> stores.Store:
  """Encodes the texts whose shards are missing in `folder`.

  A run that is killed goes on at the shard it was in. One call encodes one
  shard, so a shard is packed alike and runs the same programs whichever were
  encoded before it: where these give the same bits again (CPU and TPU; a GPU
  with XLA's deterministic settings), a resumed run gives the same files.

  Args:
    texts: a sequence, or a stream that can be iterated over again (its texts
      are counted first).
    encode_texts: an `encoding.TextEncoder`; its cache would hold the tokens of
      the whole corpus. Called with (params, texts, side, contexts=, name=).
    params: as it takes them.
    folder: of the store; one for all processes.
    side: "query" or "passage".
    fingerprint: what the vectors follow from, besides the texts.
    shard_size: texts of a shard: the most that a killed run encodes again.
    contexts: a second segment of each text.
    dtype: of the files; see `store.open_store`.

  Returns:
    The store, every shard finished.

  Raises:
    ValueError: the folder holds vectors of something else or of other texts,
      or the texts do not keep their number.
  """
  total = len(texts) if isinstance(texts, Sized) else sum(1 for _ in texts)
  if isinstance(contexts, Sized) and len(contexts) != total:
    raise ValueError(
      f"{total} texts and {len(contexts)} contexts; give each text its own"
    )
  settings = (folder, fingerprint, total, shard_size)
  store = stores.open_store(*settings, side=side, dtype=dtype)
  wanted = _wanted(store)
  _LOG.info(
    "%s: %d of %d shards are to be encoded.", folder, len(wanted), len(store)
  )

  def vectors(items, name):
    texts = [item[0] for item in items]
    seconds = None if contexts is None else [item[1] for item in items]
    return encode_texts(params, texts, side, contexts=seconds, name=name)

  _encode_shards(store, wanted, _shards(texts, contexts, store), vectors)
  if jax.process_count() > 1:
    multihost_utils.sync_global_devices("corpus encoded")
    store = stores.open_store(*settings, side=side, dtype=dtype)
  return store


def fingerprint(
  encode_texts: encoding.TextEncoder, params: Any, side: str
) -> dict[str, Any]:
  """What the vectors of a side follow from, besides the texts.

  The hashes of the parameters and of tokenizer.json, the side's prefix and
  maximum length, and the encoder's shape. How texts are packed and on how many
  devices is left out: it changes no more than the last bits.
  """
  module = encode_texts.module
  shape = dataclasses.asdict(module.encoder)
  return {
    "parameters": parameters_sha256(params),
    "tokenizer": encode_texts.tokenizer.hash,
    "prefix": encode_texts.prefixes[side],
    "max_length": encode_texts.max_lengths[side],
    "pooling": module.pooling,
    "projection": module.projection,
    "projection_hidden": module.projection_hidden,
    **({"truncate_dim": module.truncate_dim} if module.truncate_dim else {}),
    "encoder": {k: v for k, v in shape.items() if k not in _LEFT_OUT},
  }


def parameters_sha256(params: Any) -> str:
  """The hash of a tree's arrays with their paths, in the order of these."""
  leaves = {
    jax.tree_util.keystr(path): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(params)
  }
  digest = hashlib.sha256()
  for path, leaf in sorted(leaves.items()):
    array = _whole(leaf)
    digest.update(f"{path} {array.dtype} {array.shape}\n".encode())
    digest.update(array.tobytes())
  return digest.hexdigest()


def _whole(leaf):
  if isinstance(leaf, jax.Array) and not (
    leaf.is_fully_addressable or leaf.is_fully_replicated
  ):
    return np.asarray(multihost_utils.process_allgather(leaf, tiled=True))
  return np.asarray(leaf)


def _encode_shards(store, wanted, shards, vectors):
  """Writes `vectors(items, name)` of each wanted shard; checks the others."""
  total = store.contents["texts"]
  with tqdm.tqdm(
    total=total,
    initial=total - sum(store.rows(number) for number in wanted),
    desc="corpus",
    unit="text",
    unit_scale=True,
    disable=not hosts.is_first(),
  ) as bar:
    for number, items in enumerate(shards):
      texts_sha256 = stores.hash_texts(items)
      if number not in wanted:
        stores.check_texts(store, number, texts_sha256)
        continue
      z_ND = vectors(items, f"shard {number + 1} of {len(store)}")
      if hosts.is_first():
        stores.write(store, number, z_ND, texts_sha256)
      bar.update(len(items))


def _wanted(store):
  """Numbers of the shards to encode, as the first process sees them."""
  flags = np.zeros(len(store), bool)
  if hosts.is_first():
    flags[stores.missing(store)] = True
  if jax.process_count() > 1:
    flags = multihost_utils.broadcast_one_to_all(flags)
  return set(np.flatnonzero(flags).tolist())


def _shards(texts, contexts, store) -> Iterator[list[tuple[str, ...]]]:
  """(text,) or (text, context) of each shard in turn."""
  items = zip(texts, strict=True)
  if contexts is not None:
    items = zip(texts, contexts, strict=True)
  for number in range(len(store)):
    shard = list(itertools.islice(items, store.rows(number)))
    if len(shard) < store.rows(number):
      raise _other_number(store)
    yield shard
  if next(items, None) is not None:
    raise _other_number(store)


def _other_number(store):
  return ValueError(
    f"there were {store.contents['texts']} texts when they were counted and"
    " another number when they were encoded; give a sequence, or a stream that"
    " begins anew each time"
  )
