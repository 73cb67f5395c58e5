"""A cache that cannot be written is said, and costs no run."""

import logging
import pathlib

import pytest

from hybridret_jax.ground import caching


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
  caching.place.cache_clear()
  monkeypatch.setattr(caching, "_SAID", set())
  yield
  caching.place.cache_clear()


def test_a_setting_is_taken_as_it_is(monkeypatch, tmp_path):
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  assert caching.place("/some/where") == pathlib.Path("/some/where")


def test_the_default_follows_the_system(monkeypatch, tmp_path):
  monkeypatch.setenv("HOME", str(tmp_path))
  monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
  found = caching.place(caching.DEFAULT)
  assert found == tmp_path / ".cache" / "hybridret_jax"
  caching.place.cache_clear()
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
  assert caching.place(caching.DEFAULT) == tmp_path / "x" / "hybridret_jax"


def test_without_a_home_it_lies_among_temporary_files(
  monkeypatch, tmp_path, caplog
):
  (tmp_path / "file").touch()
  monkeypatch.setenv("HOME", str(tmp_path / "file"))
  monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
  monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
  with caplog.at_level(logging.WARNING):
    found = caching.place(caching.DEFAULT)
  assert found.parent == tmp_path and found.is_dir()
  assert "--config.cache" in caplog.text


def test_what_cannot_be_kept_is_said_once(tmp_path, caplog):
  with caplog.at_level(logging.WARNING):
    for _ in range(2):
      with caching.tolerant(tmp_path):
        raise OSError(30, "Read-only file system")
  assert caplog.text.count("Read-only file system") == 1
