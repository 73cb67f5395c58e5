"""Given vectors of a task to figures: as they are, and corrected."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.sharding import Mesh

from hybridret_jax.assembly import given, judged, judging, systems
from hybridret_jax.parallel import mesh as meshes
from hybridret_jax.retrieval import evaluation
from hybridret_jax.retrieval.tasks import task as tasks

CORRECTED = "means_subtracted"
Vectors = np.ndarray | Callable[[Sequence[str]], np.ndarray]


def judge(
  task: tasks.Task,
  query_vectors: Vectors,
  candidate_vectors: Vectors,
  *,
  name: str = "given",
  corrections: Sequence[str] = (CORRECTED,),
  normalize: bool = False,
  depth: int = 100,
  trained_on: Sequence[str] = (),
) -> judged.Evaluation:
  """Every direction, the pool, the bias and intervals of anybody's vectors.

  Args:
    task: what they are of; see `load_task`.
    query_vectors: [Q, D] in the task's order, of length one; or what makes
      them of `task.query_texts`. Other than float32 numbers are cast.
    candidate_vectors: [N, D] likewise, of `task.candidate_texts`.
    name: what the figures are filed under.
    corrections: training-free ones that are judged beside the vectors as they
      are: "means_subtracted", "lir_1", "lir_2", … estimated on the task's
      texts.
    normalize: divides each vector by its length; without it another length
      than one is refused.
    depth: candidates of each ranking that the bias is judged by; 0 leaves out
      what needs whole rankings, and the intervals.
    trained_on: languages; figures of the others are marked as zero-shot.

  Returns:
    The figures by system, which can be saved, tabled and compared.

  Raises:
    Fault: naming the texts: a number or a width that does not fit, a value
      that is not finite, a length of zero or of another than one.
  """
  begun = time.perf_counter()
  vectors = [
    found(list(texts)) if callable(found) else found
    for found, texts in (
      (query_vectors, task.query_texts),
      (candidate_vectors, task.candidate_texts),
    )
  ]
  seconds = {f"encode_{name}": round(time.perf_counter() - begun, 1)}
  q_QD, c_ND = given.checked(task, *vectors, place=name, normalize=normalize)
  begun = time.perf_counter()
  found = of(
    task,
    (q_QD, c_ND),
    systems.of_given(
      name, [systems.parse(f"untrained_{one}") for one in corrections]
    ),
    mesh=meshes.make(),
    seen=trained_on,
    depth=depth,
  )
  seconds[f"score_{name}"] = round(time.perf_counter() - begun, 1)
  model: dict[str, Any] = {"init": name, "dimension": q_QD.shape[1]}
  if trained_on:
    model["training_languages"] = list(trained_on)
  return judged.Evaluation(
    task,
    found,
    model=model,
    settings={"evaluation": {"depth": depth, "normalize": normalize}},
    seconds=seconds,
  )


def of(
  task: tasks.Task,
  vectors: tuple[np.ndarray, np.ndarray],
  wanted: Sequence[systems.System],
  *,
  mesh: Mesh,
  **settings: Any,
) -> dict[str, evaluation.Judged]:
  """What is found of checked vectors, by label; see `judging.judge`."""
  made = judging.Vectors(*vectors, seconds=0.0)
  return {
    system.label: judging.judge(task, made, system, mesh=mesh, **settings)
    for system in wanted
  }


def of_folders(
  task: tasks.Task,
  folders: Sequence[given.Given],
  wanted: Sequence[systems.System],
  *,
  normalize: bool,
  **settings: Any,
) -> dict[str, evaluation.Judged]:
  """What is found of each folder's vectors, with the corrections of `wanted`.

  All are read before the first is judged.
  """
  read = {
    one.name: given.load(one, task, normalize=normalize) for one in folders
  }
  return {
    label: found
    for name, vectors in read.items()
    for label, found in of(
      task, vectors, systems.of_given(name, wanted), **settings
    ).items()
  }
