"""Rows of prepared TFDS data sets, by name or in their own folder."""

import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from hybridret_jax.ground import faults, reading

_FEATURES = "features.json"  # What TFDS writes beside a data set's files.


def is_folder(folder: pathlib.Path) -> bool:
  """Whether TFDS has prepared a data set there."""
  return (folder / _FEATURES).is_file()


def named(
  name: str, *, data_dir: str | None = None, split: str = "train"
) -> Iterator[tuple[reading.Place, dict[str, Any]]]:
  """The rows of `NAME[/CONFIG]`, counted from 1, in the order of its files.

  Args:
    name: of the data set, with its config where it has one.
    data_dir: where it was prepared; None is TFDS_DATA_DIR.
    split: which of it.

  Raises:
    FileNotFoundError: it is not prepared there.
    Fault: there is no such split, or it cannot be read.
  """
  import tensorflow_datasets as tfds  # Slow to import, and seldom needed.
  from tensorflow_datasets.core import read_only_builder

  data_dir = data_dir or os.environ.get("TFDS_DATA_DIR")
  try:
    builder = read_only_builder.builder_from_files(name, data_dir=data_dir)
  except tfds.core.DatasetNotFoundError as error:
    raise FileNotFoundError(
      f"source tfds:{name} is not prepared in {data_dir or 'TFDS_DATA_DIR'}; "
      "build it there with data.corpora.pairs.build, or name its ?data_dir="
    ) from error
  return _rows(builder, f"tfds:{name}", split)


def of_folder(
  folder: pathlib.Path, *, split: str = "train"
) -> Iterator[tuple[reading.Place, dict[str, Any]]]:
  """As `named`, of the folder `NAME/VERSION` itself."""
  from tensorflow_datasets.core import read_only_builder

  return _rows(
    read_only_builder.builder_from_directory(folder), str(folder), split
  )


def _rows(builder, place, split):
  import tensorflow as tf
  import tensorflow_datasets as tfds

  tf.config.set_visible_devices([], "GPU")
  # One file after the other, or the order of the rows would not be kept.
  config = tfds.ReadConfig(interleave_cycle_length=1)
  if split.partition("[")[0] not in builder.info.splits:
    raise faults.Fault(
      place,
      f"it has no split {split!r}, but {', '.join(builder.info.splits)}",
      "say ?split=",
    )
  rows = builder.as_dataset(split=split, read_config=config)
  try:
    for number, row in enumerate(tfds.as_numpy(rows), start=1):
      at = reading.Place(place, number)
      yield at, {field: _decoded(value, at) for field, value in row.items()}
  except (tf.errors.DataLossError, tf.errors.OutOfRangeError) as error:
    raise faults.Fault(
      place, "its files are damaged", "prepare it again"
    ) from error


def _decoded(value, place):
  if isinstance(value, bytes):
    try:
      return value.decode()
    except UnicodeDecodeError as error:
      raise faults.Fault(
        place, "a text is not UTF-8", "write the text as UTF-8"
      ) from error
  if isinstance(value, np.ndarray):
    return [_decoded(item, place) for item in value.tolist()]
  return value.item() if isinstance(value, np.generic) else value
