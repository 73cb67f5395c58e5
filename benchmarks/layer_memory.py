"""Temporary memory of one layer's way there and back, by the length of a row.

  PYTHONPATH=. python -m benchmarks.layer_memory

Compiles a layer of mmBERT base for the CPU, runs nothing, and prints a table:
a layer with a window, one without, and one that is handed a mask of L x L.
"""

from collections.abc import Callable
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp

from hybridret_jax.models import known_shapes, layers, windows
from hybridret_jax.models.encoders.architecture import Kind

LENGTHS = (1024, 2048, 4096, 8192)
_MODEL = "jhu-clsp/mmBERT-base"


def main():
  columns = {
    "window of 128 tokens": lambda length: temporaries(length, window=True),
    "all of a text": lambda length: temporaries(length, window=False),
    "all of a text, scored at once": whole,
  }
  print("| tokens |" + "".join(f" {name}, MiB |" for name in columns))
  print("|--:|" + "--:|" * len(columns))
  for length in LENGTHS:
    cells = [_mebibytes(of, length) for of in columns.values()]
    print(f"| {length:,} |" + "".join(f" {cell} |" for cell in cells))


def temporaries(length: int, *, window: bool, **changes: Any) -> int:
  """Bytes beside arguments and results of a layer's value and gradients.

  Args:
    length: tokens of a row.
    window: whether the layer has one.
    **changes: fields of the encoder's shape to set instead.
  """
  config = known_shapes.find(_MODEL, **changes)
  kind = next(k for k in config.kinds if bool(k.window) == window)
  layer = config.architecture.layer(config, kind, parent=None)
  x_TD = jax.ShapeDtypeStruct((length, config.hidden_size), jnp.float32)
  tokens = _tokens(config, kind, length)
  params = jax.eval_shape(
    lambda x_TD, tokens: layer.init(jax.random.key(0), x_TD, tokens, True),
    x_TD,
    tokens,
  )

  def total(params, x_TD, tokens):
    return layer.apply(params, x_TD, tokens, True)[0].sum()

  step = jax.jit(jax.grad(total, argnums=(0, 1)))
  found = step.lower(params, x_TD, tokens).compile().memory_analysis()
  assert found is not None
  return found.temp_size_in_bytes


def whole(length: int) -> int:
  """As `temporaries` without a window, if no row were scored in parts."""
  with mock.patch.object(windows, "LONG", length):
    return temporaries(length, window=False)


def _tokens(config, kind: Kind, length) -> Any:
  row = jax.ShapeDtypeStruct((1, length), jnp.int32)
  half = config.architecture.head_size(config) // 2
  angles = jax.ShapeDtypeStruct((length, half), jnp.float32)
  return layers.Tokens(
    tiers=((row, jax.ShapeDtypeStruct((1,), jnp.int32)),),
    rotary={kind.theta: (angles, angles)} if kind.theta else {},
  )


def _mebibytes(of: Callable[[int], int], length: int) -> str:
  return f"{of(length) / 2**20:,.0f}"


if __name__ == "__main__":
  main()
