"""Attention kernels that only an accelerator runs, against float32 products.

Values and gradients of packed rows, with the same inputs in every path, and
the time of both ways. A path's error is a share of the norm of what float32 at
full precision gives; "xla" in bfloat16 shows what the type alone costs.
"""

import functools
import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hybridret_jax.models import attention

PATHS = {"gpu": ("xla", "cudnn"), "tpu": ("xla", "splash"), "cpu": ("xla",)}
# (rows, heads, tokens, units of a head)
SHAPES = {
  "full": (
    (512, 12, 64, 32),
    (128, 12, 256, 32),
    (512, 12, 64, 64),
    (128, 12, 256, 64),
    (64, 12, 512, 64),
    (64, 16, 512, 64),
  ),
  "toy": ((2, 2, 128, 32),),
}
AGREEMENT = 2e-2  # Largest error of bfloat16, its eight bits being 4e-3.
_REPEATS = 10


def measure(size: str) -> list[dict[str, Any]]:
  """A row for each path, shape and kind of mask.

  Raises:
    ValueError: a path is wrong.
  """
  platform = jax.devices()[0].platform
  found = []
  for number, shape in enumerate(SHAPES[size]):
    for causal in (False, True) if not number else (False,):
      inputs = _inputs(shape)
      exact = _both_ways("xla", causal, "float32")(*inputs)
      for path in PATHS[platform]:
        run = _both_ways(path, causal, "bfloat16")
        errors = [
          _distance(x, y) for x, y in zip(run(*inputs), exact, strict=True)
        ]
        found.append(
          {
            "path": path,
            "shape": list(shape),
            "causal": causal,
            "errors": dict(zip(("o", "dq", "dk", "dv"), errors, strict=True)),
            "milliseconds": 1e3 * _seconds(run, inputs),
          }
        )
        print(found[-1], flush=True)
        if not max(errors) < AGREEMENT:
          raise ValueError(f"{found[-1]}: more than {AGREEMENT} from float32")
  return found


def _inputs(shape):
  """Queries, keys, values, what comes back, and segments of several lengths."""
  rows, _, length, _ = shape
  rng = np.random.default_rng(0)
  arrays = [rng.normal(size=shape).astype(np.float32) for _ in range(4)]
  # Cuts at random; the last segment of a row, 0, is padding.
  cuts = rng.random((rows, length)) < 8 / length
  segments_RL = 1 + np.cumsum(cuts, axis=1)
  segments_RL[:, -length // 16 :] = 0
  real = jnp.asarray(segments_RL > 0)
  q, k, v, dy = map(jnp.asarray, arrays)
  # What padding mixes is nobody's; nothing comes back to it.
  dy = dy * real[:, None, :, None]
  return q, k, v, dy, jnp.asarray(segments_RL, jnp.int32)


@functools.cache
def _both_ways(path, causal, dtype):
  """(inputs) -> the mixed values of texts and three gradients, compiled."""

  def run(q, k, v, dy, segments_RL):
    def mix(q, k, v):
      return attention.attend(
        q, k, v, segments_RL, implementation=path, causal=causal
      )

    precision = "highest" if dtype == "float32" else None
    with jax.default_matmul_precision(precision):
      typed = (x.astype(dtype) for x in (q, k, v))
      o, pull = jax.vjp(mix, *typed)
      gradients = pull(dy.astype(o.dtype))
    real = (segments_RL > 0)[:, None, :, None]
    return o * real, *gradients

  return jax.jit(run)


def _distance(x, exact):
  x, exact = (np.asarray(y, np.float64) for y in (x, exact))
  return float(np.linalg.norm(x - exact) / np.linalg.norm(exact))


def _seconds(run, inputs):
  jax.block_until_ready(run(*inputs))
  taken = []
  for _ in range(5):
    begun = time.perf_counter()
    for _ in range(_REPEATS):
      out = run(*inputs)
    jax.block_until_ready(out)
    taken.append((time.perf_counter() - begun) / _REPEATS)
  return statistics.median(taken)
