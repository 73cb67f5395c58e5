"""Whether what lies on disk is what was written there; reads only."""

import dataclasses
import pathlib
from collections.abc import Iterator

from hybridret_jax.assembly import places, run_record
from hybridret_jax.ground import faults, reading
from hybridret_jax.reporting import results, shares, training_log
from hybridret_jax.retrieval import store
from hybridret_jax.training import (
  checkpoint,
  checkpoint_digests,
  checkpoint_folder,
)

OK, UNKNOWN, DAMAGED = "ok", "unverified", "DAMAGED"


@dataclasses.dataclass(frozen=True)
class Finding:
  """What is known of a part of a folder.

  Attributes:
    place: the part.
    state: `OK`; `UNKNOWN` where nothing says what was written; or `DAMAGED`.
    about: why, or what was compared.
  """

  place: pathlib.Path
  state: str
  about: str


def verify(folder: pathlib.Path) -> list[Finding]:
  """Checks a run's folder, an export or a store of vectors.

  Args:
    folder: which of the three it is, is looked up in it.

  Returns:
    A finding for each part: checkpoints, records, results, the export, shards.

  Raises:
    Fault: it is none of the three.
  """
  if places.marked(folder) is not None:
    return [_export(folder)]
  if (folder / store.MANIFEST).is_file():
    return list(_shards(folder))
  if places.is_run(folder):
    return list(_run(folder))
  raise faults.Fault(
    folder,
    "holds no run, no export and no store of vectors",
    "give the folder of one",
  )


def _run(folder) -> Iterator[Finding]:
  for name in (places.CONFIG, run_record.FILE):
    if (folder / name).is_file():
      yield _read(folder / name, reading.document)
  log = folder / training_log.FILE
  if log.is_file():
    yield _read(log, lambda path: training_log.read(path.parent))
  if (folder / shares.FILE).is_file():
    yield _read(folder / shares.FILE, lambda path: shares.load(path.parent))
  for step, place in checkpoint_folder.steps(folder / "checkpoints"):
    yield _checkpoint(step, place)
  for path in sorted((folder / "results").glob(f"*/{results.FILE}")):
    yield _read(path, lambda path: results.load(path.parent))
  for mark in sorted(folder.glob(f"*/{places.MARK}")):
    yield _export(mark.parent)


def _checkpoint(step, place) -> Finding:
  if step not in {one.step for one in checkpoint.saved(place.parent)}:
    return Finding(place, DAMAGED, "its files are not all there")
  problem = checkpoint_digests.problem(place)
  if problem is not None:
    return Finding(place, DAMAGED, problem)
  if not checkpoint_digests.is_verified(place):
    return Finding(place, UNKNOWN, "no digests were written of it")
  return Finding(place, OK, "every file has its SHA-256")


def _export(folder) -> Finding:
  changed = places.changed(folder)
  if changed:
    return Finding(folder, DAMAGED, "; ".join(changed))
  if "sha256" not in (places.marked(folder) or {}):
    return Finding(folder, UNKNOWN, "no digests were written of it")
  return Finding(folder, OK, "every file has its SHA-256")


def _shards(folder) -> Iterator[Finding]:
  try:
    opened = store.of_folder(folder)
  except ValueError as error:
    yield Finding(folder / store.MANIFEST, DAMAGED, str(error))
    return
  bad = set(store.damaged(opened))
  for number in range(len(opened)):
    shard = opened.shards.get(number)
    if shard is None:
      yield Finding(folder / f"{number:05}.npy", UNKNOWN, "not finished")
      continue
    state = DAMAGED if number in bad else OK
    about = "not what was written" if number in bad else "has its SHA-256"
    yield Finding(folder / shard["file"], state, about)


def _read(path, read) -> Finding:
  try:
    read(path)
  except (OSError, ValueError, KeyError, TypeError) as error:
    return Finding(path, DAMAGED, " ".join(str(error).split())[:200])
  return Finding(path, OK, "can be read")
