"""Where a run may write: its own folder, and where its export may go.

What is not ours is never replaced. A run's folder is known by its config.json,
an export by the mark that it carries, a file that lists what was written.
"""

import json
import os
import pathlib
from typing import Any

from hybridret_jax.ground import digests, faults, writing

CONFIG = "config.json"
MARK = "hybridret_jax.json"  # In an export.
# What a run has in its folder, besides an export.
_OF_RUN = frozenset(
  (
    *(CONFIG, "checkpoints", "metrics.jsonl", "preflight.json", "results"),
    *("certificate.jsonl", "shares.json", "inspect.html", "inspect.json"),
    *("tensorboard", "throughput.json", "tokenizer", "record.json", "logs"),
    *("trackers.json", "wandb", "nonfinite"),
    # Of a study's cell.
    *("cell.json", "done.json", "failed.json"),
  )
)
_BEGINNINGS = ("claim_", "log.", "log_", ".")
# Of whoever starts a run with its output sent there: nothing writes over them.
LOGS = (".log", ".out", ".err")
_OF_STUDY = frozenset(("study.json", "data", "cells", "report", "logs"))
# What exports held before they carried a mark.
_OF_EXPORT = frozenset(
  (
    *("modules.json", "config.json", "model.safetensors", "README.md"),
    *("config_sentence_transformers.json", "sentence_bert_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("1_Pooling", "2_Dense", "3_Dense", "2_Normalize", "3_Normalize"),
    *("4_Normalize", "query", "passage"),
  )
)


def check_run(workdir: pathlib.Path) -> None:
  """Raises a Fault where a run's folder would be somebody else's.

  It may be missing, empty, a run's, or hold nothing but what launchers, other
  verbs and a study's cells put there.
  """
  entries = _entries(workdir, "--workdir")
  if is_run(workdir):
    return
  if CONFIG in entries:
    raise faults.Fault(
      workdir / CONFIG,
      "is not a run's config, and a run would replace it",
      "give another --workdir",
    )
  _refuse_foreign(
    workdir,
    [n for n in entries if not _is_of_run(workdir / n) and not _is_log(n)],
    "a run",
  )


def check_study(workdir: pathlib.Path) -> None:
  """Raises a Fault where a study's folder would be somebody else's."""
  entries = _entries(workdir, "--workdir")
  if "study.json" in entries:
    return
  foreign = [
    n for n in entries if n not in _OF_STUDY and n[:1] != "." and not _is_log(n)
  ]
  _refuse_foreign(workdir, foreign, "a study")


def check_report(workdir: pathlib.Path, tasks: tuple[str, ...] = ()) -> None:
  """Raises a Fault where a report would lie among what is no report's.

  Args:
    workdir: where it goes.
    tasks: whose folders it writes.
  """
  entries = _entries(workdir, "--workdir")
  if is_run(workdir) or "study.json" in entries:
    raise faults.Fault(
      workdir,
      "is the folder of a run or a study",
      "give the report a --workdir of its own",
    )
  real = pathlib.Path(os.path.realpath(workdir))
  for parent in real.parents:
    if is_run(parent) and _is_of_run(
      parent / real.relative_to(parent).parts[0]
    ):
      raise faults.Fault(
        workdir,
        f"belongs to the run in {parent}",
        "give the report a --workdir of its own",
      )
  for task in tasks:
    held = _entries(workdir / task, "the report's folder")
    if held and "comparison.md" not in held:
      raise faults.Fault(
        workdir / task,
        f"holds {_some(held)}, and is no report's",
        "give another --workdir",
      )


def export_target(workdir: pathlib.Path, folder: str) -> pathlib.Path:
  """Where an export goes, once it is sure that nothing foreign lies there.

  In the run's folder a place that is missing or empty, or an export's, which
  is replaced; elsewhere one that is missing or empty.

  Args:
    workdir: of the run.
    folder: export.folder: relative to `workdir`, or absolute.

  Raises:
    Fault: it may not be written there.
  """
  target = pathlib.Path(os.path.normpath(workdir.absolute() / folder))
  run = pathlib.Path(os.path.realpath(workdir))
  real = pathlib.Path(os.path.realpath(target))

  def refused(what: str) -> faults.Fault:
    return faults.Fault(
      f"export.folder {folder!r}",
      f"{target} {what}; nothing is written",
      'give another, such as "export"',
    )

  if not folder.strip():
    raise refused("is the run's own folder")
  if target.is_symlink():
    raise refused("is a link")
  if real == run or real in run.parents:
    raise refused("is the run's own folder, or holds it")
  within = real.is_relative_to(run)
  if within and _is_of_run(run / real.relative_to(run).parts[0]):
    raise refused("belongs to the run itself")
  if not within:
    for parent in real.parents:
      if is_run(parent) or (parent / "study.json").is_file():
        raise refused(f"lies in {parent}, another run's folder")
  if os.path.lexists(target) and not target.is_dir():
    raise refused("is a file")
  if target.is_dir():
    held = [x for x in _listed(target) if not writing.is_aside(x)]
    if held and not within:
      raise refused(f"is outside of the run's folder and holds {_some(held)}")
    if held:
      _check_export(target, held, refused)
  _check_writable(target, refused)
  return target


def free(folder: pathlib.Path) -> pathlib.Path:
  """The folder, if nothing lies there.

  Raises:
    Fault: something does, or it may not be written.
  """
  target = pathlib.Path(os.path.normpath(folder.expanduser().absolute()))

  def refused(what: str) -> faults.Fault:
    return faults.Fault(target, f"{what}; nothing is written", "give another")

  if target.is_symlink():
    raise refused("is a link")
  held = _entries(target, "the place")
  if held:
    raise refused(f"holds {_some(held)}")
  _check_writable(target, refused)
  return target


def languages_of(export: pathlib.Path) -> tuple[str, ...]:
  """The languages that an export's mark names; none of another folder."""
  named = (marked(export) or {}).get("languages", ())
  return tuple(named) if all(isinstance(x, str) for x in named) else ()


def marked(folder: pathlib.Path) -> dict[str, Any] | None:
  """What an export's mark says; None of a folder that carries none of ours."""
  found = _json(folder / MARK)
  is_ours = isinstance(found, dict) and found.get("made_by") == "hybridret_jax"
  return found if is_ours else None


def mark(folder: pathlib.Path, **about: Any) -> None:
  """Puts the mark into an export that is otherwise whole."""
  files = sorted(
    path.relative_to(folder).as_posix()
    for path in folder.rglob("*")
    if path.is_file()
  )
  sha256 = {name: digests.of_file(folder / name) for name in files}
  text = json.dumps(
    {"made_by": "hybridret_jax", **about, "files": files, "sha256": sha256}
  )
  writing.write(folder / MARK, text + "\n")


def changed(export: pathlib.Path) -> list[str]:
  """What of an export is not as it was written, a sentence a file."""
  found = []
  for name, sha256 in (marked(export) or {}).get("sha256", {}).items():
    try:
      now = digests.of_file(export / name)
    except OSError as error:
      found.append(f"{name}: {error.strerror or error}")
      continue
    if now != sha256:
      found.append(f"{name}: not what was written (SHA-256 {now[:16]}…)")
  return found


def is_run(folder: pathlib.Path) -> bool:
  """Whether a folder is a run's."""
  config = _json(folder / CONFIG)
  return isinstance(config, dict) and {"batches", "train", "export"} <= set(
    config
  )


def _check_export(target, held, refused) -> None:
  found = marked(target)
  if found is not None:
    known = {MARK, *found.get("files", ())}
    there = {
      path.relative_to(target).as_posix()
      for path in target.rglob("*")
      if not path.is_dir() or path.is_symlink()
    }
    if there - known:
      raise refused(f"holds {_some(there - known)}, which no export wrote")
    return
  card = target / "README.md"
  for place in (card, target / "query" / "README.md"):
    if place.is_file() and "hybridret_jax" in _text(place):
      foreign = set(held) - _OF_EXPORT
      if not foreign:
        return
      raise refused(f"holds {_some(foreign)}, which no export wrote")
  raise refused(f"holds {_some(held)} and is no export")


def _check_writable(target, refused) -> None:
  for place in (target, *target.parents):
    if not os.path.lexists(place):
      continue
    if not place.is_dir():
      raise refused(f"is below {place}, which is no folder")
    # A folder is replaced by renaming, in the one that holds it.
    holder = place.parent if place == target else place
    if not os.access(holder, os.W_OK | os.X_OK):
      raise refused(f"cannot be written: {holder} does not let this user")
    return


def _refuse_foreign(workdir, foreign, what) -> None:
  if foreign:
    raise faults.Fault(
      workdir,
      f"holds {_some(foreign)}, and is not the folder of {what}",
      "give a --workdir that is new, empty, or was begun so",
    )


def _entries(folder: pathlib.Path, name: str) -> list[str]:
  """Names in a folder; none where it is missing.

  Raises:
    Fault: it is a file, or a link to nowhere.
  """
  if folder.is_dir():
    return [x for x in _listed(folder) if not writing.is_aside(x)]
  if os.path.lexists(folder):
    kind = "a link to nowhere" if folder.is_symlink() else "a file"
    raise faults.Fault(folder, f"{name} is {kind}", "give a folder")
  return []


def _listed(folder):
  return sorted(os.listdir(folder))


def _is_of_run(path) -> bool:
  return path.name in _OF_RUN or path.name.startswith(_BEGINNINGS)


def _is_log(name) -> bool:
  return name.endswith(LOGS)


def _some(names) -> str:
  names = sorted(names)
  more = f" and {len(names) - 3} more" if len(names) > 3 else ""
  return ", ".join(map(repr, names[:3])) + more


def _json(path):
  try:
    return json.loads(_text(path))
  except (OSError, ValueError, RecursionError):
    return None


def _text(path) -> str:
  return path.read_text("utf-8", "replace")
