"""What a task's figures follow from, hashed part by part."""

import numpy as np

from hybridret_jax.ground import digests
from hybridret_jax.retrieval.tasks import task as tasks

# Fields of a task that its figures follow from, by part.
PARTS = {
  "queries": ("query_ids", "query_texts", "query_language"),
  "candidates": (
    "candidate_ids",
    "candidate_texts",
    "candidate_language",
    "candidate_context",
  ),
  "judgements": (
    "relevant",
    "grades",
    "query_cluster",
    "query_subcluster",
    "query_group",
    "candidate_group",
    "misses",
    "left_out",
  ),
}
# Fields that change no figure: names, and what is said of it.
NO_FIGURES = ("name", "languages", "candidate_form", "notes")


def of(task: tasks.Task) -> dict[str, str]:
  """The SHA-256 of each part of a task, by its name in `PARTS`.

  Equal for two tasks whose queries, candidates and judgements are the same, in
  the same order (ties go to the lower index), whatever files held them.
  """
  found = {}
  for part, fields in PARTS.items():
    digest = digests.Digest()
    for field in fields:
      digest.add(field)
      for value in _values(task, field):
        digest.add(value)
    found[part] = digest.hexdigest()
  return found


def _values(task, field):
  value = getattr(task, field)
  if field.endswith("_language"):
    return (task.languages[x] for x in value.tolist())
  if field == "relevant":
    return (_judged(task, row) for row in task.relevant)
  if field == "grades":
    grades = value if value is not None else np.sign(task.relevant + 1)
    return ([grade for grade in row if grade > 0] for row in grades.tolist())
  if field == "left_out" and value is not None:
    return (_judged(task, row) for row in value[:, None])
  if field == "misses" and value is not None:
    return map(dict, value)
  return (None,) if value is None else value


def _judged(task, row):
  return [task.candidate_ids[c] for c in row.tolist() if c >= 0]
