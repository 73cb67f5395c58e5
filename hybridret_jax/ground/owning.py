"""A folder that one process at a time works on, and who it is.

The claims of `leases`, in `.owner` beside the work: another process is refused
in a line that names the host and the process that has the folder. What was
killed on this machine is replaced at once; of another machine, whose processes
cannot be looked at, once its claim was not touched for a minute.
"""

import contextlib
import logging
import pathlib
import threading
import time
from collections.abc import Iterator

from hybridret_jax.ground import faults, leases

_LOG = logging.getLogger(__name__)
FOLDER = ".owner"
LEASE = 60.0  # Seconds without a sign of life.
_LOOK = 0.5  # Seconds.


class Owner:
  """Who has a folder.

  Attributes:
    folder: what is worked on.
  """

  def __init__(self, folder: pathlib.Path, lease: leases.Lease | None):
    self.folder = folder
    self._lease = lease
    self._lost = threading.Event()

  def check(self) -> None:
    """To be called before anything is written that another might write too.

    Raises:
      Fault: another process has taken the folder over meanwhile.
    """
    if self._lease is None:
      return
    if self._lost.is_set() or not leases.is_held(self._lease):
      raise faults.Fault(
        self.folder,
        f"this process was not seen for {LEASE:g} s, and another has taken"
        " over; nothing more is written",
        "let that one go on, or end it and start this one again",
      )

  def lose(self) -> None:
    """Notes that another has the folder, or that its disk is gone."""
    self._lost.set()


@contextlib.contextmanager
def owned(
  folder: pathlib.Path,
  work: str,
  *,
  first: bool = True,
  lease_seconds: float = LEASE,
) -> Iterator[Owner]:
  """Holds a folder while the block runs.

  Args:
    folder: made if it is missing.
    work: what its holder does there, as in "trains this run".
    first: whether this process is the one of its job that holds it; the others
      hold nothing.
    lease_seconds: without a sign of life after which a process of another
      machine is taken for dead.

  Raises:
    Fault: another process has the folder; its host and id are named.
  """
  if not first:
    yield Owner(folder, None)
    return
  lease = _acquire(folder, work, lease_seconds)
  leases.forget_old(lease)
  owner = Owner(folder, lease)
  try:
    with leases.beating(lease, lease_seconds=lease_seconds, lost=owner.lose):
      yield owner
  finally:
    # A folder that was taken away meanwhile, or cannot be written any more.
    with contextlib.suppress(OSError):
      leases.give_back(lease)


def _acquire(folder, work, lease_seconds) -> leases.Lease:
  claims = folder / FOLDER
  seen, told = leases.last_sign(claims), False
  while True:
    lease = leases.acquire(claims, lease_seconds=lease_seconds)
    if lease is not None and leases.is_held(lease):
      return lease
    claim = leases.holder(claims, lease_seconds=lease_seconds)
    if claim:
      here, sign = leases.is_here(claim), leases.last_sign(claims)
      if here or (seen is not None and sign is not None and sign > seen):
        raise _other(folder, work, claim)
      if not told:
        _LOG.info(
          "%s: process %s on %s had it last; waiting up to %g s for a sign of"
          " it.",
          folder,
          claim.get("pid"),
          claim.get("host"),
          lease_seconds,
        )
      seen, told = sign, True
    time.sleep(_LOOK)


def _other(folder, work, claim) -> faults.Fault:
  return faults.Fault(
    folder,
    f"process {claim['pid']} on {claim['host']} {work}, since"
    f" {claim['started']}",
    "wait for it or end it, or give another --workdir",
  )
