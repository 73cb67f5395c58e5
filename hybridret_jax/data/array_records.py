"""Rows of ArrayRecord files: JSON objects, or tf.train.Example."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from hybridret_jax.ground import faults, reading

_MOST = 4096  # Records that are in memory at a time.


def rows(
  path: str | os.PathLike,
) -> Iterator[tuple[reading.Place, dict[str, Any]]]:
  """The records of an ArrayRecord file, counted from 1.

  Raises:
    Fault: the file cannot be read, is damaged, cut short or empty, or a record
      is neither a JSON object nor a tf.train.Example.
  """
  # Not on Windows; a compiled module that says nothing of its names.
  from array_record.python import array_record_module  # pyright: ignore

  with open(path, "rb"):  # Its reader ends the process of some it cannot open.
    pass
  reader = array_record_module.ArrayRecordReader(os.fspath(path))
  try:
    total = reader.num_records()
    if not total:
      raise faults.Fault(
        path, "holds no record, as an ArrayRecord", "write it again"
      )
    for start in range(0, total, _MOST):
      found = reader.read(start, min(start + _MOST, total))
      for number, data in enumerate(found, start=start + 1):
        yield _record(data, reading.Place(path, number))
  except (RuntimeError, IndexError) as error:
    first = next(iter(str(error).splitlines()), "")
    raise faults.Fault(
      path, f"not a whole ArrayRecord file ({first[:200]})", "write it again"
    ) from error
  finally:
    with contextlib.suppress(RuntimeError):  # Of a file that is none.
      reader.close()


def _record(data: bytes, place: reading.Place) -> tuple[reading.Place, Any]:
  if data.lstrip()[:1] not in (b"{", b"["):
    return place, _of_example(data, place)
  try:
    text = data.decode()
  except UnicodeDecodeError as error:
    raise faults.Fault(
      place,
      f"not UTF-8 (byte {data[error.start]:#x})",
      "write the text as UTF-8",
    ) from error
  found = reading.parse(text, place)
  if not isinstance(found, dict):
    raise faults.Fault(
      place, f"{reading.shown(found)} is not a JSON object", "write one"
    )
  return place, found


def _of_example(data: bytes, place: reading.Place) -> dict[str, Any]:
  import tensorflow as tf  # Slow to import, and seldom needed.

  tf.config.set_visible_devices([], "GPU")
  try:
    example = tf.train.Example.FromString(data)
  except Exception as error:  # protobuf's DecodeError is of several modules.
    example = None
    del error
  if example is None or not example.features.feature:
    raise faults.Fault(
      place,
      "the record is neither a JSON object nor a tf.train.Example",
      "write one of them",
    )
  found = {}
  for key, feature in example.features.feature.items():
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    try:
      values = [x.decode() if isinstance(x, bytes) else x for x in values]
    except UnicodeDecodeError as error:
      raise faults.Fault(
        place, f"{key} is not UTF-8", "write the text as UTF-8"
      ) from error
    if values:
      is_one = len(values) == 1 and key != "negatives"
      found[key] = values[0] if is_one else values
  return found
