"""Processes of a job watch one another: one that is gone or hangs is named.

Each writes a sign of life into the store of JAX's coordination service, which
the first process keeps, and reads the others'. Without this a process whose
partner is gone waits in a collective for as long as it takes, or is ended by
JAX with a stack trace that names nobody.
"""

import atexit
import contextlib
import ctypes
import dataclasses
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

import jax

GONE = 69  # Exit status, of sysexits.h: a service that is unavailable.
LIMIT = 45.0  # Seconds without a sign of life.
LIMIT_VARIABLE = "HYBRIDRET_LOST_AFTER"  # Of the environment: another limit.
EVERY = 3.0  # Seconds between signs.
_PREFIX = "hybridret_jax/alive/"
_AFTER = 15.0  # Seconds past the limit that an error waits for its reason.
_OF_ANOTHER = re.compile(
  r"[Gg]loo|UNAVAILABLE|DEADLINE_EXCEEDED|ABORTED|CANCELLED"
  r"|coordination service"
)
_DONE, _ALIVE, _FAILED = "done", "alive", "failed"


@dataclasses.dataclass(frozen=True)
class Missing:
  """A process that is not there any more.

  Attributes:
    line: which, and what is known of it.
    status: that the others end with: `GONE`, or 1 where it ended by an error
      that would come again.
  """

  line: str
  status: int


class Store(Protocol):
  """Keys and values that all processes share; JAX's client is one."""

  def key_value_set(
    self, key: str, value: str, allow_overwrite: bool = False
  ) -> None:
    """Sets a value."""
    ...

  def key_value_dir_get(self, key: str) -> list[tuple[str, str]]:
    """All keys that begin so, with their values."""
    ...


class Watch:
  """A process's sign of life, and what it knows of the others.

  Attributes:
    index: of this process.
    count: of all.
  """

  def __init__(
    self,
    store: Store,
    index: int,
    count: int,
    *,
    limit: float = LIMIT,
    every: float = EVERY,
    end: Callable[[Missing], Any] | None = None,
  ):
    """Knows all processes as alive now.

    Args:
      store: that all share.
      index: of this process.
      count: of all.
      limit: seconds without a sign after which a process is taken for gone.
      every: seconds between signs.
      end: called with the one that is missing; by default ends this process.
    """
    self.index, self.count = index, count
    self._store, self._limit, self._every = store, limit, every
    self._end = end or _end
    self._over = threading.Event()
    self._signs, self._written = 0, False
    self._values: dict[int, str] = {}
    self._forget()
    self._threads = [
      threading.Thread(target=run, name=name, daemon=True)
      for name, run in (("signs", self._sign), ("watch", self._look))
    ]

  def start(self) -> None:
    """Begins to sign and to watch, in two threads."""
    for thread in self._threads:
      thread.start()

  def stop(self, failed: str | None = None) -> None:
    """Ends both, and tells the others that this process ends, and how.

    Args:
      failed: the line of the error that ends it; None if all is well.
    """
    self._over.set()
    state = _DONE if failed is None else f"{_FAILED} {failed[:1000]}"
    writer = threading.Thread(target=self._write, args=(state,), daemon=True)
    writer.start()
    writer.join(self._every)  # A first process that hangs takes no word.

  def missing(self) -> Missing | None:
    """A process that is gone; None if there is none."""
    now = time.monotonic()
    if now - self._answered > self._limit:
      return self.gone(0, "does not answer")
    for index in range(self.count):
      state, about = _parsed(self._values.get(index))
      if index == self.index or state == _DONE:
        continue
      if state == _FAILED:
        return Missing(f"{self._name(index)} has ended by its own: {about}", 1)
      if now - self._seen[index] > self._limit:
        return self.gone(index, f"gave no sign for {self._limit:g} s")
    return None

  def gone(self, index: int, what: str) -> Missing:
    """A process that was lost: `what` of it is known."""
    line = (
      f"{self._name(index)} {what}; its log may say why; the same command goes"
      " on from the last checkpoint"
    )
    return Missing(line, GONE)

  def _name(self, index) -> str:
    host = (self._values.get(index) or "").partition(" ")[0]
    return f"process {index} of {self.count}{f' on {host}' if host else ''}"

  def _sign(self) -> None:
    while not self._over.wait(self._every if self._written else 0):
      self._written = True
      self._signs += 1
      # It fails where the first process is gone, which the watch tells.
      with contextlib.suppress(Exception):
        self._write(f"{_ALIVE} {self._signs}")
        self._read(dict(self._store.key_value_dir_get(_PREFIX)))

  def _write(self, state) -> None:
    self._store.key_value_set(
      f"{_PREFIX}{self.index}",
      f"{socket.gethostname()} {state}",
      allow_overwrite=True,
    )

  def _read(self, found) -> None:
    now = time.monotonic()
    self._answered = now
    for key, value in found.items():
      index = int(key.rpartition("/")[2])
      if self._values.get(index) != value:
        self._values[index], self._seen[index] = value, now

  def _look(self) -> None:
    before = time.monotonic()
    while not self._over.wait(min(1.0, self._limit / 10)):
      now = time.monotonic()
      if now - before > self._limit / 3:
        self._forget()  # It was this process that stood still.
      before = now
      missing = self.missing()
      if missing and not self._over.is_set():
        self._end(missing)
        return

  def _forget(self) -> None:
    self._answered = time.monotonic()
    self._seen = dict.fromkeys(range(self.count), self._answered)


def _parsed(value: str | None) -> tuple[str, str]:
  """(state, what is said of it) of a process's value."""
  _, _, said = (value or "").partition(" ")
  state, _, about = said.partition(" ")
  return state, about


class _State:
  watch: Watch | None = None
  handler: Any = None


def start() -> None:
  """Watches the other processes of the job that this one has joined."""
  from jax._src import distributed  # JAX has no other way to its store.

  client = distributed.global_state.client
  if client is None or jax.process_count() < 2 or _State.watch is not None:
    return
  _State.watch = Watch(
    client, jax.process_index(), jax.process_count(), limit=limit()
  )
  _State.watch.start()
  _end_jax_s_abort()
  atexit.register(stop)


def limit() -> float:
  """Seconds without a sign after which a process of this job is gone.

  Raises:
    ValueError: `LIMIT_VARIABLE` is no number of seconds.
  """
  given = os.environ.get(LIMIT_VARIABLE)
  if not given:
    return LIMIT
  try:
    seconds = float(given)
  except ValueError:
    seconds = 0.0
  if not seconds > EVERY:
    raise ValueError(
      f"{LIMIT_VARIABLE} is {given!r}; give seconds, more than {EVERY:g}"
    )
  return seconds


def stop(failed: str | None = None) -> None:
  """Tells the others that this process ends; see `Watch.stop`."""
  watch, _State.watch = _State.watch, None
  if watch is not None:
    watch.stop(failed)


def is_of_another(error: BaseException) -> bool:
  """Whether an error may be a collective's whose other processes are gone."""
  text = f"{type(error).__name__}: {error}"
  return _State.watch is not None and bool(_OF_ANOTHER.search(text))


def why() -> Missing | None:
  """Waits until a process is known to be gone; None if all are there.

  To be asked after an error that another process's end may have made: a
  collective fails at once, but does not say whose fault it is.
  """
  until = time.monotonic() + limit() + _AFTER
  while _State.watch is not None:
    if missing := _State.watch.missing():
      return missing
    if time.monotonic() > until:
      return None
    time.sleep(0.2)
  return None


def _end_jax_s_abort() -> None:
  """Has JAX's abort over a first process that is gone end in a line too.

  Its client aborts the process from a thread of its own as soon as the
  coordination service is away; Python's handlers do not run then.
  """

  def aborted(number):
    with contextlib.suppress(Exception):
      watch = _State.watch
      if watch is not None and not _answers(watch):
        _end(watch.gone(0, "is gone"))
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)

  _State.handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(aborted)
  ctypes.CDLL(None).signal(int(signal.SIGABRT), _State.handler)


def _answers(watch) -> bool:
  """Whether the first process still takes a word."""
  if watch.index == 0:
    return True
  done = threading.Event()

  def ask():
    with contextlib.suppress(Exception):
      watch._store.key_value_dir_get(_PREFIX)
      done.set()

  threading.Thread(target=ask, daemon=True).start()
  return done.wait(2.0)


def _end(missing: Missing) -> NoReturn:
  with contextlib.suppress(Exception):
    print(f"error: {missing.line}", file=sys.stderr, flush=True)
  os._exit(missing.status)
