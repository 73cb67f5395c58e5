"""Which files of a folder are its rows, found by looking."""

import os
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from hybridret_jax.data import row_files
from hybridret_jax.ground import faults, languages, reading

_DATASET, _SPLITS = "state.json", "dataset_dict.json"
_ALMOST = re.compile(
  r"[^.].*\.(json|jsonl|ndjson|csv|tsv|parquet|arrow|txt)(\.\w+)?",
  re.IGNORECASE,
)
_NOT_ROWS = ("dataset_infos.json", "dataset_info.json", "features.json")
_MEND = "name one of them itself, or say ?split= or ?config="


class Part(NamedTuple):
  """A file of rows, and the language that its name says, or ""."""

  path: pathlib.Path
  language: str


def parts(
  folder: pathlib.Path,
  options: Mapping[str, str],
  skip: Callable[[str, int], None],
  split: str,
) -> list[Part]:
  """The files of a folder's rows, in their order.

  A folder that `datasets` wrote with `save_to_disk` has them in its state.json,
  for each split. Any other has either a file a language, named by its tag, or
  the files of splits, of which one is taken: the one that is asked for, the
  only one, or `split`.

  Raises:
    Fault: there is none, two stand for one, or it is not known which to take.
  """
  if (folder / _DATASET).is_file():
    return _of_dataset(folder)
  if (folder / _SPLITS).is_file():
    return _of_dataset(folder / _split_of(folder, options, split))
  found = []
  for path in reading.entries(folder):
    if row_files.named(path.name):
      found.append(path)
    elif _ALMOST.fullmatch(path.name) and path.name not in _NOT_ROWS:
      skip(f"{path} is none of {row_files.TOLD}", 1)
  if not found:
    raise faults.Fault(
      folder,
      f"the source has no <language>.jsonl, nor another of {row_files.TOLD}",
      "add them",
    )
  _check_once(found)
  return chosen(found, folder, options, skip, split)


def chosen(
  files: Sequence[pathlib.Path],
  folder: os.PathLike | str,
  options: Mapping[str, str],
  skip: Callable[[str, int], None],
  split: str,
) -> list[Part]:
  """Those of some files of rows that make one source, with their languages."""
  languages_of = {path: language_of(path) for path in files}
  if "split" not in options and all(languages_of.values()):
    _check_languages(languages_of)
    return [Part(path, language) for path, language in languages_of.items()]
  splits: dict[str, list[pathlib.Path]] = {}
  for path in files:
    splits.setdefault(_split(path), []).append(path)
  wanted = options.get("split") or split
  if wanted not in splits and len(splits) == 1 and "split" not in options:
    wanted = next(iter(splits))
  if wanted not in splits:
    unnamed = [path for path, language in languages_of.items() if not language]
    some = f"{', '.join(list(splits)[:8])}"
    if any(languages_of.values()) and "split" not in options:
      raise faults.Fault(
        unnamed[0],
        "it is not named after a language",
        "call it <BCP 47 tag>.jsonl (or another form), or name the file itself"
        " as the source",
      )
    raise faults.Fault(folder, f"it has no split {wanted!r}, but {some}", _MEND)
  for split in splits.keys() - {wanted}:
    skip(f"{folder}: files of the split {split}", len(splits[split]))
  return [Part(path, "") for path in splits[wanted]]


def language_of(path: pathlib.Path) -> str:
  """The language that is a file's whole name, or ""."""
  named = row_files.named(path.name)
  return (languages.canonical(named.stem) or "") if named else ""


def _split(path: pathlib.Path) -> str:
  """The split that a file is of: its name, or its folder's where that counts.

  So data/train-00000-of-00002.parquet and train/0000.parquet are of train.
  """
  named = row_files.named(path.name)
  stem = named.stem if named else path.stem
  return path.parent.name if stem.isdigit() else stem


def _of_dataset(folder: pathlib.Path) -> list[Part]:
  """The files that state.json names."""
  state = folder / _DATASET
  named = reading.document(state).get("_data_files")
  if not isinstance(named, list) or not all(
    isinstance(x, dict) and isinstance(x.get("filename"), str) for x in named
  ):
    raise faults.Fault(
      state,
      f"_data_files is {reading.shown(named)}",
      "save the data set with save_to_disk",
    )
  paths = [folder / x["filename"] for x in named]
  gone = next((path for path in paths if not path.is_file()), None)
  if gone or not paths:
    raise faults.Fault(
      gone or state, "no such file of the data set", "copy the folder whole"
    )
  return [Part(path, "") for path in paths]


def _split_of(
  folder: pathlib.Path, options: Mapping[str, str], split: str
) -> str:
  """The folder of the split that is wanted."""
  names = reading.document(folder / _SPLITS).get("splits")
  if not isinstance(names, list) or not names:
    raise faults.Fault(
      folder / _SPLITS,
      f"splits is {reading.shown(names)}",
      "save the data set with save_to_disk",
    )
  wanted = options.get("split") or (names[0] if len(names) == 1 else split)
  if wanted not in names:
    some = ", ".join(map(str, names[:8]))
    raise faults.Fault(
      folder, f"it has no split {wanted!r}, but {some}", "say ?split="
    )
  return wanted


def _check_once(paths: Iterable[pathlib.Path]) -> None:
  """Raises a Fault where a file stands plain and packed, or in two forms."""
  seen: dict[str, pathlib.Path] = {}
  for path in paths:
    plain = path.name
    for end in reading.PACKED:
      plain = plain.removesuffix(end)
    plain = re.sub(rf"\.({'|'.join(row_files.FORMS)})", "", plain)
    if plain in seen:
      raise reading.both(seen[plain], path)
    seen[plain] = path


def _check_languages(languages_of: Mapping[pathlib.Path, str]) -> None:
  """Raises a Fault where two files that are no shards are of one language."""
  seen: dict[str, pathlib.Path] = {}
  for path, language in languages_of.items():
    other = seen.setdefault(language, path)
    named, before = row_files.named(path.name), row_files.named(other.name)
    if named and before and named.stem != before.stem:
      raise reading.both(other, path)
