"""What a command shows of what is logged: ours whole, of libraries a line."""

import logging
import sys
import threading
import traceback

from absl import logging as absl_logging

from hybridret_jax.ground import display, ends


def quiet(verbosity_is_given: bool) -> None:
  """Shows what this package says; of its libraries, warnings in a line.

  Args:
    verbosity_is_given: whether --verbosity says what absl logs.
  """
  if not verbosity_is_given:
    absl_logging.set_verbosity(absl_logging.WARNING)
  ours = logging.getLogger("hybridret_jax")
  ours.setLevel(logging.INFO)
  ours.propagate = False
  handler = logging.StreamHandler()
  handler.setFormatter(_Visible("%(asctime)s %(message)s", "%H:%M:%S"))
  ours.handlers = [handler]
  theirs = logging.StreamHandler()
  theirs.setFormatter(ends.FirstLine("%(levelname)s %(name)s: %(message)s"))
  logging.getLogger().handlers = [theirs]
  if not ends.wants_traceback():
    # What threads and finalizers of libraries raise is no news of the run's.
    threading.excepthook = lambda given: _keep(given.exc_value)
    sys.unraisablehook = lambda given: _keep(given.exc_value)


class _Visible(logging.Formatter):
  """Our records: several lines may be, other control characters not."""

  def format(self, record: logging.LogRecord) -> str:
    return display.visible_lines(super().format(record))


def _keep(error: BaseException | None) -> None:
  if error is not None:
    ends.keep("".join(traceback.format_exception(error)))
