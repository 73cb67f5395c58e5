"""A corpus to a store of vectors on disk, and to indexes of it."""

import contextlib
import hashlib
import logging
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from hybridret_jax import retriever as retrievers
from hybridret_jax.assembly import places
from hybridret_jax.ground import faults, owning, writing
from hybridret_jax.parallel import hosts
from hybridret_jax.retrieval import corpora, indexes, store

_LOG = logging.getLogger(__name__)
IDS = "ids.txt"
SHARD = 8192  # Texts that a killed run encodes again, at most.


def encode(
  retriever: retrievers.Retriever,
  corpus: corpora.Corpus,
  folder: pathlib.Path,
  *,
  side: str = "passage",
  dtype: str = "float32",
  index: Sequence[str] = (),
  shard_size: int = SHARD,
) -> dict[str, Any]:
  """Encodes a corpus into `folder`, going on where an earlier call stopped.

  `00000.npy`, `00001.npy`, … hold its vectors in the corpus's order,
  `ids.txt` the id of each row, a line each, and `manifest.json` what they
  follow from; see `retrieval.store`.

  Args:
    retriever: what encodes.
    corpus: ids and texts.
    folder: of the store: missing, empty, or begun with these texts and this
      retriever.
    side: "passage" or "query": prefix, length and tower.
    dtype: of the files: "float32" or "float16".
    index: what else is written: "npy" (one file), "faiss", "usearch", each
      with its recall; see `retrieval.indexes`.
    shard_size: texts of a shard.

  Returns:
    `texts`, `skipped`, `shards`, and what is known of each index.

  Raises:
    Fault: naming the line of a record that cannot be used, an index that
      cannot be made here, or another process that encodes into the folder.
    ValueError: the folder holds vectors of something else.
  """
  indexes.check(index)
  _check_place(folder)
  with owning.owned(folder, "encodes into this store", first=hosts.is_first()):
    return _encode(retriever, corpus, folder, side, dtype, index, shard_size)


def _encode(retriever, corpus, folder, side, dtype, index, shard_size):
  count = _keep_ids(corpus, folder)
  for what, number in corpus.skipped.items():
    _LOG.info("Left out: %d %s.", number, what)
  for what, number in corpus.unread.items():
    _LOG.info("In %d records %s.", number, what)
  made = retriever.encode_into(
    _Texts(corpus, count), folder, side=side, dtype=dtype, shard_size=shard_size
  )
  found: dict[str, Any] = {
    "texts": count,
    "skipped": dict(corpus.skipped),
    "shards": len(made),
    "dimension": made.contents["dimension"],
  }
  if hosts.is_first():
    vectors = store.read(made)
    for kind in dict.fromkeys(index):
      found[kind] = indexes.hand_over(vectors, kind, folder)
      _LOG.info("%s: %s", kind, found[kind])
  hosts.sync("encoded")
  return found


class _Texts:
  """The texts of a corpus alone, counted, as often as they are asked for."""

  def __init__(self, corpus, count):
    self._corpus, self._count = corpus, count

  def __len__(self) -> int:
    return self._count

  def __iter__(self) -> Iterator[str]:
    for _, text in self._corpus:
      yield text


def _keep_ids(corpus: corpora.Corpus, folder: pathlib.Path) -> int:
  """Writes ids.txt, or compares it with the corpus; how many there are."""
  path = folder / IDS
  digest, count = hashlib.sha256(), 0
  is_new = hosts.is_first() and not path.is_file()
  with contextlib.ExitStack() as stack:
    file = None
    if is_new:
      aside = stack.enter_context(writing.replacing(path))
      file = stack.enter_context(aside.open("w", encoding="utf-8"))
    for identity, _ in corpus:
      if "\n" in identity:
        raise faults.Fault(
          corpus.path, f"the id {identity!r} has a line's end", "rename it"
        )
      line = f"{identity}\n"
      digest.update(line.encode())
      if file:
        file.write(line)
      count += 1
  hosts.sync("ids")
  if hashlib.sha256(path.read_bytes()).hexdigest() != digest.hexdigest():
    raise faults.Fault(
      path,
      "names other ids than the corpus, or in another order",
      "give the corpus that the folder was begun with, or another folder",
    )
  return count


def _check_place(folder: pathlib.Path) -> None:
  """Raises a Fault where a store would lie among what is none."""
  if not folder.exists():
    return
  if not folder.is_dir():
    raise faults.Fault(folder, "is a file", "give a folder")
  held = {x.name for x in folder.iterdir() if not writing.is_aside(x.name)}
  held -= {name for name in held if name.endswith(places.LOGS)}
  held.discard(owning.FOLDER)
  # Ids come first, then a shard, then the manifest that names it: vectors and
  # indexes beside no manifest are somebody else's.
  unnamed = {IDS, "00000.npy"} if IDS in held else set()
  begun = {IDS, store.MANIFEST} <= held
  foreign = {x for x in held if not begun or not _is_ours(x)} - unnamed
  if foreign:
    shown = ", ".join(map(repr, sorted(foreign)[:3]))
    raise faults.Fault(
      folder,
      f"holds {shown}, and is no store of vectors",
      "give a folder that is new, empty, or was begun so",
    )


def _is_ours(name: str) -> bool:
  stem, _, kind = name.rpartition(".")
  return (
    name in (store.MANIFEST, IDS, "vectors.npy")
    or (kind == "npy" and stem.isdigit())
    or stem in ("index", "index_npy", "index_faiss", "index_usearch")
  )
