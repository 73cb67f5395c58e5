"""The table of weight names, ours and Hugging Face's, used both ways."""

import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from hybridret_jax.models import encoder

_ATTENTION = "encoder.layer.{}.attention."
# Our parameter -> theirs; `{}` is the layer, stacked on our leading axis.
_NAMES = {
  "tokens/embedding": "embeddings.word_embeddings.weight",
  "positions/embedding": "embeddings.position_embeddings.weight",
  "types/embedding": "embeddings.token_type_embeddings.weight",
  "norm/scale": "embeddings.LayerNorm.weight",
  "norm/bias": "embeddings.LayerNorm.bias",
  "layers/query/kernel": _ATTENTION + "self.query.weight",
  "layers/query/bias": _ATTENTION + "self.query.bias",
  "layers/key/kernel": _ATTENTION + "self.key.weight",
  "layers/key/bias": _ATTENTION + "self.key.bias",
  "layers/value/kernel": _ATTENTION + "self.value.weight",
  "layers/value/bias": _ATTENTION + "self.value.bias",
  "layers/attention_out/kernel": _ATTENTION + "output.dense.weight",
  "layers/attention_out/bias": _ATTENTION + "output.dense.bias",
  "layers/attention_norm/scale": _ATTENTION + "output.LayerNorm.weight",
  "layers/attention_norm/bias": _ATTENTION + "output.LayerNorm.bias",
  "layers/mlp_in/kernel": "encoder.layer.{}.intermediate.dense.weight",
  "layers/mlp_in/bias": "encoder.layer.{}.intermediate.dense.bias",
  "layers/mlp_out/kernel": "encoder.layer.{}.output.dense.weight",
  "layers/mlp_out/bias": "encoder.layer.{}.output.dense.bias",
  "layers/mlp_norm/scale": "encoder.layer.{}.output.LayerNorm.weight",
  "layers/mlp_norm/bias": "encoder.layer.{}.output.LayerNorm.bias",
}
_SHOWN = 10  # Problems that are listed.
_UNUSED = re.compile(
  r"(lm_head|cls|classifier|qa_outputs|pooler)\.|.*position_ids$"
)


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

  def fill(path, leaf):
    ours = jax.tree_util.keystr(path, simple=True, separator="/")
    theirs, shape = _NAMES[ours], leaf.shape
    if "{}" in theirs:
      layers = (tensors[theirs.format(i)] for i in range(shape[0]))
      stacked = np.empty(shape, np.float32)
      for i, x in enumerate(layers):
        value = np.asarray(x, np.float32)
        stacked[i] = value.T if ours.endswith("/kernel") else value
      return stacked
    value = np.asarray(tensors[theirs], np.float32)
    if ours == "tokens/embedding":
      return np.pad(value, ((0, shape[0] - len(value)), (0, 0)))
    return value

  return jax.tree_util.tree_map_with_path(fill, abstract)


def check(
  tensors: Mapping[str, Any], abstract: Any, config: encoder.EncoderConfig
) -> None:
  """Looks at names and shapes; arguments as of `from_tensors`.

  Raises:
    ValueError: a tensor is missing, unused or of another shape; all are named.
  """
  expected: dict[str, tuple[int, ...]] = {}

  def expect(path, leaf):
    ours = jax.tree_util.keystr(path, simple=True, separator="/")
    theirs, shape = _NAMES[ours], leaf.shape
    if "{}" in theirs:
      one = shape[:0:-1] if ours.endswith("/kernel") else shape[1:]
      expected.update({theirs.format(i): one for i in range(shape[0])})
    elif ours == "tokens/embedding":
      expected[theirs] = (config.vocab_size, shape[1])
    else:
      expected[theirs] = shape

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
    for name in sorted(set(used(tensors)) - set(expected))
  ]
  if problems:
    more = f"; and {len(problems) - _SHOWN} more" if problems[_SHOWN:] else ""
    raise ValueError(
      "weights do not fit: " + "; ".join(problems[:_SHOWN]) + more
    )


def used(tensors: Mapping[str, Any]) -> list[str]:
  """Names of those that are an encoder's, not another head's or a buffer."""
  return [name for name in tensors if not _UNUSED.match(name)]


def to_tensors(
  params: Any, config: encoder.EncoderConfig
) -> dict[str, np.ndarray]:
  """Hugging Face tensors of encoder parameters, the vocabulary cut to size."""
  tensors = {}

  def write(path, leaf):
    ours = jax.tree_util.keystr(path, simple=True, separator="/")
    theirs, value = _NAMES[ours], np.asarray(leaf)
    kernel = ours.endswith("/kernel")
    if "{}" in theirs:
      for i, x in enumerate(value):
        tensors[theirs.format(i)] = np.ascontiguousarray(x.T if kernel else x)
    elif ours == "tokens/embedding":
      tensors[theirs] = np.ascontiguousarray(value[: config.vocab_size])
    else:
      tensors[theirs] = value

  jax.tree_util.tree_map_with_path(write, params)
  return tensors
