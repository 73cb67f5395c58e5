"""A store's vectors for other programs: .npy, FAISS or usearch, measured."""

import importlib.util
import json
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from hybridret_jax.ground import faults, writing
from hybridret_jax.retrieval import search, store

KINDS = ("npy", "faiss", "usearch")
ASKED = 500  # Stored vectors that recall is measured with.
K = 10
_PIP = {"faiss": "faiss-cpu", "usearch": "usearch"}
# Of the graphs: neighbours of a node, and what building and asking look at.
_LINKS, _BUILDING, _ASKING = 32, 128, 128


def check(kinds: Sequence[str]) -> None:
  """Raises a Fault where a kind is unknown, or its package is missing."""
  for kind in kinds:
    if kind not in KINDS:
      raise faults.Fault(
        "index", f"{kind!r} is unknown", f"use some of {', '.join(KINDS)}"
      )
    if kind in _PIP and importlib.util.find_spec(kind) is None:
      raise faults.Fault(
        "index", f"{kind} is not installed", f"pip install {_PIP[kind]}"
      )


def hand_over(
  vectors: store.Shards,
  kind: str,
  folder: pathlib.Path,
  *,
  seed: int = 0,
) -> dict[str, Any]:
  """Writes one file of all vectors, or an index of them, into `folder`.

  `vectors.npy` is [N, D] float32. `index.faiss` and `index.usearch` are HNSW
  graphs over inner products (Malkov and Yashunin, arXiv 1603.09320), whose
  labels are row numbers. Its recall is measured before it appears: the share
  of the exact first 10 (`search.top_k`) that it finds, for 500 of the stored
  vectors with noise as long as half of theirs, so that none asks for itself.

  Args:
    vectors: all shards.
    kind: one of `KINDS`.
    folder: of the store.
    seed: of what is asked.

  Returns:
    `file`, `vectors`, `seconds` and, of an index, `recall@10`, `queries`,
    `settings`, `version`; kept beside it as index_KIND.json too.
  """
  begun = time.perf_counter()
  count, width = _shape(vectors)
  found: dict[str, Any] = {"vectors": count, "dimension": width}
  if kind == "npy":
    path = folder / "vectors.npy"
    with writing.replacing(path) as aside:
      _write_npy(vectors, aside, count, width)
  else:
    path = folder / f"index.{kind}"
    index = _Faiss(vectors, width) if kind == "faiss" else _Usearch(vectors)
    q_QD = _asked(vectors, count, seed)
    k = min(K, count)
    _, exact_QK = search.top_k(q_QD, vectors, k)
    found |= {
      "recall@10": round(search.recall(index.find(q_QD, k), exact_QK), 4),
      "queries": len(q_QD),
      "settings": index.settings,
      "version": index.version,
    }
    with writing.replacing(path) as aside:
      index.save(aside)
  found |= {
    "file": path.name,
    "seconds": round(time.perf_counter() - begun, 1),
  }
  writing.write(
    folder / f"index_{kind}.json", json.dumps(found, indent=1) + "\n"
  )
  return found


def _shape(vectors: store.Shards) -> tuple[int, int]:
  shapes = [part.shape for part in vectors]
  return sum(rows for rows, _ in shapes), shapes[0][1]


def _write_npy(vectors, path, count, width):
  with path.open("wb") as file:
    np.lib.format.write_array_header_2_0(
      file, {"descr": "<f4", "fortran_order": False, "shape": (count, width)}
    )
    for part in vectors:
      file.write(np.ascontiguousarray(part, "<f4").tobytes())


def _asked(vectors, count, seed) -> np.ndarray:
  """Stored vectors with noise, of length one."""
  generator = np.random.default_rng(seed)
  rows = np.sort(generator.permutation(count)[:ASKED])
  taken, start = [], 0
  for part in vectors:
    mine = rows[(rows >= start) & (rows < start + len(part))] - start
    taken.append(np.asarray(part[mine], np.float32))
    start += len(part)
  q_QD = np.concatenate(taken)
  noise = generator.normal(size=q_QD.shape) / np.sqrt(q_QD.shape[1])
  q_QD = q_QD + 0.5 * noise.astype(np.float32)
  return q_QD / np.linalg.norm(q_QD, axis=1, keepdims=True)


class _Faiss:
  """A graph of FAISS."""

  def __init__(self, vectors, width):
    import faiss  # pyright: ignore[reportMissingImports]

    self._faiss = faiss
    self.version = faiss.__version__
    self.settings = {
      "kind": "HNSWFlat, inner product",
      "M": _LINKS,
      "efConstruction": _BUILDING,
      "efSearch": _ASKING,
    }
    index = faiss.IndexHNSWFlat(width, _LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _BUILDING
    index.hnsw.efSearch = _ASKING
    for part in vectors:
      index.add(np.ascontiguousarray(part, np.float32))
    self._index = index

  def find(self, q_QD, k) -> np.ndarray:
    return self._index.search(q_QD, k)[1]

  def save(self, path):
    self._faiss.write_index(self._index, str(path))


class _Usearch:
  """A graph of usearch."""

  def __init__(self, vectors):
    import usearch  # pyright: ignore[reportMissingImports]
    from usearch import index as indexes  # pyright: ignore[reportMissingImports]

    self.version = usearch.__version__
    self.settings = {
      "metric": "ip",
      "dtype": "f32",
      "connectivity": _LINKS,
      "expansion_add": _BUILDING,
      "expansion_search": _ASKING,
    }
    start = 0
    self._index = None
    for part in vectors:
      part = np.ascontiguousarray(part, np.float32)
      if self._index is None:
        self._index = indexes.Index(ndim=part.shape[1], **self.settings)
      self._index.add(np.arange(start, start + len(part)), part)
      start += len(part)

  def find(self, q_QD, k) -> np.ndarray:
    assert self._index is not None
    return np.asarray(self._index.search(q_QD, k).keys).reshape(len(q_QD), k)

  def save(self, path):
    assert self._index is not None
    self._index.save(str(path))
