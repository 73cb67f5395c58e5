"""How often every alpha stays on the Pareto front if seeds are drawn anew.

  python benchmarks/pareto_noise.py docs/results/alpha_sweep/study.json

Each alpha's means of the four headline figures are drawn anew as means of as
many seeds, normal around the means that were found; the deviation of a figure
is that of all alphas' seeds together. Printed is the share of draws in which
every alpha is on the front, of each task.
"""

import argparse
import json
import pathlib
import statistics

import numpy as np

HEADLINE = {
  "monolingual/map": 1,
  "cross_lingual/map": 1,
  "multilingual_pool/map": 1,
  "multilingual_pool/rank_distance": -1,
}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("study", type=pathlib.Path)
  parser.add_argument("--draws", type=int, default=20_000)
  args = parser.parse_args()
  study = json.loads(args.study.read_text("utf-8"))
  for task in (task["name"] for task in study["tasks"]):
    found = share(study, task, draws=args.draws)
    print(f"{task}: every alpha is on the front in {found:.2f} of draws")


def share(study: dict, task: str, *, draws: int = 20_000) -> float:
  """Of draws in which no alpha is dominated by another."""
  groups = [g["tasks"][task]["figures"] for g in study["grids"][0]["groups"]]
  signs = np.array(list(HEADLINE.values()))
  means_AF = signs * np.array(
    [[g[name]["mean"] for name in HEADLINE] for g in groups]
  )
  seeds = len(groups[0]["monolingual/map"]["by_seed"])
  deviations_F = [
    statistics.fmean(g[name]["sd"] ** 2 for g in groups) ** 0.5
    for name in HEADLINE
  ]
  rng = np.random.default_rng(0)
  drawn_NAF = rng.normal(
    means_AF, np.array(deviations_F) / seeds**0.5, (draws, *means_AF.shape)
  )
  return float(np.mean([on_front(one).all() for one in drawn_NAF]))


def on_front(values_AF: np.ndarray) -> np.ndarray:
  """Which rows no other row is as good as in all, and better than in one."""
  one_A1F, other_1AF = values_AF[:, None], values_AF[None]
  dominated_AA = (other_1AF >= one_A1F).all(-1) & (other_1AF > one_A1F).any(-1)
  return ~dominated_AA.any(1)


if __name__ == "__main__":
  main()
