"""Mining by a model and by given vectors: what is written, and read again."""

import json
import shutil

import numpy as np
import pytest

from hybridret_jax import library
from hybridret_jax.data import sources
from hybridret_jax.ground import faults, owning
from hybridret_jax.verbs import mine
from tests import main_test
from tests.fixtures import small_run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  place = tmp_path_factory.mktemp("place")
  (place / "pairs").mkdir()
  small_run.start(place / "start")
  for language in small_run.LANGUAGES:
    rows = [
      {
        "id": f"{n}{language}",
        "group": f"g{n}",
        "lang": language,
        "query": small_run.texts(n, language, "question"),
        "passage": small_run.texts(n, language, "answer"),
      }
      for n in range(20)
    ]
    small_run.write_rows(place / "pairs" / f"{language}.jsonl", rows)
  return place


@pytest.fixture
def config(place):
  config = small_run.config_of(place)
  config.mining.share = 1.0
  config.mining.number = 3
  return config


@pytest.fixture(scope="module")
def mined(place):
  config = small_run.config_of(place)
  config.mining.share = 1.0
  config.mining.number = 3
  folder = place / "mined"
  return folder, library.mine(config, folder, model=place / "start")


def files(folder):
  return {
    path.relative_to(folder): path.read_bytes()
    for path in sorted(folder.rglob("*"))
    if path.is_file() and owning.FOLDER not in path.parts
  }


def test_a_mined_source_is_the_source_with_negatives(place, mined):
  folder, made = mined
  assert made == [folder / "pairs"]
  before = sources.read([place / "pairs"])
  after = sources.read(made)
  assert after.ids == before.ids and after.skipped == {}
  counts = np.diff(after.negative_offsets)
  assert counts.max() == 3 and counts.sum() > 60
  for row in range(len(after)):
    start, end = after.negative_offsets[row : row + 2]
    negatives = set(after.negative_values[start:end].tolist())
    group = after.group_row == after.group_row[row]
    assert not negatives & set(after.passage_row[group].tolist())
  found = json.loads((folder / "counts.json").read_text())
  assert found["languages"]["de"]["queries"] == 20
  page = (folder / mine.PAGE).read_text()
  assert page.count("<article>") == 40 and "of the query&#39;s group" in page


def test_a_killed_call_gives_the_same_files(place, mined, config, tmp_path):
  folder, _ = mined
  begun = tmp_path / "begun"
  shutil.copytree(folder / "vectors", begun / "vectors")
  (begun / "vectors" / "de-query" / "manifest.json").unlink()
  library.mine(config, begun, model=place / "start")
  assert files(begun) == files(folder)


def test_what_is_there_is_not_mined_over(place, mined, config, tmp_path):
  folder, _ = mined
  config.mining.number = 2
  with pytest.raises(faults.Fault, match="other settings than what was mined"):
    library.mine(config, folder, model=place / "start")
  (tmp_path / "notes.txt").touch()
  with pytest.raises(faults.Fault, match="holds 'notes.txt', and no hard"):
    library.mine(config, tmp_path, model=place / "start")


def test_given_vectors_are_taken_by_id(place, config, tmp_path):
  rng = np.random.default_rng(0)
  ids = [f"{n}{x}" for x in small_run.LANGUAGES for n in range(20)]
  (tmp_path / "v").mkdir()
  for side, number in (("query", 0), ("candidate", 1)):
    vectors = rng.normal(size=(40, 4)) + number
    name = "queries" if side == "query" else "candidates"
    np.save(tmp_path / "v" / f"{name}.npy", vectors)
    order = rng.permutation(40)
    np.save(tmp_path / "v" / f"{name}.npy", vectors[order])
    lines = "".join(f"{ids[x]}\n" for x in order)
    (tmp_path / "v" / f"{side}_ids.txt").write_text(lines)
  given = {"theirs": tmp_path / "v"}
  with pytest.raises(faults.Fault, match="not one; have them divided"):
    library.mine(config, tmp_path / "out", vectors=given)
  made = library.mine(config, tmp_path / "out", vectors=given, normalize=True)
  assert len(sources.read(made).negative_values) > 40
  with pytest.raises(faults.Fault, match="one model or one folder"):
    library.mine(config, tmp_path / "o", model="x", vectors=given)


def test_settings_that_cannot_be(config, tmp_path):
  config.mining.first_rank = 200
  with pytest.raises(faults.Fault, match="first_rank: is 200; give 1 to"):
    library.mine(config, tmp_path / "out")


def test_the_command_writes_what_trains(place, tmp_path):
  done = main_test.main(
    "--mode=mine",
    f"--config={main_test.ROOT / 'configs' / 'quickstart'}.py",
    f"--workdir={tmp_path / 'mined'}",
    f"--config.cache={place / 'cache'}",
    f"--config.data.folder={place}",
    "--config.data.sources=('pairs',)",
    "--config.data.languages=('de','en')",
    "--config.mining.candidates=pool",
    f"--model={place / 'start'}",
  )
  assert done.returncode == 0, done.stderr[-2000:]
  assert done.stdout.strip() == str(tmp_path / "mined" / "pairs")
