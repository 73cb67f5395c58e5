"""Embeddings in a folder of shards that a manifest vouches for.

`manifest.json` says what was encoded by what; `00000.npy`, `00001.npy`, … hold
the vectors in order. A shard is finished once the manifest names it: both are
written aside, flushed and renamed, the manifest last, so a writer that is
killed at any moment leaves finished shards and at worst one that is not named
and is written again. The same vectors give the same bytes.
"""

import dataclasses
import hashlib
import json
import logging
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from hybridret_jax.ground import faults, writing

SCHEMA = 1
MANIFEST = "manifest.json"
DTYPES = ("float32", "float16")
_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Store:
  """A folder of shards.

  Attributes:
    folder: where it is.
    contents: what the manifest says of all shards: schema, fingerprint and
      what it is the hash of (`encoded_by`), side, dtype, texts, shard_size,
      and from the first shard on the dimension.
    shards: what it says of each finished one, by number: file, rows, sha256 of
      the file and texts_sha256 of what was encoded. `write` adds to it.
  """

  folder: pathlib.Path
  contents: dict[str, Any]
  shards: dict[int, dict[str, Any]]

  def __len__(self) -> int:
    """How many shards the whole store has."""
    return -(-self.contents["texts"] // self.contents["shard_size"])

  def rows(self, number: int) -> int:
    """How many vectors a shard has."""
    size = self.contents["shard_size"]
    return min(size, self.contents["texts"] - number * size)


@dataclasses.dataclass(frozen=True)
class Shards:
  """The vectors of a whole store, each shard mapped when its turn comes.

  Can be iterated over again and again.
  """

  paths: tuple[pathlib.Path, ...]

  def __iter__(self) -> Iterator[np.ndarray]:
    for path in self.paths:
      yield _array(path)


def open_store(
  folder: str | os.PathLike,
  encoded_by: dict[str, Any],
  num_texts: int,
  shard_size: int,
  *,
  side: str,
  dtype: str = "float32",
) -> Store:
  """The store in `folder`, begun there if there is none.

  Args:
    folder: made where it is missing.
    encoded_by: what the vectors follow from, besides the texts: hashes and
      settings by name, JSON.
    num_texts: how many texts there are in all.
    shard_size: texts of a shard; the last has fewer.
    side: which side the texts are: "query" or "passage".
    dtype: of the files: float32, or float16 for half the room.

  Raises:
    ValueError: the folder holds vectors of something else, or a size is out of
      range. A manifest that cannot be read vouches for nothing: all is encoded
      anew, and that is said.
  """
  if num_texts < 1 or shard_size < 1 or dtype not in DTYPES:
    raise ValueError(
      f"num_texts {num_texts} and shard_size {shard_size} must be at least 1,"
      f" and dtype {dtype!r} one of {DTYPES}"
    )
  encoded_by = json.loads(json.dumps(encoded_by))
  contents = {
    "schema": SCHEMA,
    "fingerprint": _sha256(json.dumps(encoded_by, sort_keys=True).encode()),
    "encoded_by": encoded_by,
    "side": side,
    "dtype": dtype,
    "texts": num_texts,
    "shard_size": shard_size,
  }
  folder = pathlib.Path(folder)
  path = folder / MANIFEST
  if not path.exists():
    folder.mkdir(parents=True, exist_ok=True)
    return Store(folder, contents, {})
  found = _read_manifest(path)
  if found is None:
    return Store(folder, contents, {})
  held, shards = found
  if "dimension" in held:
    contents["dimension"] = held["dimension"]
  differences = list(_differences(held, contents))
  if differences:
    raise ValueError(
      f"{folder} holds vectors of something else: {'; '.join(differences)}."
      " Give another folder, or delete this one to encode anew"
    )
  return Store(folder, contents, shards)


def of_folder(folder: pathlib.Path) -> Store:
  """The store that lies in a folder, whatever it is of.

  Raises:
    ValueError: its manifest is damaged.
  """
  held = _read_manifest(folder / MANIFEST)
  if held is None:
    raise faults.Fault(folder / MANIFEST, "is damaged", "encode anew")
  return Store(folder, *held)


def missing(store: Store) -> list[int]:
  """Numbers of the shards to encode: unfinished, or `damaged`."""
  bad = damaged(store)
  if bad:
    _LOG.warning(
      "%s: %d of %d finished shards are missing or differ from their hash"
      " (%s); they are to be encoded again.",
      store.folder,
      len(bad),
      len(store.shards),
      ", ".join(store.shards[number]["file"] for number in bad[:5])
      + (", …" if len(bad) > 5 else ""),
    )
  good = store.shards.keys() - set(bad)
  return [number for number in range(len(store)) if number not in good]


def damaged(store: Store) -> list[int]:
  """Numbers of the finished shards whose file is gone or not what it was.

  Reads every file.
  """
  return [
    number
    for number, shard in sorted(store.shards.items())
    if _file_sha256(store.folder / shard["file"]) != shard["sha256"]
  ]


def write(
  store: Store, number: int, vectors: np.ndarray, texts_sha256: str
) -> None:
  """Finishes a shard: its file, then the manifest that names it.

  Args:
    store: gains the shard.
    number: which shard.
    vectors: one for each of its texts, in order.
    texts_sha256: hash of the texts, for `check_texts`.

  Raises:
    ValueError: there is no such shard, or the vectors have another shape.
  """
  if not 0 <= number < len(store):
    raise ValueError(f"shard {number}: the store has {len(store)}, from 0")
  dimension = store.contents.setdefault("dimension", vectors.shape[-1])
  wanted = (store.rows(number), dimension)
  if vectors.shape != wanted:
    raise ValueError(
      f"shard {number}: vectors have shape {vectors.shape}, not {wanted}"
    )
  path = store.folder / f"{number:05}.npy"
  with writing.replacing(path) as aside:
    np.save(aside, np.asarray(vectors, store.contents["dtype"]))
    sha256 = _file_sha256(aside)
  store.shards[number] = {
    "file": path.name,
    "rows": len(vectors),
    "sha256": sha256,
    "texts_sha256": texts_sha256,
  }
  shards = [{"number": n, **shard} for n, shard in sorted(store.shards.items())]
  with writing.replacing(store.folder / MANIFEST) as aside:
    manifest = {**store.contents, "shards": shards}
    aside.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def read(store: Store, *, verify: bool = False) -> Shards:
  """The vectors of a whole store, in order.

  Args:
    store: every shard must be finished.
    verify: compares every file with its hash first.

  Raises:
    ValueError: a shard is not finished, or not what it was.
  """
  lacking = set(range(len(store))) - store.shards.keys()
  bad = damaged(store) if verify else []
  if lacking or bad:
    raise ValueError(
      f"{store.folder}: of {len(store)} shards {len(lacking)} are not finished"
      f" and {len(bad)} differ from their hash"
      f" ({sorted(lacking | set(bad))[:5]} …); encode into it again to mend it"
    )
  files = [store.shards[number]["file"] for number in range(len(store))]
  return Shards(tuple(store.folder / file for file in files))


def hash_texts(items: Iterable[Sequence[str]]) -> str:
  """The hash of texts, each given with what goes with it (a context)."""
  digest = hashlib.sha256()
  for parts in items:
    digest.update(bytes([len(parts)]))
    for part in parts:
      data = part.encode()
      # The lengths keep ["ab", "c"] apart from ["a", "bc"].
      digest.update(len(data).to_bytes(8, "little"))
      digest.update(data)
  return digest.hexdigest()


def check_texts(store: Store, number: int, texts_sha256: str) -> None:
  """Raises a ValueError if a finished shard was made from other texts."""
  shard = store.shards[number]
  if shard["texts_sha256"] != texts_sha256:
    first = number * store.contents["shard_size"]
    raise ValueError(
      f"{store.folder / shard['file']} was encoded from other texts than"
      f" number {first} to {first + shard['rows'] - 1} of these; give the"
      " texts that the folder was begun with, in their order, or another folder"
    )


def _read_manifest(path):
  try:
    held = json.loads(path.read_text(encoding="utf-8"))
    shards = {shard.pop("number"): shard for shard in held.pop("shards")}
    for key in ("texts", "shard_size"):
      if not isinstance(held[key], int) or held[key] < 1:
        raise ValueError(f"{key} is {held[key]!r}")
    for number, shard in shards.items():
      # It names no file but its own, here.
      if shard["file"] != f"{number:05}.npy":
        raise ValueError(f"shard {number!r} is in {shard['file']!r}")
  except (
    *(ValueError, KeyError, TypeError, AttributeError),
    *(RecursionError, OSError),
  ) as error:
    _LOG.warning("%s: damaged (%r); all is encoded again.", path, error)
    return None
  return held, shards


def _array(path: pathlib.Path) -> np.ndarray:
  """A shard, mapped; a Fault if the file is none."""
  mend = "encode into the store again to mend it"
  try:
    found = np.load(path, mmap_mode="r", allow_pickle=False)
  # A header is text that numpy parses, and may make it raise much.
  except Exception as error:
    raise faults.Fault(path, f"is no .npy file ({error})", mend) from error
  if found.ndim != 2 or found.dtype not in DTYPES:
    what = f"holds {found.dtype} of shape {found.shape}, no vectors"
    raise faults.Fault(path, what, mend)
  return found


def _differences(held, wanted, prefix=""):
  """What differs, by dotted name; hashes of what is named are left out."""
  for key in sorted(held.keys() | wanted.keys()):
    one, other = held.get(key), wanted.get(key)
    if one == other or prefix + key == "fingerprint":
      continue
    if isinstance(one, dict) and isinstance(other, dict):
      yield from _differences(one, other, f"{prefix}{key}.")
    else:
      yield f"{prefix}{key} is {one!r} there and {other!r} here"


def _file_sha256(path):
  """The hash of a file; None if it is gone."""
  try:
    with path.open("rb") as file:
      return hashlib.file_digest(file, "sha256").hexdigest()
  except FileNotFoundError:
    return None


def _sha256(data: bytes) -> str:
  return hashlib.sha256(data).hexdigest()
