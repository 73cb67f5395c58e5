"""Cuts a model's vocabulary to what a study's texts and its tasks use.

  PYTHONPATH=. python benchmarks/trimmed_model.py --model=MODEL --data=DATA \
      --study=runs/trimmed --out=runs/me5_small_trimmed

The study's data are made where they are missing, as its first worker would.
"""

import argparse
import pathlib

import hybridret_jax as hr
from hybridret_jax import shipped
from hybridret_jax.data import sources
from hybridret_jax.study import design, preparation


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--model", required=True, help="a folder, or a hub id")
  parser.add_argument("--data", required=True, help="folder of the sources")
  parser.add_argument("--study", required=True, help="the study's --workdir")
  parser.add_argument("--out", required=True, help="where the model is written")
  parser.add_argument("--config", default="study/trimmed")
  args = parser.parse_args()
  config = shipped.get_config(args.config)
  with config.unlocked():
    config.run.data.folder = args.data
  study = pathlib.Path(args.study)
  preparation.prepare(config, study)
  found = hr.trim(args.model, texts(config, study), args.out)
  print(found)


def texts(config, study: pathlib.Path) -> list[str]:
  """Every text that the study's cells read, once, in order."""
  folder = pathlib.Path(config.run.data.folder)

  def place(name: str) -> str:
    return name.replace(design.STUDY, str(study.absolute()))

  trained = [place(name) for name in config.run.data.sources]
  found = dict.fromkeys(sources.read(trained).texts)
  for spec in config.run.evaluation.tasks:
    task = hr.load_task(place(spec), folder=folder)
    found |= dict.fromkeys((*task.query_texts, *task.candidate_texts))
  return list(found)


if __name__ == "__main__":
  main()
