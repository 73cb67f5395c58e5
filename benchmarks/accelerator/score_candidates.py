"""Ranking a million candidates: exact counts beside the bare product.

`ranking.counts` in float32, as retrieval is judged, with eleven languages; the
same product with nothing done to it but a largest score a query; and, at the
accelerator's own precision, that product in bfloat16.
"""

import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hybridret_jax.retrieval import ranking

# (queries, candidates, width)
SHAPES = {
  "full": ((13_090, 13_014, 384), (4096, 1_000_000, 768)),
  "toy": ((64, 2000, 32),),
}
_LANGUAGES = 11
_CHUNK = 8192


def measure(size: str) -> list[dict[str, Any]]:
  """Seconds of each way, for each shape."""
  return [_one(*shape) for shape in SHAPES[size]]


def _one(queries, candidates, width):
  keys = jax.random.split(jax.random.key(0), 2)
  q_QD, c_ND = (
    jax.random.normal(key, (number, width))
    for key, number in zip(keys, (queries, candidates), strict=True)
  )
  rng = np.random.default_rng(0)
  relevant_QR = rng.integers(0, candidates, (queries, 1))
  language_N = rng.integers(0, _LANGUAGES, candidates)

  def counts():
    return ranking.counts(
      q_QD, c_ND, relevant_QR, language_N, num_languages=_LANGUAGES
    )

  def product(precision, dtype):
    def run(q_QD, c_ND):
      fill = -len(c_ND) % _CHUNK
      c_KCD = jnp.pad(c_ND, ((0, fill), (0, 0))).reshape(-1, _CHUNK, width)

      def chunk(best_Q, c_CD):
        scores = jnp.dot(
          q_QD.astype(dtype),
          c_CD.astype(dtype).T,
          precision=precision,
          preferred_element_type=jnp.float32,
        )
        return jnp.maximum(best_Q, scores.max(axis=1)), None

      start_Q = jnp.full(len(q_QD), -jnp.inf)
      return jax.lax.scan(chunk, start_Q, c_KCD)[0]

    return jax.jit(run)

  exact = product(jax.lax.Precision.HIGHEST, jnp.float32)
  rough = product(None, jnp.bfloat16)
  ways = {
    "counts": counts,
    "product_float32": lambda: exact(q_QD, c_ND),
    "product_bfloat16": lambda: rough(q_QD, c_ND),
  }
  seconds = {name: _seconds(way) for name, way in ways.items()}
  found = {
    "queries": queries,
    "candidates": candidates,
    "width": width,
    "seconds": seconds,
    "float32_flops_per_second": 2
    * queries
    * candidates
    * width
    / seconds["product_float32"],
  }
  print(found, flush=True)
  return found


def _seconds(way):
  jax.block_until_ready(way())
  taken = []
  for _ in range(3):
    begun = time.perf_counter()
    jax.block_until_ready(way())
    taken.append(time.perf_counter() - begun)
  return statistics.median(taken)
