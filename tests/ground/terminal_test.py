"""What is printed may be lost; the program goes on, and its files are whole."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
_PRINTS = """
import os, pathlib, sys
from hybridret_jax.ground import terminal
terminal.hold()
out = pathlib.Path(sys.argv[1])
with out.open("w") as file:
  for _ in range(3000):
    print("\\u2013 \\xfc \\x1b[2J\\u202e \\u4e2d", flush=True)
  print("an error", file=sys.stderr, flush=True)
  os.write(2, b"of a library")
  file.write(f"{terminal.lost() is not None}")
"""


def run(tmp_path, shell="", **environment):
  command = f'exec "$0" -c "$1" "$2" {shell}'
  done = subprocess.run(
    ["bash", "-c", command, sys.executable, _PRINTS, tmp_path / "out"],
    cwd=ROOT,
    env={**os.environ, **environment},
    capture_output=True,
    check=False,
  )
  return done, (tmp_path / "out").read_text()


@pytest.mark.parametrize(
  "environment",
  [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
  ],
  ids=["ascii", "latin-1", "C"],
)
def test_an_encoding_that_lacks_a_character_stops_nothing(
  environment, tmp_path
):
  done, lost = run(tmp_path, **environment)
  assert (done.returncode, lost) == (0, "False")
  assert b"\\u4e2d" in done.stdout and b"\x1b" not in done.stdout


def test_what_steers_a_terminal_is_visible(tmp_path):
  done, _ = run(tmp_path, PYTHONIOENCODING="utf-8")
  first = done.stdout.decode().splitlines()[0]
  assert first == "– ü \\x1b[2J\\u202e 中"


@pytest.mark.parametrize(
  "shell", [">&-", ">/dev/full", "| true", "2>&-", ">&- 2>&- <&-"]
)
def test_an_output_that_takes_nothing_stops_nothing(shell, tmp_path):
  done, lost = run(tmp_path, shell)
  assert done.returncode == 0
  if shell == ">/dev/full":
    assert lost == "True"
  # Nothing that was printed has gone into the file instead.
  assert lost in ("True", "False")
  assert b"Traceback" not in done.stderr
