"""A file or folder is replaced whole or stays as it was."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from hybridret_jax.ground import writing

ROOT = pathlib.Path(__file__).parents[2]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
  path = tmp_path / "table.md"
  writing.write(path, "old")
  with pytest.raises(RuntimeError), writing.replacing(path) as aside:
    aside.write_text("half of the n")
    raise RuntimeError("the disk is full")
  assert path.read_text() == "old"
  assert [x.name for x in tmp_path.iterdir()] == ["table.md"]


def test_a_write_replaces_the_file_and_makes_the_folder(tmp_path):
  path = tmp_path / "new" / "table.md"
  writing.write(path, "old")
  writing.write(path, "ü\r\n")
  assert path.read_bytes() == "ü\r\n".encode()
  assert [x.name for x in path.parent.iterdir()] == ["table.md"]


def test_the_path_aside_keeps_the_ending(tmp_path):
  with writing.replacing(tmp_path / "map.png") as aside:
    assert aside.suffix == ".png"
    aside.write_bytes(b"")


def test_a_name_as_long_as_names_can_be_is_written(tmp_path):
  path = tmp_path / ("x" * 251 + ".csv")
  writing.write(path, "1")
  assert path.read_text() == "1"


def test_an_error_names_the_place_and_not_the_one_aside(tmp_path):
  path = tmp_path / "table.md"
  with (
    pytest.raises(FileNotFoundError) as caught,
    writing.replacing(path) as aside,
  ):
    aside.with_name(aside.name).open()
  assert caught.value.filename == str(path)
  with pytest.raises(OSError) as full, writing.replacing(path):
    raise OSError(28, "No space left on device")
  assert full.value.filename == str(path)


def test_a_folder_takes_the_place_of_another_whole(tmp_path):
  place = tmp_path / "export"
  for content in ("old", "new"):
    with writing.replacing_folder(place) as aside:
      assert not list(aside.iterdir())
      (aside / "sub").mkdir()
      (aside / "sub" / content).write_text(content)
      if content == "new":
        assert (place / "sub" / "old").is_file()
  assert [x.name for x in (place / "sub").iterdir()] == ["new"]
  assert [x.name for x in tmp_path.iterdir()] == ["export"]


def test_a_failed_folder_leaves_the_old_one(tmp_path):
  place = tmp_path / "export"
  with writing.replacing_folder(place) as aside:
    (aside / "old").touch()
  with pytest.raises(RuntimeError), writing.replacing_folder(place) as aside:
    (aside / "new").touch()
    raise RuntimeError("told to end")
  assert [x.name for x in place.iterdir()] == ["old"]
  assert [x.name for x in tmp_path.iterdir()] == ["export"]


def test_without_an_exchange_of_names_a_folder_is_replaced_too(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(writing, "_EXCHANGE", 1 << 20)  # No such flag.
  test_a_folder_takes_the_place_of_another_whole(tmp_path)


def test_what_a_dead_process_left_is_removed_and_nothing_else(tmp_path):
  """A living process's file, a foreign one and an old-fashioned one stay."""
  code = (
    "import sys, time\n"
    "from hybridret_jax.ground import writing\n"
    "with writing.replacing(sys.argv[1]) as aside:\n"
    "  aside.write_text('half')\n"
    "  print(aside, flush=True)\n"
    "  time.sleep(60)\n"
  )
  started = [
    subprocess.Popen(
      [sys.executable, "-c", code, str(tmp_path / name)],
      cwd=ROOT,
      stdout=subprocess.PIPE,
      text=True,
    )
    for name in ("dead.md", "living.md")
  ]
  try:
    asides = [pathlib.Path(p.stdout.readline().strip()) for p in started]
    started[0].send_signal(signal.SIGKILL)
    started[0].wait()
    foreign = tmp_path / ".hybridret-mine"
    foreign.touch()
    elsewhere = tmp_path / ".hybridret-0123456789ab-1-1-01234567.md"
    elsewhere.touch()
    writing.tidy(tmp_path)
    assert not asides[0].exists()
    assert asides[1].read_text() == "half"
    assert foreign.exists() and elsewhere.exists()
    week_ago = time.time() - 8 * 24 * 3600
    os.utime(elsewhere, (week_ago, week_ago))
    writing.tidy(tmp_path)
    assert foreign.exists() and not elsewhere.exists()
  finally:
    for process in started:
      process.kill()
      process.wait()
      process.stdout.close()


def test_what_is_shown_has_no_character_that_steers(tmp_path):
  writing.show(tmp_path / "a.md", "| \x1b[2J\u202e |\n")
  assert (tmp_path / "a.md").read_text() == "| \\x1b[2J\\u202e |\n"
