"""What came of judging systems on a task, and the folder it is written into."""

import dataclasses
import importlib.metadata
import pathlib
from collections.abc import Mapping
from typing import Any

from hybridret_jax.assembly import detail
from hybridret_jax.reporting import results, tables
from hybridret_jax.retrieval import evaluation, trec
from hybridret_jax.retrieval.tasks import digests
from hybridret_jax.retrieval.tasks import task as tasks

_VERSIONS = ("jax", "flax", "optax", "orbax-checkpoint", "numpy")


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
  """Systems' figures on one task.

  Attributes:
    task: what was judged on.
    systems: what was found, by label.
    model: what made the vectors: `init`, `pooling`, `dimension`, and whatever
      else is known of it.
    settings: of the evaluation, nested.
    notes: what a reader of the figures must know, besides the task's.
    seconds: what encoding and scoring took.
  """

  task: tasks.Task
  systems: Mapping[str, evaluation.Judged]
  model: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  notes: tuple[str, ...] = ()
  seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)

  @property
  def figures(self) -> dict[str, dict[str, Any]]:
    """Each system's figures, see `retrieval.evaluation.judge`."""
    return {label: found.figures for label, found in self.systems.items()}

  @property
  def results(self) -> dict[str, Any]:
    """What results.json holds (docs/results_schema.md)."""
    return {
      "schema": results.SCHEMA,
      "task": self.task.name,
      "task_sha256": digests.of(self.task),
      "candidates": self.task.candidate_form,
      "model": dict(self.model),
      "settings": dict(self.settings),
      "versions": {n: importlib.metadata.version(n) for n in _VERSIONS},
      "notes": [*self.task.notes, *self.notes],
      "systems": self.figures,
      "seconds": dict(self.seconds),
    }

  def table(self) -> str:
    """The three settings of every system, as Markdown."""
    return tables.macro(self.results)

  def save(
    self,
    workdir: pathlib.Path | str,
    *,
    examples: int = 11,
    run_depth: int = 20,
    figures: bool = True,
  ) -> pathlib.Path:
    """Writes `<workdir>/results/<task>/` and says where it is.

    Each query's figures, what example queries find, TREC files, results.json
    with the matrices as CSV, summary.md and heatmaps.

    Args:
      workdir: of a run, or a folder for this alone.
      examples: queries whose candidates are shown, at most.
      run_depth: candidates of a query in the TREC run files; 0 for none.
      figures: whether heatmaps are drawn.
    """
    folder = pathlib.Path(workdir) / "results" / self.task.name
    if any(found.top_QK is not None for found in self.systems.values()):
      self._save_lists(folder, examples, run_depth)
    for label, found in self.systems.items():
      results.save_per_query(folder, label, detail.per_query(self.task, found))
    saved = self.results
    results.save(folder, saved)
    tables.save(folder, saved)
    if figures:
      from hybridret_jax.reporting import figures as drawings

      drawings.save(folder, saved)
    return folder

  def _save_lists(self, folder, examples, depth):
    shown = detail.chosen(self.task, examples)
    results.save_examples(
      folder,
      {
        "queries": detail.queries(self.task, shown),
        "systems": {
          label: detail.found(self.task, found, shown)
          for label, found in self.systems.items()
        },
      },
    )
    trec.write_qrels(
      folder / "qrels.trec",
      self.task.query_ids,
      self.task.candidate_ids,
      self.task.relevant,
      self.task.grades,
      self.task.misses,
    )
    for label, found in self.systems.items():
      scores_QK, top_QK = found.top_scores_QK, found.top_QK
      if depth and scores_QK is not None and top_QK is not None:
        trec.write_run(
          folder / f"run_{results.slug(label)}.trec",
          self.task.query_ids,
          self.task.candidate_ids,
          scores_QK[:, :depth],
          top_QK[:, :depth],
          tag=results.slug(label),
        )
