"""Whether this process was told to end, by SIGTERM, SIGINT or its time limit.

Work that loses nothing when it is interrupted runs `interruptible`: there the
first signal raises `ToldToEnd`. Other work asks `number` where it can stop, and
saves. A second signal ends the process at once; what is written aside stays
aside.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_NUMBERS = (signal.SIGTERM, signal.SIGINT)


class ToldToEnd(BaseException):
  """Raised by a signal in interruptible work.

  Attributes:
    number: of the signal.
  """

  def __init__(self, number: int):
    super().__init__(f"told to end by {signal.Signals(number).name}")
    self.number = number


class _State:
  number: int | None = None
  interruptible = False


def number() -> int | None:
  """The signal that told this process to end; None if none has."""
  return _State.number


def status(number: int) -> int:
  """The exit status that says "go on with me": 143 (SIGTERM), 130 (SIGINT)."""
  return 128 + number


@contextlib.contextmanager
def heeding() -> Iterator[None]:
  """Notes the first signal to end instead of ending by it.

  Only a process's main thread can; elsewhere nothing changes. Within another
  such block, what is interruptible there is not here. A signal that was noted,
  and that the block did not end for, takes effect behind it.
  """
  if threading.current_thread() is not threading.main_thread():
    yield
    return
  outer, _State.interruptible = _State.interruptible, False
  handlers = {number: signal.getsignal(number) for number in _NUMBERS}
  is_outermost = _heed not in handlers.values()
  if is_outermost:
    _State.number = None
  for number in _NUMBERS:
    signal.signal(number, _heed)
  is_whole = False
  try:
    yield
    is_whole = True
  finally:
    noted, _State.interruptible = _State.number, outer
    for number, handler in handlers.items():
      # One that was not set by Python cannot be set again.
      signal.signal(number, signal.SIG_DFL if handler is None else handler)
    if is_outermost:
      _State.number = None
    if is_whole and noted is not None:  # Noted, and nobody has asked since.
      if outer:
        raise ToldToEnd(noted)
      if is_outermost:
        os.kill(os.getpid(), noted)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
  """Within `heeding`: a signal raises `ToldToEnd` here, also one noted before.

  Raises:
    ToldToEnd: the process was told to end.
  """
  before, _State.interruptible = _State.interruptible, True
  try:
    if _State.number is not None:
      raise ToldToEnd(_State.number)
    yield
  finally:
    _State.interruptible = before


@contextlib.contextmanager
def within(seconds: float | None) -> Iterator[None]:
  """Sends this process SIGTERM after `seconds`; never if None."""
  if seconds is None:
    yield
    return
  timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM))
  timer.daemon = True
  timer.start()
  try:
    yield
  finally:
    timer.cancel()


def before(limit: float) -> float:
  """When to begin to end, in seconds, for all to be saved within `limit`."""
  return max(0.9 * limit, limit - 60.0)


def _heed(number: int, frame: FrameType | None) -> None:
  del frame
  if _State.number is not None:
    os._exit(status(number))
  _State.number = number
  if _State.interruptible:
    # Python loses it where it runs a callback just now; `number` stays.
    raise ToldToEnd(number)
