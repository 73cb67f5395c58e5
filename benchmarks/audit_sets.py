"""Counts what a study's sets share: copies, near-copies, and what leaks.

  PYTHONPATH=. python benchmarks/audit_sets.py --sets=RUN/data \
    --model=MODEL --out=sets.json

Of a study of two domains (`study.domains`), by domain: rows whose query or
passage is, as the encoder sees it after the cut, that of another group; groups
that have a near-copy in another group of their language (Jaccard similarity of
character 5-grams of the whole passages, lower case, at least .5); the share of
the hybrid batches of the study that hold two such groups, each the other's
negative; and of the held-out task the candidates that have a near-copy among
the training passages of their language. And how hard the pairs are: mAP of the
start on them, within a language, averaged over languages.
"""

import argparse
import collections
import gzip
import itertools
import json
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.feature_extraction import text

from hybridret_jax import retriever, shipped
from hybridret_jax.data import composer, sources, tokenizer

NEAR, GRAM = 0.5, 5
_LENGTHS = {"query": 32, "passage": 64}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--sets", required=True, help="data of a study")
  parser.add_argument("--model", required=True, help="the start's folder")
  parser.add_argument("--out", default="sets.json")
  args = parser.parse_args()
  made = audit(pathlib.Path(args.sets), pathlib.Path(args.model))
  told = json.dumps(made, indent=1)
  pathlib.Path(args.out).write_text(told + "\n", "utf-8")
  print(told)


def audit(sets: pathlib.Path, model: pathlib.Path) -> dict[str, Any]:
  """The counts, by domain."""
  config = shipped.get_config("study/legal_vs_generic")
  found = {}
  for domain in ("legal", "generic"):
    rows = read(sets / f"{domain}_parallel")
    near = near_groups(rows)
    found[domain] = {
      "map_of_the_start": difficulty(rows, model),
      "rows": len(rows),
      "groups": len({row["group"] for row in rows}),
      "rows_with_a_query_of_another_group": shared(rows, "query", model),
      "rows_with_a_passage_of_another_group": shared(rows, "passage", model),
      "groups_with_a_near_copy": len({x for pair in near for x in pair}),
      "hybrid_batches_with_a_near_copy": batches_with(
        sets / f"{domain}_parallel", near, config
      ),
    }
  held = sets / "legal_held_out"
  candidates = lines(held / "candidates.jsonl")
  everything = [
    row for place in sorted((sets / "legal").iterdir()) for row in read(place)
  ]
  found["legal_held_out"] = {
    "against_the_matched_set": leaks(candidates, read(sets / "legal_parallel")),
    "against_all_legal_sources": leaks(candidates, everything),
  }
  return found


def read(folder: pathlib.Path) -> list[dict[str, Any]]:
  """The records of a source's files."""
  found = []
  for path in sorted(folder.glob("*.jsonl.gz")):
    with gzip.open(path, "rt", encoding="utf-8") as file:
      found += [json.loads(line) for line in file]
  return found


def lines(path: pathlib.Path) -> list[dict[str, Any]]:
  """The records of a file."""
  return [json.loads(x) for x in path.read_text("utf-8").splitlines()]


def shared(rows: list[dict[str, Any]], side: str, model: pathlib.Path) -> int:
  """Rows whose text is, as token ids after prefix and cut, another group's."""
  made = tokenizer.load(model)
  tokens = made.encode(
    [row[side] for row in rows],
    prefix=f"{side}: ",
    max_length=_LENGTHS[side],
  )
  groups = collections.defaultdict(set)
  keys = [
    tuple(tokens.ids[start:end].tolist())
    for start, end in itertools.pairwise(tokens.offsets.tolist())
  ]
  for key, row in zip(keys, rows, strict=True):
    groups[key].add(row["group"])
  return sum(len(groups[key]) > 1 for key in keys)


def difficulty(rows: list[dict[str, Any]], model: pathlib.Path) -> float:
  """mAP of a model within a language, of each row's passage among all."""
  loaded = retriever.Retriever.load(model)
  found = []
  for of_it in _by_language(rows).values():
    scores = loaded.encode_queries([row["query"] for row in of_it])
    scores = (
      scores @ loaded.encode_passages([row["passage"] for row in of_it]).T
    )
    ranks = (scores > np.diag(scores)[:, None]).sum(1) + 1
    found.append(float((1 / ranks).mean()))
  return round(float(np.mean(found)), 4)


def grams(given: str) -> list[str]:
  """Character n-grams of a text in lower case, white space made one blank."""
  flat = " ".join(given.lower().split())
  return [flat[i : i + GRAM] for i in range(max(len(flat) - GRAM + 1, 1))]


def similarities(ones: list[str], others: list[str]) -> np.ndarray:
  """Jaccard similarities of the texts' n-grams, float64 [ones, others]."""
  made = text.CountVectorizer(analyzer=grams, binary=True, dtype=np.int32)
  made.fit([*ones, *others])
  a, b = made.transform(ones), made.transform(others)
  shared = (a @ b.T).toarray()
  sizes = a.sum(1).A1[:, None] + b.sum(1).A1[None, :]
  return shared / (sizes - shared)


def near_groups(rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
  """Pairs of groups with near-copies in some language."""
  found = set()
  for of_it in _by_language(rows).values():
    passages = [row["passage"] for row in of_it]
    for i, j in np.argwhere(similarities(passages, passages) >= NEAR).tolist():
      one, other = sorted((of_it[i]["group"], of_it[j]["group"]))
      if one != other:
        found.add((one, other))
  return found


def batches_with(
  folder: pathlib.Path, near: set[tuple[str, str]], config: Any
) -> float:
  """Share of the study's hybrid batches that hold two groups of a pair."""
  corpus = sources.read([folder])
  run = config.run
  made = composer.Composer(
    corpus,
    strategy="hybrid",
    batch_size=run.batches.batch_size,
    alpha=run.batches.alpha,
  )
  hits = total = 0
  for seed in config.grids.primary.seeds:
    for step in range(run.train.steps):
      plan = made.plan(seed, step)
      there = {corpus.groups[group] for group in plan.group.tolist()}
      hits += any(a in there and b in there for a, b in near)
      total += 1
  return round(hits / total, 4)


def leaks(
  candidates: Iterable[dict[str, Any]], rows: list[dict[str, Any]]
) -> dict[str, Any]:
  """Held-out candidates with a near-copy among training passages."""
  trained = _by_language(rows)
  best = []
  for language, of_it in _by_language(candidates).items():
    known = [row["passage"] for row in trained.get(language, [])]
    if known:
      made = similarities([x["text"] for x in of_it], known)
      best += made.max(1).tolist()
    else:
      best += [0.0] * len(of_it)
  return {
    "candidates": len(best),
    "with_a_near_copy": sum(x >= NEAR for x in best),
    "share": round(sum(x >= NEAR for x in best) / len(best), 4),
    "highest_similarity": round(max(best), 4),
  }


def _by_language(rows):
  found = collections.defaultdict(list)
  for row in rows:
    found[row["lang"]].append(row)
  return found


if __name__ == "__main__":
  main()
