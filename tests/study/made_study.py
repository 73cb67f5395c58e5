"""A finished study on disk: numpy's vectors judged, with planted effects."""

import functools
import json
import pathlib
import tempfile
import zlib

import ml_collections
import numpy as np

from hybridret_jax import defaults
from hybridret_jax.assembly import detail
from hybridret_jax.reporting import results, throughput
from hybridret_jax.retrieval import evaluation
from hybridret_jax.retrieval.tasks import digests, task
from hybridret_jax.study import design, outcomes, report
from hybridret_jax.training import meter

TASK = "xquad_r"
LANGUAGES = ("de", "en", "hi")
SEEN = ("de", "en")
STRATEGIES = ("monolingual", "cross_lingual", "hybrid")
DOMAINS = ("generic", "legal")
ALPHAS = ("0.0", "0.5", "1.0")
# How far a language's vectors stand apart, and how noisy all are.
APART = {"monolingual": 1.2, "cross_lingual": 0.5, "hybrid": 0.5}
NOISE = {"generic": 0.35, "legal": 0.6}
START = {"untrained": 1.6, "untrained_means_subtracted": 0.9}
DISTANCE = {"figure": "multilingual_pool/rank_distance", "rule": "less"}
LABELS = {
  "untrained": "untrained",
  "untrained_means_subtracted": "untrained, language means subtracted",
}


@functools.cache
def whole():
  """(config, finished cells) of the whole study, made once."""
  made = config(claims=(claim("pool"), claim("distance", **DISTANCE)))
  return made, finish(made, tempfile.mkdtemp())


@functools.cache
def collected(*skip):
  """What the report shows of all cells but those whose name holds a `skip`."""
  made, finished = whole()
  left = [x for x in finished if not _skipped(x.cell, skip)]
  return report.collect(made, left)


def run():
  """A run's config; nothing is trained with it."""
  config = defaults.get_config()
  with config.unlocked():
    config.data.sources = ("made",)
    config.data.languages = SEEN
    config.model.init = "made"
    config.evaluation.tasks = ("xquad_r:folder", "jsonl:{study}/made")
    config.evaluation.systems = ("trained",)
    for key in ("figures", "keep_vectors"):
      config.evaluation[key] = False
  return config


def config(*, seeds=(0, 1, 2), claims=(), alphas=True):
  """A study of 2 domains by 3 strategies, and of alpha."""
  made = ml_collections.ConfigDict()
  made.name = "made"
  made.run = run()
  made.data = ml_collections.ConfigDict()
  made.grids = ml_collections.ConfigDict()
  made.grids.primary = ml_collections.ConfigDict()
  made.grids.primary.axes = (
    (
      "domain",
      tuple(
        (x, (("data.source_weights", (i + 1.0,)),))
        for i, x in enumerate(DOMAINS)
      ),
    ),
    ("strategy", tuple((x, (("batches.strategy", x),)) for x in STRATEGIES)),
  )
  made.grids.primary.seeds = seeds
  if alphas:
    made.grids.alpha = ml_collections.ConfigDict()
    made.grids.alpha.axes = (
      ("alpha", tuple((x, (("batches.alpha", float(x)),)) for x in ALPHAS)),
    )
    made.grids.alpha.seeds = seeds
  made.modes = ("train", "evaluate")
  made.tests = ml_collections.ConfigDict()
  made.tests.level = 0.95
  made.tests.compare = (
    ("primary", "strategy", "hybrid", "monolingual"),
    ("primary", "strategy", "hybrid", "cross_lingual"),
    ("primary", "domain", "legal", "generic"),
  )
  made.claims = tuple(claims)
  made.notes = ("Numbers that numpy drew.",)
  return made.lock()


def claim(name, **given):
  """A claim, by default that hybrid beats monolingual batches in the pool."""
  made = {
    "id": name,
    "claim": f"What {name} says.",
    "source": "paper",
    "grid": "primary",
    "task": "xquad_r",
    "figure": "multilingual_pool/map",
    "a": (("domain", "generic"), ("strategy", "hybrid")),
    "b": (("domain", "generic"), ("strategy", "monolingual")),
    "over": (),
    "rule": "greater",
    "level": 0.95,
  }
  return ml_collections.ConfigDict(made | given)


def finish(
  config, workdir, *, skip=(), tasks=(TASK,), clusters=True
) -> list[outcomes.Finished]:
  """Writes the result of every cell but those whose name holds a `skip`."""
  finished = []
  for cell in design.cells(config):
    if _skipped(cell, skip):
      continue
    folder = pathlib.Path(workdir) / "cells" / cell.key
    for name in tasks:
      _judge(cell, folder / "results" / name, name, clusters)
    if not design.is_start(cell):
      throughput.save(folder, _card())
    (folder / "done.json").write_text(json.dumps({"seconds": 30.0}))
    finished.append(outcomes.Finished(cell, folder))
  return finished


def made_task(name, *, clusters=True) -> task.Task:
  """12 articles of two questions, all in three languages."""
  groups = range(24)
  languages = np.repeat(np.arange(3), 24).astype(np.int32)
  names = [f"{LANGUAGES[x]}{g}" for x in range(3) for g in groups]
  return task.Task(
    name=name,
    languages=LANGUAGES,
    query_texts=tuple(f"question {x}" for x in names),
    query_ids=tuple(f"q{x}" for x in names),
    query_language=languages,
    candidate_texts=tuple(f"answer {x}" for x in names),
    candidate_ids=tuple(f"c{x}" for x in names),
    candidate_language=languages,
    candidate_context=None,
    relevant=task.pad_relevant([[g, g + 24, g + 48] for g in [*groups] * 3]),
    query_cluster=tuple(f"article {g // 2}" for g in [*groups] * 3)
    if clusters
    else None,
    query_group=tuple(f"g{g}" for g in [*groups] * 3),
    candidate_group=tuple(f"g{g}" for g in [*groups] * 3),
    notes=(f"A note of {name}.",),
  )


def vectors(name, seed, apart, noise):
  """Unit vectors of questions and candidates: topic, language and noise."""
  # Texts are the same in every cell; what a cell makes of them is not.
  texts = np.random.default_rng(sum(name.encode()))
  topic = np.tile(texts.normal(size=(24, 12)), (3, 1))
  topic += 0.5 * texts.normal(size=topic.shape)
  language = np.repeat(texts.normal(size=(3, 12)), 24, axis=0)
  rng = np.random.default_rng(seed)
  sides = []
  for _ in range(2):
    side = topic + apart * language + 2 * noise * rng.normal(size=topic.shape)
    sides.append(side / np.linalg.norm(side, axis=1, keepdims=True))
  return [side.astype(np.float32) for side in sides]


def _skipped(cell, skip):
  return any(part in name for part in skip for name in cell.names)


def _judge(cell, folder, name, clusters):
  the_task = made_task(name, clusters=clusters)
  systems = {}
  for label, seed, apart, noise in _systems(cell):
    judged = evaluation.judge(
      the_task, *vectors(name, seed, apart, noise), seen=SEEN, depth=10
    )
    systems[label] = judged.figures
    rows = detail.per_query(the_task, judged)
    results.save_per_query(folder, label, rows)
  results.save(
    folder,
    {
      "schema": results.SCHEMA,
      "task": name,
      "task_sha256": digests.of(the_task),
      "candidates": "as given",
      "systems": systems,
      "model": {"training_languages": list(SEEN)},
      "settings": {},
      "seconds": {"encode": 1.0},
      "versions": {"numpy": "2"},
      "notes": list(the_task.notes),
    },
  )


def _systems(cell):
  """(label, seed, apart, noise) of what a cell judges."""
  if design.is_start(cell):
    return [(LABELS[x], 999, apart, 0.5) for x, apart in START.items()]
  levels = next(iter(cell.factors.values()))
  # All cells of a seed share what it draws, as paired runs share a start.
  seed = 10 + cell.seed
  if "alpha" in levels:
    alpha = float(levels["alpha"])
    return [("trained", seed, 0.4 + alpha, 0.5 - 0.1 * alpha)]
  jitter = 0.02 * (zlib.crc32(f"{[*levels.values()]}{seed}".encode()) % 5)
  apart = APART[levels["strategy"]] + jitter
  return [("trained", seed, apart, NOISE[levels["domain"]])]


def _card():
  card = meter.Meter().card()
  card["devices"] |= {"kind": "cpu", "count": 2}
  card["total"] |= {"steps": 5, "pairs": 50, "seconds": 6.0, "model_flops": 100}
  return card | {
    "first_step": 0,
    "last_step": 5,
    "steady": {"records": 3, "pairs_per_second": 8.0},
    "compilations": {"step": 1, "all": 2, "step_seconds": 3.0},
    "negatives_per_query": 9.0,
    "peak_memory": {"bytes": 2**30, "of": "process"},
  }
