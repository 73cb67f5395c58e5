"""Runs chosen tests in a copy of the repository, as it is or with a bug."""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.mutations import mutation as mutations

CAUGHT, MISSED, GONE, BROKEN = "caught", "NOT CAUGHT", "gone", "broken"
_LIMIT = 1800  # Seconds: a bug may make a test wait for ever.
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?::.+?)(?: - (.*))?$", re.M)


@dataclasses.dataclass(frozen=True)
class Verdict:
  """What became of one planted bug.

  Attributes:
    name: of the mutation.
    outcome: "caught"; "NOT CAUGHT"; "gone", its place is not there; "broken",
      the tests did not run to a verdict.
    test: the first test that failed.
    said: that test's error, or why there is no verdict.
    seconds: that it took.
  """

  name: str
  outcome: str
  test: str
  said: str
  seconds: float


def copy(source: pathlib.Path, target: pathlib.Path) -> None:
  """Copies what git tracks or would: no ignored file, no history.

  Raises:
    ValueError: `source` is no git checkout.
  """
  listed = subprocess.run(
    ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd=source,
    capture_output=True,
    text=True,
    check=False,
  )
  if listed.returncode:
    raise ValueError(
      f"{source} is no git checkout ({listed.stderr.strip()}); run this in a"
      " clone of the repository"
    )
  for name in filter(None, listed.stdout.split("\0")):
    if (source / name).is_file():  # A deleted file is still listed.
      (target / name).parent.mkdir(parents=True, exist_ok=True)
      shutil.copy2(source / name, target / name)


def unplanted(tests: Sequence[str], root: pathlib.Path) -> str:
  """What is wrong with these tests as the code is; empty if they pass."""
  status, output = _pytest(tests, root)
  if not status:
    return ""
  failed = [test for test, _ in _FAILED.findall(output)]
  return "\n".join(failed) or output[-2000:]


def planted(mutation: mutations.Mutation, root: pathlib.Path) -> Verdict:
  """Plants a bug in the copy, runs its tests, and takes the bug out again."""
  begun = time.monotonic()

  def verdict(outcome, test="", said=""):
    seconds = time.monotonic() - begun
    return Verdict(mutation.name, outcome, test, said, round(seconds, 1))

  try:
    before = mutations.plant(mutation, root)
  except mutations.Gone as error:
    return verdict(GONE, said=str(error))
  try:
    status, output = _pytest(mutation.tests, root)
  finally:
    (root / mutation.file).write_text(before, "utf-8")
  if not status:
    return verdict(MISSED, said=f"passed: {', '.join(mutation.tests)}")
  failed = _FAILED.search(output)
  # 1 means that tests ran and failed: a bug that stops the import is no bug.
  if status != 1 or not failed:
    return verdict(BROKEN, said=output[-2000:])
  return verdict(CAUGHT, failed[1], (failed[2] or "").rstrip(": "))


def _pytest(tests, root):
  """(status, output); the status of a run past the limit is -1."""
  environment = {
    **os.environ,
    "PYTHONPATH": str(root),  # Before an installed package.
    # Two edits within a second would look like one to cached bytecode.
    "PYTHONDONTWRITEBYTECODE": "1",
    "COLUMNS": "500",  # Else the summary cuts the errors short.
  }
  command = [sys.executable, "-m", "pytest", "-x", "-q", "-rfE"]
  try:
    done = subprocess.run(
      [*command, "--tb=no", "-p", "no:cacheprovider", *tests],
      cwd=root,
      env=environment,
      capture_output=True,
      text=True,
      timeout=_LIMIT,
      check=False,
    )
  except subprocess.TimeoutExpired:
    return -1, f"no verdict after {_LIMIT} s"
  return done.returncode, done.stdout + done.stderr
