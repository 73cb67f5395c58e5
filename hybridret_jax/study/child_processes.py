"""Processes that another starts one by one, and ends when it is ended."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

ENDED = 143  # As of a process that SIGTERM ends.
_SECONDS_TO_SAVE = 60


def was_ended(status: int) -> bool:
  """Whether a process with that exit status was told to end."""
  return status in (ENDED, 130, -signal.SIGTERM, -signal.SIGINT)


def why(status: int) -> str:
  """An exit status in words."""
  if status >= 0:
    return f"status {status}"
  name = signal.Signals(-status).name
  hint = " (by hand, or the machine's memory is full)"
  return name + (hint if status == -signal.SIGKILL else "")


class Children:
  """Starts a command with more flags, one process at a time.

  Inside `with`, a signal to end (SIGTERM, SIGINT) is passed on to the process
  that runs, which has a minute to save.

  Attributes:
    told: whether such a signal came.
    pid: of the newest process.
  """

  def __init__(self, command: Sequence[str]):
    self.told = False
    self.pid = 0
    self._command = [*command]
    self._before: dict[int, Callable | int | None] = {}

  def __enter__(self):
    for number in (signal.SIGTERM, signal.SIGINT):
      self._before[number] = signal.signal(number, self._tell)
    return self

  def __exit__(self, *_):
    for number, handler in self._before.items():
      signal.signal(number, handler)

  def run(self, *flags: str, **environment: str) -> int:
    """The exit status of a process with these flags; negative of a signal."""
    process = subprocess.Popen(
      [*self._command, *flags],
      env={**os.environ, **environment},
      stdin=subprocess.DEVNULL,
    )
    self.pid = process.pid
    deadline = None
    while True:
      try:
        return process.wait(timeout=0.5)
      except subprocess.TimeoutExpired:
        if not self.told:
          continue
      if deadline is None:
        process.terminate()
        deadline = time.monotonic() + _SECONDS_TO_SAVE
      elif time.monotonic() > deadline:
        process.kill()

  def sleep(self, seconds: float) -> None:
    """Waits, but not on after being told to end."""
    until = time.monotonic() + seconds
    while not self.told and time.monotonic() < until:
      time.sleep(0.2)

  def _tell(self, *_):
    self.told = True
