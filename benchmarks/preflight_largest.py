"""Looks for the largest batches of today's encoders: docs/preflight.md.

  PYTHONPATH=. python benchmarks/preflight_largest.py

Needs libtpu (the extra `tpu`), no TPU. Each cell is `--mode=plan` with
`--search=batch`: a model, a slice, a length of passages. A cell that lies in
--found is not looked for again, so that the program can be stopped and started.
The table is written into the page between its marks.
"""

import argparse
import concurrent.futures
import dataclasses
import itertools
import json
import multiprocessing
import pathlib
import re
import tempfile
from typing import Any

import ml_collections

from hybridret_jax import preflight, shipped

# Names in the table, ids on the hub, LoRA's rank (0: everything is trained).
MODELS = {
  "mmBERT small": ("jhu-clsp/mmBERT-small", 0),
  "mmBERT base": ("jhu-clsp/mmBERT-base", 0),
  "gte-multilingual-base": ("Alibaba-NLP/gte-multilingual-base", 0),
  "BGE-M3": ("BAAI/bge-m3", 0),
  "EmbeddingGemma-300M": ("google/embeddinggemma-300m", 0),
  "Qwen3-Embedding-0.6B, LoRA": ("Qwen/Qwen3-Embedding-0.6B", 16),
  "Qwen3-Embedding-0.6B": ("Qwen/Qwen3-Embedding-0.6B", 0),
}
SLICES = {"v5e:1x1": 1, "v5e:2x4": 8, "v6e:2x4": 8}
LENGTHS = (512, 8192)
QUERY = 18  # Tokens, on average.
# Pairs of a chip that the search begins with, where no slice was looked at yet.
START = {512: 16, 8192: 1}
_GIB = 2**30
# What the search's start is foretold from; each is compiled all the same.
CAPACITY = {"v5e:1x1": 15.75 * _GIB, "v5e:2x4": 15.75 * _GIB}
CAPACITY["v6e:2x4"] = 31.25 * _GIB
PARAMETERS = dict(
  zip(MODELS, (141e6, 307e6, 305e6, 568e6, 308e6, 20e6, 596e6), strict=True)
)
SPLIT = 12  # Bytes of a parameter and its moments.


@dataclasses.dataclass(frozen=True)
class Cell:
  """What is looked for: the largest batch of these.

  Attributes:
    model: one of `MODELS`.
    topology: one of `SLICES`.
    length: tokens of a passage.
  """

  model: str
  topology: str
  length: int


CELLS = tuple(
  Cell(model, topology, length)
  for length, model, topology in itertools.product(LENGTHS, MODELS, SLICES)
)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--found", default="docs/results/preflight/largest.jsonl")
  parser.add_argument("--page", default="docs/preflight.md")
  parser.add_argument("--only", default="", help="of these names of models")
  args = parser.parse_args()
  path, page = pathlib.Path(args.found), pathlib.Path(args.page)
  found = read(path)
  for number, cell in enumerate(CELLS):
    if cell in found or args.only not in cell.model:
      continue
    print(f"{number + 1} of {len(CELLS)}: {cell}", flush=True)
    # A process a cell: what a compiler took it does not give back.
    with concurrent.futures.ProcessPoolExecutor(
      1, mp_context=multiprocessing.get_context("spawn")
    ) as process:
      found[cell] = process.submit(look, cell, start(found, cell)).result()
    with path.open("a", encoding="utf-8") as file:
      row = {**dataclasses.asdict(cell), **found[cell]}
      file.write(json.dumps(row) + "\n")
    write_table(found, page)
  write_table(found, page)


def start(found: dict[Cell, dict[str, Any]], cell: Cell) -> int:
  """A batch to begin with: what a chip held elsewhere, with this one's room."""
  devices = SLICES[cell.topology]
  for topology in ("v5e:2x4", "v5e:1x1"):
    row = found.get(dataclasses.replace(cell, topology=topology))
    fitting = [t for t in row["trials"] if t[1]] if row else []
    if len(fitting) < 2:
      continue
    (small, _, before, *_), (large, _, after, *_) = sorted(fitting)[-2:]
    pair = max(after - before, 1) / (large - small) * SLICES[topology]
    room = CAPACITY[cell.topology] - after
    # Parameters and moments that more chips split.
    room += (
      SPLIT * PARAMETERS[cell.model] * (1 / SLICES[topology] - 1 / devices)
    )
    return max(int(large / SLICES[topology] + room / pair), 1) * devices
  return START[cell.length] * devices


def look(cell: Cell, start: int) -> dict[str, Any]:
  """The largest batch, None if none fits, and what was tried."""
  with tempfile.TemporaryDirectory() as folder:
    workdir = pathlib.Path(folder)
    preflight.plan(
      settings(cell, start),
      workdir,
      topology=cell.topology,
      mean_tokens=(QUERY, cell.length),
      search="batch",
    )
    saved = json.loads((workdir / preflight.FILE).read_text("utf-8"))
  figures = saved["figures"]
  kept = ("needed_bytes", "capacity_bytes", "pairs_per_second_bound")
  return {
    "batch_size": figures["batch_size"] if figures["fits"] else None,
    **{key: figures[key] for key in kept},
    "versions": figures["versions"],
    "trials": [
      [
        *(t["batch_size"], t["fits"], t["needed_bytes"]),
        *(t["compile_seconds"], t["failed"]),
      ]
      for t in saved["trials"]
    ],
  }


def settings(cell: Cell, batch_size: int) -> ml_collections.ConfigDict:
  """The config of a cell: mmbert_base_hybrid's but for what it names."""
  config = shipped.get_config("mmbert_base_hybrid")
  devices = SLICES[cell.topology]
  config.model.init, config.lora.rank = MODELS[cell.model]
  if "gemma" in config.model.init:
    config.model.projection, config.model.projection_hidden = 768, 3072
  config.model.dropout = config.model.attention_dropout = 0.0
  config.data.passage_length = cell.length
  config.packing.row_lengths = (64, cell.length)
  config.packing.row_multiple = devices
  config.mesh.fsdp = devices
  config.train.chunk_tokens = 0
  config.batches.batch_size = batch_size
  return config


def read(path: pathlib.Path) -> dict[Cell, dict[str, Any]]:
  """Cells that were looked for already."""
  names = [field.name for field in dataclasses.fields(Cell)]
  lines = path.read_text("utf-8").splitlines() if path.is_file() else []
  rows = [json.loads(line) for line in lines]
  return {Cell(**{name: row.pop(name) for name in names}): row for row in rows}


def write_table(found: dict[Cell, dict[str, Any]], page: pathlib.Path) -> None:
  """Writes the table of what was found into a page.

  Raises:
    ValueError: the page has not the table's marks once.
  """
  block = "\n".join(["<!-- largest -->", *table(found), "<!-- end -->"])
  text, count = re.subn(
    r"<!-- largest -->\n.*?<!-- end -->",
    lambda _: block,
    page.read_text("utf-8"),
    flags=re.S,
  )
  if count != 1:
    raise ValueError(f"{page}: no marks of the table 'largest'")
  page.write_text(text, "utf-8")


def table(found: dict[Cell, dict[str, Any]]) -> list[str]:
  """A row for each model, a column for each length and slice."""
  heads = [f"{slice_}, {length:,}" for length in LENGTHS for slice_ in SLICES]
  rows = [
    "| model | " + " | ".join(heads) + " |",
    "|---|" + "--:|" * len(heads),
  ]
  for model in MODELS:
    cells = (
      _figure(found.get(Cell(model, slice_, length)))
      for length in LENGTHS
      for slice_ in SLICES
    )
    rows.append(f"| {model} | " + " | ".join(cells) + " |")
  return rows


def _figure(row):
  if row is None:
    return ""
  if row["batch_size"] is None:
    return f"none: {row['needed_bytes'] / _GIB:.1f} GiB"
  return f"{row['batch_size']:,}"


if __name__ == "__main__":
  main()
