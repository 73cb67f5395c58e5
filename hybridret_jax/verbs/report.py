"""Saved results of one run or of several to one page, tables and figures."""

import logging
import pathlib
from collections.abc import Sequence
from typing import Any

from hybridret_jax.assembly import detail, places
from hybridret_jax.ground import writing
from hybridret_jax.reporting import (
  comparison,
  figures,
  page,
  results,
  shares,
  throughput,
  training_log,
)
from hybridret_jax.retrieval import uncertainty

_LOG = logging.getLogger(__name__)


def report(
  runs: Sequence[pathlib.Path],
  out: pathlib.Path,
  *,
  baseline: str | None = None,
) -> list[pathlib.Path]:
  """Writes a page and its tables for each task that the runs share.

  `<out>/<task>/` gets index.html, comparison.md, comparison.tex, what training
  cost (training_cost.md, if a run was trained) and the figures as PNG and SVG.
  A system that stands in several runs with the same
  figures, as the untrained start does, is shown once. Every other system is
  compared with the baseline on the queries' own values, where the task says
  what they were drawn from.

  Args:
    runs: folders of runs that were evaluated.
    out: where the pages go.
    baseline: label of a system, "RUN: SYSTEM"; None is the first.

  Returns:
    The pages.

  Raises:
    FileNotFoundError: a run has no results.
    ValueError: no task is common to all, two runs have one name, what they
      were judged on under one name are different tasks, or the baseline is none
      of the systems.
  """
  tasks = shared_tasks(runs)
  places.check_report(out, tuple(tasks))
  pages = []
  costs = {run.resolve().name: throughput.of_run(run) for run in runs}
  cost_table = throughput.markdown(costs)
  mixtures = {run.resolve().name: shares.load(run) for run in runs}
  folders_of = {
    task: {run: run / "results" / task for run in runs} for task in tasks
  }
  # Before anything is written: what does not compare ends it here.
  entries_of = {task: _entries(folders) for task, folders in folders_of.items()}
  for task, folders in folders_of.items():
    entries = entries_of[task]
    compared = _compare(folders, entries, baseline)
    folder = out / task
    comparison.save(folder, entries, compared)
    figures.save_comparison(folder, entries, compared)
    if cost_table:
      writing.show(folder / "training_cost.md", cost_table)
    title = f"{task}: {', '.join(run.resolve().name for run in runs)}"
    pages.append(
      page.save(
        folder / "index.html",
        entries,
        compared,
        title=title,
        costs=costs,
        mixtures={name: x for name, x in mixtures.items() if x is not None},
      )
    )
    _LOG.info("%s: %d systems", pages[-1], len(entries))
  return pages


def shared_tasks(runs: Sequence[pathlib.Path]) -> list[str]:
  """Tasks that every run has results of.

  Raises:
    FileNotFoundError: a run has no results.
    ValueError: no task is common to all, or two runs have one name.
  """
  names = [run.resolve().name for run in runs]
  if len(set(names)) < len(names):
    raise ValueError(
      f"runs {names}: two have the same name, which labels their systems;"
      " rename a folder"
    )
  found = []
  for run in runs:
    tasks = {path.parent.name for path in run.glob(f"results/*/{results.FILE}")}
    if not tasks:
      raise FileNotFoundError(
        f"{run}/results has no {results.FILE}; run --mode=evaluate with"
        f" --workdir={run} first"
      )
    found.append(tasks)
  shared = sorted(set.intersection(*found))
  if not shared:
    raise ValueError(
      "no task is common to all runs: "
      + "; ".join(
        f"{run} has {', '.join(sorted(tasks))}"
        for run, tasks in zip(runs, found, strict=True)
      )
    )
  return shared


def _entries(
  folders: dict[pathlib.Path, pathlib.Path],
) -> list[comparison.Entry]:
  entries, seen = [], []
  loaded = {run: results.load(folder) for run, folder in folders.items()}
  # All of them: a system that is shown once stands in several.
  results.check_tasks({str(run): saved for run, saved in loaded.items()})
  unverified = results.unverified(
    {run.resolve().name: saved for run, saved in loaded.items()}
  )
  if unverified:
    _LOG.warning("%s", unverified)
  for run, folder in folders.items():
    saved = loaded[run]
    records = training_log.read(run)
    for system, found in saved["systems"].items():
      macro = (system, found["macro"])
      if macro in seen:
        continue
      seen.append(macro)
      name = run.resolve().name
      entries.append(
        comparison.Entry(
          label=f"{name}: {system}",
          run=name,
          results=saved,
          system=system,
          records=records,
          examples=results.load_examples(folder),
        )
      )
  return entries


def _compare(
  folders: dict[pathlib.Path, pathlib.Path],
  entries: list[comparison.Entry],
  baseline: str | None,
) -> dict[str, Any] | None:
  """The tests of all entries against one; None where there are none."""
  labels = [entry["label"] for entry in entries]
  baseline = baseline or labels[0]
  if baseline not in labels:
    raise ValueError(
      f"--baseline {baseline!r} is none of the systems: {'; '.join(labels)}"
    )
  folder_of = {run.resolve().name: folder for run, folder in folders.items()}
  try:
    values = {
      entry["label"]: detail.values(
        results.load_per_query(
          folder_of[entry.get("run", "")], entry["system"]
        ),
        entry["results"]["systems"][entry["system"]]["languages"],
      )
      for entry in entries
    }
  except (ValueError, FileNotFoundError) as error:
    _LOG.warning("No tests: %s.", error)
    return None
  others, last = [], {}
  for label in labels:
    if label == baseline:
      continue
    last = uncertainty.compare(values[label], values[baseline])
    others.append(
      {
        "label": label,
        "settings": last["settings"],
        "directions": last["directions"],
      }
    )
  if not others:
    return None
  return {
    "baseline": baseline,
    "others": others,
    "unit": "cluster",
    **{key: last[key] for key in ("level", "clusters", "metric")},
  }
