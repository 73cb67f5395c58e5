"""A study's data appear once and whole, whoever makes them."""

import threading

import ml_collections
import pytest

from hybridret_jax import defaults
from hybridret_jax.ground import leases
from hybridret_jax.study import preparation
from tests.ground import leftovers
from tests.study.domains.datasets_test import SETTINGS, folder  # noqa: F401


@pytest.fixture
def config(folder):  # noqa: F811
  """A study of the small sources of datasets_test."""
  config = ml_collections.ConfigDict()
  config.run = defaults.get_config()
  config.run.data.folder = str(folder)
  config.data = ml_collections.ConfigDict(SETTINGS)
  config.lease_seconds = 30
  return config


def files(workdir):
  return {
    str(path.relative_to(workdir)): path.read_bytes()
    for path in (workdir / "data").rglob("*")
    if path.is_file()
  }


def test_data_are_made_once(config, tmp_path):
  preparation.prepare(config, tmp_path)
  made = files(tmp_path)
  assert "data/manifest.json" in made
  (tmp_path / "data" / "manifest.json").write_text("as it was")
  preparation.prepare(config, tmp_path)
  assert files(tmp_path)["data/manifest.json"] == b"as it was"
  assert not list(tmp_path.glob(".hybridret-*"))


def test_what_a_killed_process_left_is_made_anew(config, tmp_path):
  left = leftovers.name(tmp_path) / "legal"
  left.mkdir(parents=True)
  preparation.prepare(config, tmp_path)
  assert not left.exists()
  assert "data/manifest.json" in files(tmp_path)


def test_what_cannot_be_made_is_not_there(config, tmp_path):
  config.data.held_share = 0.99
  with pytest.raises(ValueError, match="de|en|ru"):
    preparation.prepare(config, tmp_path)
  assert not (tmp_path / "data").exists()
  # Nobody waits for who gave up.
  assert leases.acquire(tmp_path / ".preparing", lease_seconds=30)


def test_another_that_makes_them_is_awaited(config, tmp_path):
  lease = leases.acquire(tmp_path / ".preparing", lease_seconds=30)
  thread = threading.Thread(
    target=preparation.prepare, args=(config, tmp_path), daemon=True
  )
  thread.start()
  thread.join(1.0)
  assert thread.is_alive()
  (tmp_path / "data").mkdir()
  (tmp_path / "data" / "manifest.json").write_text("of the other")
  leases.give_back(lease)
  thread.join(30)
  assert not thread.is_alive()
  assert files(tmp_path) == {"data/manifest.json": b"of the other"}


def test_a_study_may_have_no_data_of_its_own(config, tmp_path):
  config.data = ml_collections.ConfigDict()
  preparation.prepare(config, tmp_path)
  assert list(tmp_path.iterdir()) == []
