"""The table of weight names, ours and Hugging Face's, used both ways."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from hybridret_jax.models import encoder

_SHOWN = 10  # Problems that are listed.


def from_tensors(
  tensors: Mapping[str, Any],
  abstract: Any,
  config: encoder.EncoderConfig,
) -> Any:
  """Encoder parameters, float32 numpy, from tensors of canonical names.

  Args:
    tensors: arrays, or what `tensor_files` gives: shapes first, read when used.
    abstract: the tree of parameters (or shapes) to fill.
    config: the encoder's shape; the vocabulary is padded with zero rows.

  Raises:
    ValueError: as `check`; nothing was read then.
  """
  check(tensors, abstract, config)
  sources = config.architecture.sources(config)

  def fill(path, leaf):
    ours = jax.tree_util.keystr(path, simple=True, separator="/")
    source, shape = sources[ours], leaf.shape
    if "{}" not in source.name:
      value = np.asarray(tensors[source.name], np.float32)
      if ours == "tokens/embedding":
        return np.pad(value, ((0, shape[0] - len(value)), (0, 0)))
      return value
    # Where a layer has none, a scale of 1 and a bias of 0 change nothing.
    stacked = np.full(shape, float(ours.endswith("/scale")), np.float32)
    for i in range(source.first, shape[0]):
      value = np.asarray(tensors[source.name.format(i)], np.float32)
      value = np.split(value, source.parts)[source.part]
      stacked[i] = value.T if ours.endswith("/kernel") else value
    return stacked

  return jax.tree_util.tree_map_with_path(fill, abstract)


def check(
  tensors: Mapping[str, Any], abstract: Any, config: encoder.EncoderConfig
) -> None:
  """Looks at names and shapes; arguments as of `from_tensors`.

  Raises:
    ValueError: a tensor is missing, unused or of another shape; all are named.
  """
  expected: dict[str, tuple[int, ...]] = {}
  sources = config.architecture.sources(config)

  def expect(path, leaf):
    ours = jax.tree_util.keystr(path, simple=True, separator="/")
    source, shape = sources[ours], leaf.shape
    if "{}" in source.name:
      one = shape[:0:-1] if ours.endswith("/kernel") else shape[1:]
      one = (one[0] * source.parts, *one[1:])
      expected.update(
        {source.name.format(i): one for i in range(source.first, shape[0])}
      )
    elif ours == "tokens/embedding":
      expected[source.name] = (config.vocab_size, shape[1])
    else:
      expected[source.name] = shape

  jax.tree_util.tree_map_with_path(expect, abstract)
  problems = []
  for name, shape in expected.items():
    if name not in tensors:
      problems.append(f"{name} is missing")
    elif tuple(tensors[name].shape) != shape:
      problems.append(
        f"{name} has shape {tuple(tensors[name].shape)}, expected {shape}"
      )
  problems += [
    f"{name} is not used by this encoder"
    for name in sorted(set(used(tensors, config)) - set(expected))
  ]
  if problems:
    more = f"; and {len(problems) - _SHOWN} more" if problems[_SHOWN:] else ""
    raise ValueError(
      "weights do not fit: " + "; ".join(problems[:_SHOWN]) + more
    )


def used(
  tensors: Mapping[str, Any], config: encoder.EncoderConfig
) -> list[str]:
  """Names of those that are an encoder's, not another head's or a buffer."""
  return [name for name in tensors if config.architecture.is_used(name)]


def to_tensors(
  params: Any, config: encoder.EncoderConfig
) -> dict[str, np.ndarray]:
  """Hugging Face tensors of encoder parameters, the vocabulary cut to size."""
  parts: dict[str, dict[int, np.ndarray]] = {}
  sources = config.architecture.sources(config)

  def write(path, leaf):
    ours = jax.tree_util.keystr(path, simple=True, separator="/")
    source, value = sources[ours], np.asarray(leaf)
    kernel = ours.endswith("/kernel")
    if "{}" in source.name:
      for i in range(source.first, len(value)):
        x = value[i]
        parts.setdefault(source.name.format(i), {})[source.part] = (
          np.ascontiguousarray(x.T if kernel else x)
        )
    elif ours == "tokens/embedding":
      parts[source.name] = {0: value[: config.vocab_size]}
    else:
      parts[source.name] = {0: value}

  jax.tree_util.tree_map_with_path(write, params)
  return {
    name: np.ascontiguousarray(
      np.concatenate([found[i] for i in sorted(found)])
      if len(found) > 1
      else found[0]
    )
    for name, found in parts.items()
  }
