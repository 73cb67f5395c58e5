"""Train steps of real shapes: pairs a second, share of the peak, memory.

The step is the one that training runs, of the shipped settings in bfloat16
with random weights; rows are packed from texts of random tokens, 18 in a query
and 128 in a passage in the middle. The compiler's prediction of memory stands
beside the most that the device held.
"""

import dataclasses
import statistics
import time
from typing import Any

import jax
import ml_collections
import numpy as np

from configs import xlmr_base_hybrid
from hybridret_jax.assembly import model, train_step
from hybridret_jax.data import packing
from hybridret_jax.data import shapes as row_shapes
from hybridret_jax.models import cost, dual_encoder
from hybridret_jax.parallel import hosts, peaks
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.preflight import compiled as compiling

HUB = {
  "e5_small": "intfloat/multilingual-e5-small",
  "xlmr_base": "FacebookAI/xlm-roberta-base",
  "xlmr_large": "FacebookAI/xlm-roberta-large",
}
# (pairs, tokens of a query and of a passage at most, tokens of a chunk)
CASES = {
  "e5_small": (
    (256, (64, 256), 0),
    (256, (64, 512), 0),
    (2048, (64, 256), 0),
    (32_768, (64, 256), 131_072),
  ),
  "xlmr_base": (
    (256, (64, 256), 0),
    (256, (64, 512), 0),
    (2048, (64, 256), 131_072),
    (32_768, (64, 256), 131_072),
  ),
  "xlmr_large": (
    (256, (64, 256), 0),
    (256, (64, 512), 0),
    (2048, (64, 256), 65_536),
  ),
  "toy": ((8, (16, 32), 0), (16, (16, 32), 256)),
}
_TOKENS = (18, 128)  # Of a query and of a passage, in the middle.
_SECONDS = 6  # Of steps that are timed, once their time is known.


@dataclasses.dataclass(frozen=True)
class Prepared:
  """A step that waits to be run.

  Attributes:
    config: whose it is.
    module: the dual encoder, as the device runs it.
    mesh: the device.
    step: `train_step.make`'s.
    batch: that it takes, on the device.
    texts: tokens of each text, queries first.
  """

  config: ml_collections.ConfigDict
  module: dual_encoder.DualEncoder
  mesh: jax.sharding.Mesh
  step: train_step.TrainStep
  batch: dict[str, Any]
  texts: np.ndarray


def measure(name: str, case: tuple) -> dict[str, Any]:
  """What a step of one case takes.

  Args:
    name: of `CASES`.
    case: one of them.
  """
  made = prepare(name, case)
  found = {
    "model": name,
    "pairs": case[0],
    "lengths": list(case[1]),
    "chunk_tokens": case[2],
    "attention": made.module.encoder.attention,
    "tokens": int(made.texts.sum()),
    "slots": sum(tier[0].size for tier in made.batch["rows"]["both"]),
  }
  try:
    return found | _run(made)
  except jax.errors.JaxRuntimeError as error:
    if "RESOURCE_EXHAUSTED" not in str(error):
      raise
    return found | {"does_not_fit": str(error).splitlines()[0][:300]}


def prepare(name: str, case: tuple) -> Prepared:
  """A train step and its batch; arguments as of `measure`."""
  pairs, lengths, chunk = case
  config = settings(name, pairs, lengths, chunk)
  mesh = meshes.make(**config.mesh)
  module = model.for_mesh(compiling.module(config), mesh, training=True)
  row_lengths = tuple(config.packing.row_lengths)
  rows, texts = packed_rows(pairs, lengths, row_lengths, module)
  step = train_step.make(
    config,
    compiling.shape_only(module),
    mesh,
    shortest=int(texts.min()),
  )
  own = np.arange(pairs, dtype=np.int32)
  none = np.zeros((pairs, 0), np.int32)
  values = {"rows": {"both": rows}, "group": own, "text": own}
  values |= {"negative_group": none, "negative_text": none}
  batch = {
    key: hosts.to_global(values[key], sharding)
    for key, sharding in step.batch_shardings.items()
  }
  return Prepared(config, module, mesh, step, batch, texts)


def settings(
  name: str, pairs: int, lengths: tuple[int, int], chunk: int
) -> ml_collections.ConfigDict:
  """The shipped config of XLM-R base at another model and size."""
  config = xlmr_base_hybrid.get_config()
  config.data.query_length, config.data.passage_length = lengths
  config.packing.row_lengths = lengths
  config.batches.batch_size = pairs
  config.train.chunk_tokens = chunk
  config.model.attention_dropout = 0.0  # Fused kernels cannot drop.
  config.model.pooling = "mean"
  if name in HUB:
    config.model.init = HUB[name]
  else:
    config.model.init = model.SCRATCH
    config.model.tokenizer = model.TRAIN_TOKENIZER
    config.model.scratch.hidden_size = 64
  return config


def packed_rows(
  pairs: int,
  lengths: tuple[int, int],
  row_lengths: tuple[int, ...],
  module: Any,
) -> tuple[tuple[tuple[np.ndarray, ...], ...], np.ndarray]:
  """Rows of random tokens, and the tokens of each text, queries first."""
  rng = np.random.default_rng(0)
  texts = np.concatenate(
    [
      np.clip(
        np.exp(rng.normal(np.log(middle), 0.45, pairs)).astype(int), 5, longest
      )
      for middle, longest in zip(_TOKENS, lengths, strict=True)
    ]
  )
  shape = row_shapes.choose(
    [[texts]], row_lengths=row_lengths, multiple=8, number=1
  )[0][0]
  row_of = packing.place(texts, row_lengths, shape)
  assert row_of is not None
  offsets = np.concatenate([[0], np.cumsum(texts)])
  ids = rng.integers(5, module.encoder.vocab_size, offsets[-1], np.int32)
  tiers = packing.pack_tiers(
    ids,
    offsets,
    np.arange(len(texts)),
    row_lengths=row_lengths,
    row_counts=shape,
    pad_id=1,
    row_of=row_of,
  )
  return tuple(tier.arrays() for tier in tiers), texts


def _run(made):
  config, module, texts, batch = (
    made.config,
    made.module,
    made.texts,
    made.batch,
  )
  state = made.step.create(None)
  begun = time.perf_counter()
  with meshes.use(made.mesh):
    step = made.step.step.lower(state, batch).compile()
  compiled = time.perf_counter() - begun
  planned = compiling.memory_of(step.memory_analysis())
  state, figures = step(state, batch)
  first = float(figures["loss"])
  begun = time.perf_counter()
  state, figures = step(state, batch)
  jax.block_until_ready(figures)
  once = time.perf_counter() - begun
  each = max(round(_SECONDS / 3 / once), 1)
  taken = []
  for _ in range(3):
    begun = time.perf_counter()
    for _ in range(each):
      state, figures = step(state, batch)
    jax.block_until_ready(figures)
    taken.append((time.perf_counter() - begun) / each)
  seconds = statistics.median(taken)
  device = jax.devices()[0]
  peak = peaks.of(device.device_kind)
  pairs = config.batches.batch_size
  work = cost.Work(
    tokens=int(texts.sum()),
    attended=int((texts.astype(np.int64) ** 2).sum()),
    texts=2 * pairs,
  )
  flops = cost.train_step(module, work).model
  flops += cost.loss(
    module, pairs=pairs, directions=config.loss.directions
  ).model
  held = (device.memory_stats() or {}).get("peak_bytes_in_use")
  return {
    "seconds": seconds,
    "each_seconds": taken,
    "steps": 3 * each,
    "pairs_per_second": pairs / seconds,
    "tokens_per_second": int(texts.sum()) / seconds,
    "model_flops_per_second": flops / seconds,
    "mfu": peak and flops / seconds / peak.bfloat16,
    "compile_seconds": compiled,
    "first_loss": first,
    "last_loss": float(figures["loss"]),
    "planned_bytes": planned.total,
    # Of the process so far: cases come in the order of what they need.
    "peak_bytes": held,
  }
