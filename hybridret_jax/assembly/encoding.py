"""Texts to unit vectors outside training: tokenised once, packed, in order."""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import tqdm
from jax.sharding import Mesh

from hybridret_jax.data import calls, packing, tokenizer
from hybridret_jax.models import dual_encoder
from hybridret_jax.parallel import hosts
from hybridret_jax.parallel import mesh as meshes


@dataclasses.dataclass(frozen=True)
class TextEncoder:
  """Encodes lists of texts with given parameters.

  Attributes:
    module: the dual encoder.
    tokenizer: its tokenizer.
    mesh: devices that share the rows of a call.
    prefixes: text put before each text, by side.
    max_lengths: tokens a text is cut at, by side.
    row_lengths: lengths of rows that texts are packed in, see `calls.plan`;
      the longest text that is asked for adds its own.
    tokens_per_call: tokens of a call's rows, over all devices.
    cache: folder of cached tokens, or None.
  """

  module: dual_encoder.DualEncoder
  tokenizer: tokenizer.Tokenizer
  mesh: Mesh
  prefixes: dict[str, str]
  max_lengths: dict[str, int]
  row_lengths: tuple[int, ...] = (64, 128, 256, 512)
  tokens_per_call: int = 8192
  cache: pathlib.Path | None = None

  def __call__(
    self,
    params: Any,
    texts: Sequence[str],
    side: str,
    *,
    contexts: Sequence[str] | None = None,
    name: str = "",
  ) -> np.ndarray:
    """Unit vectors z_ND, float32, in the order of the texts.

    Args:
      params: of the dual encoder, on the mesh.
      texts: to embed; equal ones are encoded once.
      side: "query" or "passage": prefix, maximum length and tower.
      contexts: a second segment of each text.
      name: shown beside the progress bar.
    """
    items = list(zip(texts, contexts or [""] * len(texts), strict=True))
    unique = sorted(set(items))
    place = {item: i for i, item in enumerate(unique)}
    tokens = self.tokenizer.encode(
      [text for text, _ in unique],
      contexts=[context for _, context in unique] if contexts else None,
      prefix=self.prefixes[side],
      max_length=self.max_lengths[side],
      cache=self.cache,
    )
    lengths = tokens.lengths
    z_ND = None
    with tqdm.tqdm(
      total=int(lengths.sum()),
      desc=f"encode {name or side}",
      unit="token",
      unit_scale=True,
      delay=2,
      leave=None,  # Of the outermost bar only.
      disable=not hosts.is_first(),
    ) as bar:
      for numbers, z_SD in self._vectors(params, tokens, side):
        if z_ND is None:
          z_ND = np.empty((len(unique), z_SD.shape[1]), np.float32)
        z_ND[numbers] = z_SD[: len(numbers)]
        bar.update(int(lengths[numbers].sum()))
    if z_ND is None:
      raise ValueError("no texts to encode")
    return z_ND[[place[item] for item in items]]

  def _vectors(self, params, tokens, side):
    """(numbers of the texts, their vectors) of each call."""
    # Tied towers share the programs of both sides.
    side = "query" if self.module.tied else side
    longest = max(self.max_lengths.values())
    tiers = sorted({min(n, longest) for n in self.row_lengths} | {longest})
    before = None
    for call in calls.plan(
      tokens.lengths,
      row_lengths=tiers,
      tokens=self.tokens_per_call,
      slices=meshes.slices(self.mesh),
    ):
      packed = packing.pack(
        tokens.ids,
        tokens.offsets,
        call.texts,
        row_length=call.row_length,
        row_count=call.row_count,
        pad_id=self.tokenizer.pad_id,
        row_of=call.row_of,
        num_texts=call.num_texts,
        types=tokens.types,
      )
      rows = hosts.share(packed.arrays(), meshes.rows_sharding(self.mesh))
      apply = _jitted(self.module, call.num_texts, side, self.mesh)  # pyright: ignore[reportArgumentType]
      with meshes.use(self.mesh):
        now = call.texts, apply(params, (rows,))
      # The devices are busy with one call while the next one is packed.
      if before:
        yield before[0], hosts.whole(before[1])
      before = now
    if before:
      yield before[0], hosts.whole(before[1])


@functools.lru_cache(maxsize=64)
def _jitted(module, num_texts, side, mesh):
  def apply(params, rows):
    return module.apply(
      {"params": params}, rows, num_texts=num_texts, side=side
    )

  return jax.jit(apply, out_shardings=meshes.replicated(mesh))
