"""Rows of Parquet and Arrow files, with their places, a batch at a time."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from hybridret_jax.ground import faults, reading

_MOST = 4096  # Rows that are in memory at a time.


def parquet(
  path: str | os.PathLike,
) -> Iterator[tuple[reading.Place, dict[str, Any]]]:
  """The rows of a Parquet file, counted from 1; what is null is left out.

  Raises:
    Fault: the file cannot be read, is no Parquet, is damaged, names a column
      twice, or a text is not UTF-8.
  """
  from pyarrow import parquet  # Slow to import, and seldom needed.

  with _faults(path, "Parquet"), parquet.ParquetFile(path) as file:
    _check_names(path, file.schema_arrow.names)
    yield from _rows(path, file.iter_batches(batch_size=_MOST))


def arrow(
  path: str | os.PathLike,
) -> Iterator[tuple[reading.Place, dict[str, Any]]]:
  """As `parquet`, of an Arrow file or stream, as `datasets` keeps them."""
  import pyarrow

  with _faults(path, "Arrow"):
    with open(path, "rb") as file:
      is_file = file.read(6) == b"ARROW1"
    with pyarrow.memory_map(os.fspath(path)) as source:
      if is_file:
        opened = pyarrow.ipc.open_file(source)
        batches = map(opened.get_batch, range(opened.num_record_batches))
      else:
        opened = batches = pyarrow.ipc.open_stream(source)
      _check_names(path, opened.schema.names)
      parts = (b[at : at + _MOST] for b in batches for at in _starts(b))
      yield from _rows(path, parts)


def _starts(batch) -> range:
  return range(0, batch.num_rows, _MOST)


def _rows(path, batches) -> Iterator[tuple[reading.Place, dict[str, Any]]]:
  number = 0
  for batch in batches:
    for record in _records(path, batch, number):
      number += 1
      yield (
        reading.Place(path, number),
        {key: value for key, value in record.items() if value is not None},
      )


def _records(path, batch, before) -> list[dict[str, Any]]:
  try:
    return batch.to_pylist()
  except UnicodeDecodeError:  # Which row's?
    for row in range(batch.num_rows):
      try:
        batch[row : row + 1].to_pylist()
      except UnicodeDecodeError as error:
        raise faults.Fault(
          reading.Place(path, before + row + 1),
          f"not UTF-8 (byte {error.object[error.start]:#x})",
          "write the text as UTF-8",
        ) from error
    raise


def _check_names(path, names) -> None:
  for name in names:
    if names.count(name) > 1:
      raise faults.Fault(
        path, f"the column {reading.shown(name)} stands twice", "rename one"
      )


@contextlib.contextmanager
def _faults(path, kind: str) -> Iterator[None]:
  """What pyarrow and the system raise, as faults of the file."""
  import pyarrow

  try:
    yield
  except (pyarrow.ArrowException, OSError) as error:
    if isinstance(error, OSError) and error.errno is not None:
      what, mend = error.strerror, "look at its path, its rights and its disk"
      raise faults.Fault(path, f"it cannot be read ({what})", mend) from error
    first = next(iter(str(error).splitlines()), type(error).__name__)
    raise faults.Fault(
      path, f"not a whole {kind} file ({first[:200]})", "write it again"
    ) from error
