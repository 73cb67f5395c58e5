"""Every error becomes one line: place and mend, or whose mistake it is."""

import errno
import json
import logging
import re
import zlib

import pytest

from hybridret_jax.ground import ends, faults, writing


def caught(raise_it):
  try:
    raise_it()
  except BaseException as error:
    return error
  raise AssertionError("nothing was raised")


def test_a_fault_stands_as_it_is():
  error = faults.Fault("a.jsonl:3", "no id", "add one")
  assert ends.line(error) == "a.jsonl:3: no id; add one"


@pytest.mark.parametrize(
  ("number", "mend"),
  [
    (errno.ENOSPC, "free some room there"),
    (errno.EROFS, "cannot be written"),
    (errno.EACCES, "permissions"),
    (errno.ENAMETOOLONG, "shorter name"),
    (errno.ENOTDIR, "is a file"),
    (errno.ESTALE, "mounted anew"),
    (errno.EXDEV, "mend that"),
  ],
)
def test_an_error_of_the_system_has_place_and_mend(number, mend, tmp_path):
  path = tmp_path / "results.json"

  def full():
    with writing.replacing(path):
      raise OSError(number, "as the system says")

  line = ends.line(caught(full))
  assert line.startswith(f"{path}: as the system says; ") and mend in line


@pytest.mark.parametrize(
  "raise_it",
  [
    lambda: zlib.decompress(b"nothing"),
    lambda: json.loads("{"),
    lambda: b"\xff".decode(),
  ],
)
def test_a_damaged_file_is_told_as_one(raise_it):
  assert "damaged or cut short" in ends.line(caught(raise_it))


def test_memory_and_depth_are_told():
  assert "batches.batch_size" in ends.line(MemoryError())
  error = RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes")
  assert "batches.batch_size" in ends.line(error)
  assert "nested too deeply" in ends.line(RecursionError("too deep"))


def test_a_mistake_of_the_program_says_so_and_keeps_its_traceback(
  tmp_path, monkeypatch
):
  monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
  ends.keep("what a library said")
  line = ends.line(caught(lambda: {}["hidden_size"]))
  assert line.startswith("a mistake of the program: KeyError: 'hidden_size'")
  assert "\n" not in line
  text = (tmp_path / re.search(r"hybridret_jax-\S+\.txt", line)[0]).read_text()
  assert "Traceback" in text and "what a library said" in text


def test_a_value_error_of_a_library_is_no_fault_of_the_input(
  tmp_path, monkeypatch
):
  monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
  line = ends.line(caught(lambda: int("x")))
  # Raised here, outside of the package.
  assert line.startswith("a mistake of the program: ValueError")


def test_values_cannot_steer_the_terminal():
  line = ends.line(faults.Fault("a", "id '\x1b[2J\u202e'", "mend"))
  assert line == "a: id '\\x1b[2J\\u202e'; mend"


def test_what_libraries_log_is_a_line():
  record = logging.LogRecord("absl", 40, "f", 1, "a\nb\nc", (), None)
  try:
    raise KeyError("x")
  except KeyError as error:
    record.exc_info = (KeyError, error, error.__traceback__)
  formatter = ends.FirstLine("%(levelname)s %(name)s: %(message)s")
  assert formatter.format(record) == "ERROR absl: a"
