"""Rows of Parquet and Arrow keep their order, and null is absent."""

import pyarrow
import pytest
from pyarrow import parquet

from hybridret_jax.ground import columnar, faults

ROWS = [
  {"a": "é\u2028", "b": ["x", "y"], "c": {"text": "t"}, "d": 1},
  {"a": "z", "b": None, "c": None, "d": 2},
] * 5
WANTED = [{k: v for k, v in row.items() if v is not None} for row in ROWS]


def write(path, rows):
  made = pyarrow.Table.from_pylist(rows)
  if path.suffix == ".parquet":
    parquet.write_table(made, path, row_group_size=3)
    return columnar.parquet(path)
  kind = pyarrow.ipc.new_file if path.stem == "file" else pyarrow.ipc.new_stream
  with kind(path, made.schema) as writer:
    writer.write_table(made, max_chunksize=4)
  return columnar.arrow(path)


@pytest.mark.parametrize("name", ["x.parquet", "file.arrow", "stream.arrow"])
def test_rows_have_their_places(tmp_path, name):
  found = list(write(tmp_path / name, ROWS))
  assert [row for _, row in found] == WANTED
  assert [place.line for place, _ in found] == list(range(1, 11))
  assert str(found[3][0]) == f"{tmp_path / name}:4"


@pytest.mark.parametrize("name", ["x.parquet", "file.arrow", "stream.arrow"])
@pytest.mark.parametrize("left", [0, 5, 60])
def test_what_is_cut_short_is_refused(tmp_path, name, left):
  write(tmp_path / name, ROWS)
  path = tmp_path / name
  path.write_bytes(path.read_bytes()[: -left or None][: None if left else 0])
  read = columnar.parquet if path.suffix == ".parquet" else columnar.arrow
  with pytest.raises(faults.Fault, match=f"^{path}: not a whole"):
    list(read(path))
  with pytest.raises(faults.Fault, match="gone: it cannot be read|No such"):
    list(read(tmp_path / "gone"))
