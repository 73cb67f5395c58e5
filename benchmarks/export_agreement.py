"""Judges an exported folder through sentence-transformers alone.

Encode in an environment that has sentence-transformers (JAX is not needed),
then judge in this package's own, beside the run's results:

  PYTHONPATH=. python benchmarks/export_agreement.py encode \
      --model=runs/NAME/export --xquad_r=DATA/xquad-r --vectors=vectors.npz
  python benchmarks/export_agreement.py judge --xquad_r=DATA/xquad-r \
      --vectors=vectors.npz --results=runs/NAME/results/xquad_r
"""

import argparse
import time

import numpy as np

from hybridret_jax.retrieval.tasks import xquad_r


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("verb", choices=["encode", "judge"])
  parser.add_argument("--model")
  parser.add_argument("--xquad_r", required=True)
  parser.add_argument("--vectors", required=True)
  parser.add_argument("--results")
  args = parser.parse_args()
  task = xquad_r.load(args.xquad_r)
  if args.verb == "encode":
    encode(task, args.model, args.vectors)
  else:
    judge(task, args.vectors, args.results)


def encode(task, model: str, path: str) -> None:
  """The library's own vectors of every question and candidate."""
  import sentence_transformers

  library = sentence_transformers.SentenceTransformer(model, device="cpu")
  begun = time.perf_counter()
  q_QD = library.encode(
    list(task.query_texts), prompt_name="query", show_progress_bar=True
  )
  c_ND = library.encode(
    list(task.candidate_texts), prompt_name="passage", show_progress_bar=True
  )
  np.savez(path, q_QD=q_QD, c_ND=c_ND)
  print(f"encoded in {time.perf_counter() - begun:.0f} s: {path}")


def judge(task, path: str, folder: str) -> None:
  """Prints the run's figures, the library's, and the largest difference."""
  from hybridret_jax.reporting import results
  from hybridret_jax.retrieval import evaluation

  vectors = np.load(path)
  theirs = evaluation.evaluate(task, vectors["q_QD"], vectors["c_ND"])
  ours = results.load(folder)["systems"]["trained"]
  worst = 0.0
  for setting, metrics in ours["macro"].items():
    for metric, value in metrics.items():
      other = theirs["macro"][setting][metric]
      if metric != "rank_distance":
        worst = max(worst, abs(value - other))
      print(f"{setting:18} {metric:20} {value:10.4f} {other:10.4f}")
  print(f"largest difference of a share or mean: {worst:.5f}")


if __name__ == "__main__":
  main()
