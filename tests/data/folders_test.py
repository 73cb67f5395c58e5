"""Which files of a folder are its rows: languages, splits, saved data sets."""

import json

import pytest

from hybridret_jax.data import folders
from hybridret_jax.ground import faults


def made(tmp_path, *names):
  for name in names:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("")
  return tmp_path


def parts(folder, usual="train", **options):
  skipped = {}
  found = folders.parts(folder, options, skipped.__setitem__, usual)
  names = [(part.path.name, part.language) for part in found]
  return names, list(skipped)


def test_files_named_after_languages_are_one_source(tmp_path):
  made(tmp_path, "de.jsonl", "en.parquet", "notes.md", "ZH_hant.tsv")
  names, skipped = parts(tmp_path)
  assert names == [
    *(("ZH_hant.tsv", "zh-Hant"), ("de.jsonl", "de"), ("en.parquet", "en"))
  ]
  assert not skipped


def test_what_is_almost_a_file_of_rows_is_told(tmp_path):
  made(tmp_path, "de.jsonl", "fr.json", "dataset_info.json")
  _, skipped = parts(tmp_path)
  (told,) = skipped
  assert "fr.json" in told


def test_shards_of_a_language_belong_together_and_two_files_do_not(tmp_path):
  made(tmp_path, "de-00000-of-00002.jsonl", "de-00001-of-00002.jsonl")
  names, _ = parts(tmp_path)
  assert [language for _, language in names] == ["de", "de"]
  made(tmp_path, "DE.jsonl")
  with pytest.raises(faults.Fault, match="DE.jsonl"):
    parts(tmp_path)


@pytest.mark.parametrize("other", ["de.jsonl.gz", "de.parquet"])
def test_one_file_in_two_forms_is_refused(tmp_path, other):
  made(tmp_path, "de.jsonl", other)
  with pytest.raises(faults.Fault, match="de.jsonl"):
    parts(tmp_path)


def test_of_splits_one_is_taken_and_the_others_are_told(tmp_path):
  made(tmp_path, "train.parquet", "test.parquet")
  assert parts(tmp_path)[0] == [("train.parquet", "")]
  names, skipped = parts(tmp_path, usual="test")
  assert names == [("test.parquet", "")]
  assert any("split train" in told for told in skipped)
  assert parts(tmp_path, split="test")[0] == [("test.parquet", "")]
  with pytest.raises(faults.Fault, match="no split 'dev', but .*test"):
    folders.parts(tmp_path, {"split": "dev"}, lambda *_: None, "train")


def test_the_only_split_is_taken_whatever_its_name(tmp_path):
  made(tmp_path, "validation.jsonl")
  assert parts(tmp_path)[0] == [("validation.jsonl", "")]


def test_a_file_of_no_language_among_languages_is_named(tmp_path):
  made(tmp_path, "de.jsonl", "mine.jsonl")
  with pytest.raises(faults.Fault, match="mine.jsonl.*not named after"):
    parts(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
  made(tmp_path, "README.md")
  with pytest.raises(faults.Fault, match="has no <language>.jsonl"):
    parts(tmp_path)


def saved(folder, *names):
  folder.mkdir(parents=True, exist_ok=True)
  for name in names:
    (folder / name).write_bytes(b"")
  files = [{"filename": name} for name in names]
  (folder / "state.json").write_text(json.dumps({"_data_files": files}))


def test_a_saved_data_set_has_the_files_of_its_state(tmp_path):
  saved(tmp_path, "data-1.arrow", "data-0.arrow")
  (tmp_path / "cache-7.arrow").write_bytes(b"")
  assert parts(tmp_path)[0] == [("data-1.arrow", ""), ("data-0.arrow", "")]
  (tmp_path / "data-0.arrow").unlink()
  with pytest.raises(faults.Fault, match="data-0.arrow.*no such file"):
    parts(tmp_path)
  (tmp_path / "state.json").write_text('{"_data_files": 3}')
  with pytest.raises(faults.Fault, match="_data_files is 3"):
    parts(tmp_path)


def test_saved_splits_are_folders(tmp_path):
  for split in ("train", "test"):
    saved(tmp_path / split, f"{split}.arrow")
  splits = {"splits": ["train", "test"]}
  (tmp_path / "dataset_dict.json").write_text(json.dumps(splits))
  assert parts(tmp_path)[0] == [("train.arrow", "")]
  assert parts(tmp_path, usual="test")[0] == [("test.arrow", "")]
  with pytest.raises(faults.Fault, match="no split 'dev', but train, test"):
    parts(tmp_path, split="dev")
  (tmp_path / "dataset_dict.json").write_text("{}")
  with pytest.raises(faults.Fault, match="splits is None"):
    parts(tmp_path)
