"""Retrieval tasks for MTEB in three settings, made of ours, without a hub."""

import hashlib
import json
from typing import Any

import mteb  # pyright: ignore[reportMissingImports]
import numpy as np
from datasets import Dataset  # pyright: ignore[reportMissingImports]
from mteb.abstasks.retrieval import (  # pyright: ignore[reportMissingImports]
  AbsTaskRetrieval,
)

from hybridret_jax import library
from hybridret_jax.ground import faults, languages
from hybridret_jax.retrieval.tasks import digests
from hybridret_jax.retrieval.tasks import task as tasks

SETTINGS = ("monolingual", "cross_lingual", "multilingual_pool")
_SPLIT = "test"
_ABOUT = {
  "monolingual": "each language's queries over its own candidates",
  "cross_lingual": "each language's queries over those of each other one",
  "multilingual_pool": "each language's queries over the candidates of all",
}


def xquad_r(folder: str, **settings: Any) -> list[AbsTaskRetrieval]:
  """XQuAD-R (Roy et al., arXiv 2004.05484) of a local folder.

  Args:
    folder: with XQuAD-R's files, as docs/data.md has them.
    **settings: of `library.load_task`.
  """
  return of_task(library.load_task(f"xquad_r:{folder}", **settings))


def mlqa_r(folder: str, **settings: Any) -> list[AbsTaskRetrieval]:
  """MLQA-R (Roy et al., arXiv 2004.05484) of a local folder.

  Args:
    folder: with MLQA-R's files.
    **settings: of `library.load_task`.
  """
  return of_task(library.load_task(f"mlqa_r:{folder}", **settings))


def of_task(task: tasks.Task) -> list[AbsTaskRetrieval]:
  """A task for MTEB in each of `SETTINGS`; its subsets are the directions.

  Their mean over subsets is our mean over languages or ordered pairs. MTEB's
  cache goes by a task's name: give it `cache=None`, or another folder, for a
  task whose files have changed.

  Args:
    task: any task of texts alone.

  Raises:
    Fault: candidates have a context, or judged passages are missing, or
      queries are left out of their own ranking: MTEB has no such thing.
  """
  for what, there in (
    ("a context of its candidates", task.candidate_context is not None),
    ("relevant passages that are not there", task.misses is not None),
    ("queries among the candidates", task.left_out is not None),
  ):
    if there:
      raise faults.Fault(
        task.name, f"has {what}", "MTEB's retrieval tasks cannot say so"
      )
  return [
    made
    for setting in SETTINGS
    if (made := _of_setting(task, setting)) is not None
  ]


def _of_setting(task: tasks.Task, setting: str) -> AbsTaskRetrieval | None:
  subsets = {}
  for query, code in enumerate(task.languages):
    if setting == "multilingual_pool":
      subsets[code] = (query, None)
      continue
    for answer, other in enumerate(task.languages):
      if (query == answer) == (setting == "monolingual"):
        name = code if query == answer else f"{code}-{other}"
        subsets[name] = (query, answer)
  data = {name: _data(task, *pair) for name, pair in subsets.items()}
  data = {name: one for name, one in data.items() if one["relevant_docs"]}
  if not data:
    return None
  titled = "".join(part.capitalize() for part in setting.split("_"))
  langs = {
    name: sorted(
      {
        languages.with_script(task.languages[x])
        for x in subsets[name]
        if x is not None
      }
    )
    for name in data
  }
  metadata = mteb.TaskMetadata(
    name=f"{task.name}{titled}",
    description=f"{task.name}: {_ABOUT[setting]}.",
    type="Retrieval",
    category="t2t",
    eval_splits=[_SPLIT],
    eval_langs=langs,
    main_score="ndcg_at_10",
    dataset={"path": f"local/{task.name}", "revision": _revision(task)},
    bibtex_citation="",
  )

  class _Task(AbsTaskRetrieval):
    def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
      del num_proc, kwargs
      self.dataset = {
        name: {_SPLIT: data[name] | {"top_ranked": None}}
        for name in self.hf_subsets
      }
      self.data_loaded = True

  _Task.metadata = metadata
  _Task.__name__ = metadata.name
  return _Task()


def _revision(task: tasks.Task) -> str:
  """What the task's figures follow from."""
  return hashlib.sha256(json.dumps(digests.of(task)).encode()).hexdigest()


def _data(task: tasks.Task, query: int, answer: int | None) -> dict[str, Any]:
  """Queries of one language with what is relevant among the candidates."""
  mine = np.ones(task.num_candidates, bool)
  if answer is not None:
    mine = task.candidate_language == answer
  relevant: dict[str, dict[str, int]] = {}
  for number in np.flatnonzero(task.query_language == query).tolist():
    grades = (
      np.ones_like(task.relevant[number])
      if task.grades is None
      else task.grades[number]
    )
    found = {
      task.candidate_ids[candidate]: int(grade)
      for candidate, grade in zip(
        task.relevant[number].tolist(), grades.tolist(), strict=True
      )
      if candidate >= 0 and mine[candidate]
    }
    if found:
      relevant[task.query_ids[number]] = found
  numbers = [n for n, name in enumerate(task.query_ids) if name in relevant]
  candidates = np.flatnonzero(mine).tolist()
  return {
    "queries": Dataset.from_dict(
      {
        "id": [task.query_ids[n] for n in numbers],
        "text": [task.query_texts[n] for n in numbers],
      }
    ),
    "corpus": Dataset.from_dict(
      {
        "id": [task.candidate_ids[n] for n in candidates],
        "text": [task.candidate_texts[n] for n in candidates],
      }
    ),
    "relevant_docs": relevant,
  }
