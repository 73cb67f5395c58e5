"""A process's turn at a cell: claimed, kept, logged, and left by name."""

import contextlib
import datetime
import logging
import os
import pathlib
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence

import jax
import ml_collections
import numpy as np
from jax.experimental import multihost_utils

from hybridret_jax.ground import ends, leases
from hybridret_jax.parallel import hosts
from hybridret_jax.study import child_processes, design, ledger

_LOG = logging.getLogger(__name__)
LOST = 76  # Exit status when another process has taken the cell over.


def take(
  config: ml_collections.ConfigDict,
  cells: Sequence[design.Cell],
  workdir: pathlib.Path,
  *,
  retry: bool,
) -> tuple[design.Cell | None, leases.Lease | None]:
  """The first of the cells that can be had, and this process's claim on it.

  Of the processes of a job the first one claims; the others are told, and have
  no claim.

  Args:
    config: of the study.
    cells: the same in every process.
    workdir: of the study.
    retry: whether a cell that failed can be had.
  """
  index, lease = -1, None
  if hosts.is_first():
    index, lease = _claim(config, cells, workdir, retry)
  if jax.process_count() > 1:
    index = int(multihost_utils.broadcast_one_to_all(np.int32(index)))
  return (None if index < 0 else cells[index]), lease


@contextlib.contextmanager
def turn(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  cell: design.Cell,
  lease: leases.Lease | None,
) -> Iterator[None]:
  """Runs the block as the cell's one process, or one of its processes.

  The claim is kept alive meanwhile; a process that loses it ends at once. An
  error is named in the cell's folder and ends the process; a signal to end
  gives the cell back. After the block the claim is still there, to publish
  under.

  Args:
    config: of the study.
    workdir: of the study.
    cell: what is run.
    lease: this process's claim; None in a job's other processes.
  """
  folder = ledger.place(workdir, cell)
  try:
    if lease is None:
      yield
      return
    with (
      _given_back_on_signals(lease),
      leases.beating(lease, lease_seconds=config.lease_seconds, lost=_lost),
    ):
      ledger.begin(workdir, cell)
      yield
  except Exception as error:
    print(f"error: {ends.line(error)}", file=sys.stderr)
    _name(folder, lease, error)
    if lease:
      leases.give_back(lease)
    hosts.leave(1)
  except BaseException:  # A job that was told to end, and has saved.
    if lease:
      leases.give_back(lease)
    raise


def log_to(folder: pathlib.Path) -> None:
  """Appends what this process says from now on, crashes too, to a log."""
  index = jax.process_index()
  name = f"log_{index}.txt" if index else ledger.LOG
  folder.mkdir(parents=True, exist_ok=True)
  sys.stdout.flush()
  sys.stderr.flush()
  with (folder / name).open("ab") as file:
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
  now = datetime.datetime.now(datetime.UTC).isoformat("T", "seconds")
  print(f"{now}: begins or goes on", flush=True)


def _claim(config, cells, workdir, retry):
  """(index, claim); (-1, None) if none can be had."""
  for index, cell in enumerate(cells):
    folder = ledger.place(workdir, cell)

    def is_over(folder=folder):
      failed = (folder / ledger.FAILED).is_file() and not retry
      return failed or (folder / ledger.DONE).is_file()

    if is_over():
      continue
    lease = leases.acquire(folder, lease_seconds=config.lease_seconds)
    if lease is None:
      continue
    if not is_over():
      _LOG.info("%s, in %s.", cell.name, folder)
      return index, lease
    # It was finished between the first look and the claim.
    leases.give_back(lease)
  return -1, None


@contextlib.contextmanager
def _given_back_on_signals(lease) -> Iterator[None]:
  """Has signals to end give the cell back, and end the process.

  Not in a job of several processes: there SIGTERM has them save first.
  """
  if jax.distributed.is_initialized():
    yield
    return

  def leave(number, frame):
    # An exception would be lost where Python runs a callback just now.
    try:
      leases.give_back(lease)
    finally:
      os._exit(child_processes.ENDED)

  numbers = (signal.SIGTERM, signal.SIGINT)
  before = {number: signal.signal(number, leave) for number in numbers}
  try:
    yield
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)


def _lost() -> None:
  print("error: another worker has taken this cell over", file=sys.stderr)
  sys.stderr.flush()
  os._exit(LOST)


def _name(folder, lease, error) -> None:
  """Says what ended the cell, if that is still this process's to say."""
  sys.stdout.flush()
  sys.stderr.flush()
  # Of several processes the first to fail is the one to blame.
  mine = lease is None and not (folder / ledger.FAILED).exists()
  if mine or (lease is not None and leases.is_held(lease)):
    ledger.fail(
      folder, f"{type(error).__name__}: {error}", traceback.format_exc()
    )
