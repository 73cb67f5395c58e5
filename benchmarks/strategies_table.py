"""Means and ranges over seeds of runs that differ in strategy and seed.

python benchmarks/strategies_table.py RUN [RUN ...]
"""

import argparse
import collections
import pathlib

import numpy as np
import tabulate

from hybridret_jax.reporting import results

_FIGURES = {
  "Monolingual mAP": ("monolingual", "map"),
  "Cross-lingual mAP": ("cross_lingual", "map"),
  "Pool mAP": ("multilingual_pool", "map"),
  "Rank distance": ("multilingual_pool", "rank_distance"),
}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("runs", nargs="+", type=pathlib.Path)
  args = parser.parse_args()
  found = collections.defaultdict(list)
  for run in args.runs:
    for path in sorted(run.glob(f"results/*/{results.FILE}")):
      saved = results.load(path.parent)
      strategy = saved["settings"]["batches"]["strategy"]
      found[saved["task"], strategy].append(saved["systems"]["trained"])
  rows = []
  for (task, strategy), systems in sorted(found.items()):
    cells = []
    for setting, metric in _FIGURES.values():
      values = [figures["macro"][setting][metric] for figures in systems]
      digits = 0 if metric == "rank_distance" else 3
      cells.append(
        f"{np.mean(values):.{digits}f} ({min(values):.{digits}f}"
        f"–{max(values):.{digits}f})"
      )
    rows.append([task, strategy, len(systems), *cells])
  heads = ["Task", "Strategy", "Seeds", *_FIGURES]
  print(tabulate.tabulate(rows, heads, tablefmt="github"))


if __name__ == "__main__":
  main()
