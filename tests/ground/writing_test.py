"""A file is replaced whole or stays as it was."""

import pytest

from hybridret_jax.ground import writing


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
