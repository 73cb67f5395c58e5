"""A source is the same as JSONL and as a TFDS data set."""

import dataclasses
import gzip
import json

import numpy as np
import pytest
import tensorflow_datasets as tfds

from hybridret_jax.data import sources
from hybridret_jax.data.corpora import pairs


def write(folder):
  folder.mkdir(parents=True)
  for lang, opener, suffix in (("ru", open, ""), ("en", gzip.open, ".gz")):
    with opener(folder / f"{lang}.jsonl{suffix}", "wt") as file:
      for g in range(40):
        record = {
          "id": f"{g}:{lang}",
          "group": str(g),
          "lang": lang,
          "query": "" if g % 7 == 3 else f" вопрос {g} {lang}",
          "passage": f"ответ\n{g} {lang}",
          "negatives": [f"нет {g} {i}" for i in range(g % 3)],
        }
        record |= {"block": f"block {g // 4}"} if g % 2 else {}
        file.write(json.dumps(record) + "\n")
  return folder


def assert_equal(one, other):
  for field in dataclasses.fields(sources.Corpus):
    a, b = getattr(one, field.name), getattr(other, field.name)
    if isinstance(a, np.ndarray):
      assert a.dtype == b.dtype
      np.testing.assert_array_equal(a, b)
    else:
      assert a == b, field.name


def test_tfds_gives_the_rows_of_the_jsonl(tmp_path, monkeypatch):
  folder = write(tmp_path / "some-source")
  built = pairs.build(folder, data_dir=tmp_path / "tfds")
  assert built == tmp_path / "tfds" / "pairs" / "some-source" / "1.0.0"
  name = "tfds:pairs/some-source"
  at = f"{name}?data_dir={tmp_path / 'tfds'}"
  assert_equal(sources.read([folder]), sources.read([at]))
  asked = {"languages": ["en", "de"]}
  some = sources.read([at], **asked)
  assert some.skipped == {"language ru was not asked for": 40}
  assert_equal(sources.read([folder], **asked), some)
  split = sources.read([f"{at}&split=train[:10]"])
  assert split.ids == sources.read([folder]).ids[:10]
  monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
  again = sources.read([name])
  assert_equal(sources.read([folder]), again)


def test_order_is_kept_over_several_files(tmp_path):
  folder = write(tmp_path / "some")
  config = pairs.PairsConfig(name="some", source=str(folder))
  builder = pairs.Pairs(config=config, data_dir=str(tmp_path))
  builder.download_and_prepare(
    download_config=tfds.download.DownloadConfig(num_shards=3)
  )
  assert len(list((tmp_path / "pairs").rglob("*.tfrecord*"))) == 3
  read = sources.read([f"tfds:pairs/some?data_dir={tmp_path}"])
  assert_equal(sources.read([folder]), read)


def test_bad_records_are_not_written(tmp_path):
  path = tmp_path / "bad.jsonl"
  path.write_text('{"id": "a"}\n')
  with pytest.raises(ValueError, match=f"{path}:1: query is missing"):
    pairs.build(path, data_dir=tmp_path / "tfds")


def test_what_is_not_there_is_named(tmp_path):
  with pytest.raises(
    FileNotFoundError, match="tfds:pairs/gone is not prepared"
  ):
    sources.read([f"tfds:pairs/gone?data_dir={tmp_path}"])
  for wrong, what in (
    ("tfds:", "write tfds:<name>"),
    ("tfds:pairs/a?folder=x", "the option 'folder'"),
    ("tfds:pairs/a?config=x", "config is no option of a TFDS data set"),
  ):
    with pytest.raises(ValueError, match=what):
      sources.read([wrong])
