"""Compiles the train step for TPU slices, cell by cell: docs/preflight.md.

  PYTHONPATH=. python benchmarks/preflight_tables.py

Needs libtpu (the extra `tpu`), no TPU. A cell takes minutes; one that lies in
--folder is not compiled again, so that the program can be stopped and started.
The tables are written into the page between their marks.
"""

import argparse
import concurrent.futures
import dataclasses
import itertools
import json
import multiprocessing
import pathlib
import re
from typing import Any

from hybridret_jax import defaults
from hybridret_jax.preflight import compiled as compiling
from hybridret_jax.preflight import figures, topologies

BASE = "FacebookAI/xlm-roberta-base"
LARGE = "FacebookAI/xlm-roberta-large"
WIDTH = {BASE: 768, LARGE: 1024}
SLICES = ("v5e:2x4", "v5e:8x8", "v6e:4x4", "v5p:2x2x4")
MORE = ("v5e:2x4", "v5e:4x4", "v5e:8x8", "v5e:16x16")
BATCHES = (2048, 8192, 32_768, 65_536, 131_072)
# Tokens of a chunk on each chip, of the base model; half of it of the large.
CHUNKS = {"v5e": 8_192, "v6e": 32_768, "v5p": 65_536}
# Lengths that the naive step pads to; here their mean, in rows 95 % full.
TEXTS = compiling.Texts(query=32, passage=128, shortest=5, full=0.95)
UTILISATION = 0.4
# GiB of a step with replicated parameters, padded texts and full recomputation
# whose loss keeps all scores: the base model, by slice and batch.
NAIVE = {
  ("v5e:2x4", 2048): 6.9,
  ("v5e:2x4", 16_384): 13.9,
  ("v5e:8x8", 32_768): 6.8,
  ("v6e:4x4", 65_536): 38.8,
  ("v5p:2x2x4", 65_536): 40.1,
}
_GIB = 2**30
_MB = 1e6


@dataclasses.dataclass(frozen=True)
class Cell:
  """One train step: a model, a slice, a global batch."""

  model: str
  topology: str
  batch_size: int

  @property
  def file(self) -> str:
    """Name of its JSON file."""
    model = self.model.split("/")[-1]
    return f"{model}_{self.topology.replace(':', '-')}_{self.batch_size}.json"


# What is asked most, those that the naive step was compiled for, one batch on
# more and more chips, more and more pairs on some chips, the rest.
MUST = (
  Cell(BASE, "v6e:4x4", 65_536),
  Cell(BASE, "v5e:8x8", 131_072),
  Cell(LARGE, "v5e:8x8", 32_768),
)
CHIPS = tuple(Cell(BASE, topology, 32_768) for topology in MORE)
GROWING = tuple(Cell(BASE, "v5e:8x8", batch) for batch in BATCHES)
GRID = tuple(
  Cell(model, topology, batch)
  for model, topology, batch in itertools.product(
    (BASE, LARGE), SLICES, BATCHES
  )
)
COMPARED = tuple(Cell(BASE, *key) for key in NAIVE)
CELLS = tuple(dict.fromkeys((*MUST, *COMPARED, *CHIPS, *GROWING, *GRID)))


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--folder", default="docs/results/preflight")
  parser.add_argument("--page", default="docs/preflight.md")
  parser.add_argument("--attention", default="auto")
  parser.add_argument(
    "--cells", type=int, default=len(CELLS), help="the first so many of all"
  )
  args = parser.parse_args()
  folder, page = pathlib.Path(args.folder), pathlib.Path(args.page)
  folder.mkdir(parents=True, exist_ok=True)
  for number, cell in enumerate(CELLS[: args.cells]):
    path = folder / cell.file
    if path.is_file():
      continue
    print(f"{number + 1} of {args.cells}: {cell}", flush=True)
    # A process a cell: what a compiler took it does not give back.
    with concurrent.futures.ProcessPoolExecutor(
      1, mp_context=multiprocessing.get_context("spawn")
    ) as process:
      found = process.submit(compile_cell, cell, args.attention).result()
    path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    write_tables(folder, page)
  write_tables(folder, page)


def compile_cell(cell: Cell, attention: str) -> dict[str, Any]:
  """The figures of a cell, as `figures.figures` has them."""
  topology = topologies.of(cell.topology)
  config = settings(cell, devices=len(topology.devices), attention=attention)
  compiled = compiling.compile_step(config, topology, TEXTS)
  return figures.figures(
    config, topology, TEXTS, compiled, utilisation=UTILISATION
  )


def settings(cell: Cell, *, devices: int, attention: str) -> Any:
  """The config of a cell: what differs from the defaults."""
  config = defaults.get_config()
  config.model.init = cell.model
  config.model.dtype = "bfloat16"
  config.model.dropout = 0.1
  config.model.attention_dropout = 0.0  # The TPU kernel has none.
  config.model.attention = attention
  config.data.query_length = TEXTS.query
  config.data.passage_length = TEXTS.passage
  config.packing.row_lengths = (128,)
  config.packing.row_multiple = devices
  config.batches.batch_size = cell.batch_size
  chunk = CHUNKS[cell.topology.split(":")[0]]
  config.train.chunk_tokens = chunk // (2 if cell.model == LARGE else 1)
  config.mesh.fsdp = devices
  return config


def write_tables(folder: pathlib.Path, page: pathlib.Path) -> None:
  """Writes the tables of the cells in a folder into a page."""
  found = {
    cell: json.loads((folder / cell.file).read_text("utf-8"))
    for cell in CELLS
    if (folder / cell.file).is_file()
  }
  text = page.read_text("utf-8")
  for name, lines in (
    ("base", grid(found, BASE)),
    ("large", grid(found, LARGE)),
    ("chips", over(found, CHIPS)),
    ("batches", over(found, GROWING)),
  ):
    block = "\n".join([f"<!-- {name} -->", *lines, "<!-- end -->"])
    text, count = re.subn(
      rf"<!-- {name} -->\n.*?<!-- end -->",
      lambda _, b=block: b,
      text,
      flags=re.S,
    )
    if count != 1:
      raise ValueError(f"{page}: no marks of table {name!r}")
  page.write_text(text, "utf-8")


def grid(found: dict[Cell, dict[str, Any]], model: str) -> list[str]:
  """One row a slice and batch of a model."""
  rows = [
    "| slice | global batch | fits | HBM a chip, GiB | of | naive, GiB | chunks"
    " | pairs/s at 40 % of peak |",
    "|---|--:|---|--:|--:|--:|--:|--:|",
  ]
  slices = list(dict.fromkeys(MORE + SLICES))
  cells = (cell for cell in found if cell.model == model)
  for cell in sorted(
    cells, key=lambda cell: (slices.index(cell.topology), cell.batch_size)
  ):
    figures = found[cell]
    naive = NAIVE.get((cell.topology, cell.batch_size))
    rows.append(
      f"| {cell.topology} | {cell.batch_size:,}"
      f" | {'yes' if figures['fits'] else '**no**'}"
      f" | {figures['needed_bytes'] / _GIB:.1f}"
      f" | {figures['capacity_bytes'] / _GIB:.2f}"
      f" | {naive if naive and model == BASE else ''}"
      f" | {figures['chunks']['both']}"
      f" | {figures['pairs_per_second_bound']:,.0f} |"
    )
  return rows


def over(found: dict[Cell, dict[str, Any]], cells: Any) -> list[str]:
  """Megabytes that each chip sends in a step, by purpose."""
  purposes = ("parameters", "gradients", "vectors", "sums")
  rows = [
    "| slice | chips | global batch | parameters, MB | gradients, MB | vectors,"
    " MB | vectors / (B · D · 4 bytes) | sums, MB |",
    "|---|--:|--:|--:|--:|--:|--:|--:|",
  ]
  for cell in cells:
    if cell not in found:
      continue
    figures = found[cell]
    sent = dict.fromkeys(purposes, 0.0)
    for row in figures["collectives"]:
      sent[row["purpose"]] += row["bytes"] / _MB
    size = cell.batch_size * WIDTH[cell.model] * 4 / _MB
    rows.append(
      f"| {cell.topology} | {figures['devices']} | {cell.batch_size:,}"
      f" | {sent['parameters']:,.0f} | {sent['gradients']:,.0f}"
      f" | {sent['vectors']:,.0f} | {sent['vectors'] / size:.2f}"
      f" | {sent['sums']:.3f} |"
    )
  return rows


if __name__ == "__main__":
  main()
