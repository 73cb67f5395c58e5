"""Requests to a process of its own and its answers: JSON lines over pipes.

Needs the standard library only, so that any environment can serve.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

ROOT = pathlib.Path(__file__).parents[2]


class Worker:
  """A process that answers one request after another and sleeps in between.

  Its memory and processor time are read from /proc, which Linux has.
  """

  def __init__(
    self, python: str, module: str, environment: Mapping[str, str] | None = None
  ):
    """Starts the process.

    Args:
      python: program that runs it.
      module: of this repository, by its dotted name; ends with `serve`.
      environment: variables beyond those of this process.
    """
    self._name = f"{python} -m {module}"
    self._process = subprocess.Popen(
      [python, "-m", module],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      cwd=ROOT,
      env={**os.environ, **(environment or {})},
      text=True,
      encoding="utf-8",
    )

  def __enter__(self) -> "Worker":
    return self

  def __exit__(self, *error: object) -> None:
    self.close()

  def ask(self, method: str, **arguments: Any) -> Any:
    """What the method of this name answers.

    Raises:
      RuntimeError: the process has ended; what it said stands on stderr.
    """
    process = self._process
    assert process.stdin and process.stdout
    try:
      process.stdin.write(json.dumps([method, arguments]) + "\n")
      process.stdin.flush()
      line = process.stdout.readline()
    except BrokenPipeError:
      line = ""
    if not line:
      raise RuntimeError(
        f"`{self._name}` ended with status {process.wait()} when asked for"
        f" {method!r}; its reason stands above"
      )
    return json.loads(line)

  def close(self) -> None:
    """Lets the process end, and waits for it."""
    process = self._process
    assert process.stdin and process.stdout
    # It may have ended by itself, which `ask` has told.
    with contextlib.suppress(BrokenPipeError):
      process.stdin.close()
    process.stdout.close()
    process.wait()

  def peak_bytes(self) -> int:
    """Most main memory that the process has held so far (VmHWM)."""
    status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024

  def processor_seconds(self) -> float:
    """Time of all its threads on processors so far."""
    stat = pathlib.Path(f"/proc/{self._process.pid}/stat").read_text()
    # The name of the program, in parentheses, may hold anything.
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def serve(methods: object) -> None:
  """Answers requests with the methods of an object until there are no more.

  What is raised ends the process: the other side cannot mend it.
  """
  answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
  os.dup2(2, 1)  # Libraries print, and answers must not be mixed with that.
  for line in sys.stdin:
    method, arguments = json.loads(line)
    answer = getattr(methods, method)(**arguments)
    print(json.dumps(answer), file=answers, flush=True)
