"""What a run says while it trains: metrics, batches, boards, progress."""

import json
import logging
import math
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import tqdm

from hybridret_jax.ground import faults, reading, writing
from hybridret_jax.parallel import hosts
from hybridret_jax.reporting import trackers as trackers_lib

_LOG = logging.getLogger(__name__)
FILE = "metrics.jsonl"
CERTIFICATE = "certificate.jsonl"
_BOARD = "tensorboard"


class TrainingLog:
  """Appends metrics to metrics.jsonl, TensorBoard and trackers; to be closed.

  A resumed run goes on after the step that it restored: later lines, which an
  interrupted run has left, are dropped, so a step is logged once. A fresh run
  (start_step 0) starts an empty file. Of several processes only the first one
  writes. A tracker that fails is left out from there on, and that is said:
  metrics.jsonl has all.
  """

  def __init__(
    self,
    folder: str | os.PathLike,
    *,
    start_step: int = 0,
    trackers: Sequence[trackers_lib.Tracker] = (),
  ):
    """Opens the files; `trackers` are open ones, which it closes."""
    self._path = pathlib.Path(folder) / FILE
    self._board = None
    self._trackers = list(trackers)
    if not hosts.is_first():
      return
    self._path.parent.mkdir(parents=True, exist_ok=True)
    _truncate(self._path, start_step)
    import tensorboardX  # Slow to import: it brings torch, where that is.

    with writing.naming(self._path.parent / _BOARD):
      self._board = tensorboardX.SummaryWriter(
        str(self._path.parent / _BOARD),
        purge_step=start_step + 1 if start_step else 0,
        # Files are named by the second: two runs within one would collide.
        filename_suffix=f".{start_step}",
      )

  def __enter__(self) -> "TrainingLog":
    return self

  def __exit__(self, kind: object, *error: object) -> None:
    self.close(failed=kind is not None)

  def write(self, step: int, metrics: dict[str, Any]) -> None:
    """Logs numbers of one step; one that is not finite is stored as null."""
    if self._board is None:
      return
    record: dict[str, Any] = {"step": int(step)}
    numbers = {
      key: value if isinstance(value, int) else float(value)
      for key, value in metrics.items()
    }
    for key, number in numbers.items():
      record[key] = number if math.isfinite(number) else None
      if math.isfinite(number):  # TensorBoard takes no @ in a name.
        self._board.add_scalar(key.replace("@", "_"), number, step)
    # Closed each time: only then is it safe in a mounted bucket.
    with (
      writing.naming(self._path),
      self._path.open("a", encoding="utf-8") as lines,
    ):
      lines.write(json.dumps(record, allow_nan=False) + "\n")
    self._tell(lambda one: one.write(int(step), numbers))

  def close(self, *, failed: bool = False) -> None:
    """Closes the files, and the trackers as of a run that failed or is done."""
    self._tell(lambda one: one.close(failed))
    if self._board is not None:
      with writing.naming(self._path.parent / _BOARD):
        self._board.close()

  def _tell(self, what: Callable[[trackers_lib.Tracker], None]) -> None:
    """Does something with each tracker; one that fails is one no more."""
    for one in tuple(self._trackers):
      try:
        what(one)
      except Exception as error:  # Theirs: it is no reason to end a training.
        self._trackers.remove(one)
        _LOG.warning(
          "%s takes no more figures (%s: %s); %s has them all.",
          one.place,
          type(error).__name__,
          error,
          self._path,
        )


class Certificate:
  """Appends the digest of each step's batch to certificate.jsonl.

  As `TrainingLog`, a step is logged once. Digests wait until `flush`, which
  comes before a checkpoint: a run goes on from one, so none is lost.
  """

  def __init__(self, folder: str | os.PathLike, *, start_step: int = 0):
    self._path = pathlib.Path(folder) / CERTIFICATE
    self._waiting: list[str] = []
    if hosts.is_first():
      self._path.parent.mkdir(parents=True, exist_ok=True)
      _truncate(self._path, start_step)

  def add(self, step: int, digest: str) -> None:
    """Keeps a step's digest until the next `flush`."""
    self._waiting.append(json.dumps({"step": step, "batch": digest}) + "\n")

  def flush(self) -> None:
    """Writes what waits."""
    if hosts.is_first() and self._waiting:
      with (
        writing.naming(self._path),
        self._path.open("a", encoding="utf-8") as lines,
      ):
        lines.write("".join(self._waiting))
    self._waiting.clear()


def certificates(folder: str | os.PathLike) -> dict[int, str]:
  """The digest of each step that was logged; {} without a file.

  Raises:
    Fault: a line is none.
  """
  found: dict[int, str] = {}
  for number, record in enumerate(_records(folder, CERTIFICATE), start=1):
    digest = record.get("batch")
    if not isinstance(digest, str):
      raise faults.Fault(
        reading.Place(pathlib.Path(folder) / CERTIFICATE, number),
        f"batch is {reading.shown(digest)}",
        "bring the file back as it was written",
      )
    found[record["step"]] = digest
  return found


def read(folder: str | os.PathLike) -> list[dict[str, Any]]:
  """The records of metrics.jsonl, each with its `step`; [] without a file.

  A last line that an interruption cut short is left out.

  Raises:
    Fault: another line is not a JSON object with a step.
  """
  return _records(folder, FILE)


def _records(folder: str | os.PathLike, name: str) -> list[dict[str, Any]]:
  path = pathlib.Path(folder) / name
  if not path.is_file():
    return []
  whole = _ends_in_a_line(path)
  records = []
  lines = list(reading.lines(path))
  for number, (place, line) in enumerate(lines, start=1):
    if number == len(lines) and not whole:
      break
    try:
      record = reading.parse(line, place)
    except faults.Fault as fault:
      raise faults.Fault(place, fault.what, "remove the line") from fault
    step = record.get("step") if isinstance(record, dict) else None
    if not isinstance(step, int) or isinstance(step, bool):
      raise faults.Fault(
        place,
        f"{reading.shown(line)} is not a JSON object with a step",
        "remove the line",
      )
    records.append(record)
  return records


def _ends_in_a_line(path: pathlib.Path) -> bool:
  """Whether the last line has its end; a line that is being written has not."""
  with path.open("rb") as file:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 1, 0))
    return file.read() in (b"\n", b"")


def progress(total: int, *, start: int = 0, name: str = "train") -> tqdm.tqdm:
  """A progress bar in steps with the time left; `set_postfix` adds figures.

  Where standard error is no terminal it prints a line now and then.
  """
  return tqdm.tqdm(
    total=total,
    initial=start,
    desc=name,
    unit="step",
    dynamic_ncols=True,
    disable=not hosts.is_first(),
    mininterval=0.5 if sys.stderr.isatty() else 20,
  )


def _truncate(path: pathlib.Path, start_step: int) -> None:
  kept = [
    x
    for x in _records(path.parent, path.name)
    if start_step and x["step"] <= start_step
  ]
  writing.write(path, "".join(json.dumps(record) + "\n" for record in kept))
