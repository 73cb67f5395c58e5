"""Counts the blocks of real sources that share a text, at two lengths.

  python -m benchmarks.shared_texts --data=DATA --tokenizer=FOLDER

prints docs/data.md's table: DATA holds the sources of `benchmarks.padding`,
FOLDER a tokenizer.
"""

import argparse
import pathlib

import numpy as np
import tabulate

from benchmarks import padding
from hybridret_jax.data import (
  corpus_table,
  identity,
  pair_tokens,
  sources,
  tokenizer,
)

LENGTHS = (64, 256)


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument("--data", type=pathlib.Path, required=True)
  parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
  parser.add_argument("--query_length", type=int, default=64)
  args = parser.parse_args()
  text_tokenizer = tokenizer.load(args.tokenizer)
  cells = []
  for name, specs in (("generic", padding.GENERIC), ("legal", padding.LEGAL)):
    corpus = sources.read([padding.place(args.data, spec) for spec in specs])
    for length in LENGTHS:
      tokens = pair_tokens.encode(
        corpus,
        text_tokenizer,
        query_prefix="query: ",
        passage_prefix="passage: ",
        query_length=args.query_length,
        passage_length=length,
      )
      identities = pair_tokens.identities(tokens)
      settled = identity.settle(corpus, identities)
      cells.append([name, length, *joined(corpus, settled)])
      print(name, length, *settled.notes, dict(settled.skipped), flush=True)
  heads = ["Sources", "Passages cut at", "Rows", "Blocks", "Blocks that join"]
  heads += ["into", "Rows in them", "Largest"]
  print(tabulate.tabulate(cells, heads, tablefmt="github", intfmt=","))


def joined(
  before: corpus_table.Corpus, after: corpus_table.Corpus
) -> list[int]:
  """Rows, blocks, those that joined, into how many, their rows, the most."""
  pairs = np.unique(np.stack([after.block_row, before.block_row]), axis=1)
  whole, members = np.unique(pairs[0], return_counts=True)
  grown = whole[members > 1]
  return [
    len(before),
    pairs.shape[1],
    int(members[members > 1].sum()),
    len(grown),
    int(np.isin(after.block_row, grown).sum()),
    int(members.max()),
  ]


if __name__ == "__main__":
  main()
