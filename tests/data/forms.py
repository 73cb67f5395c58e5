"""Writes rows in every form that is read."""

import csv
import gzip
import json

import pyarrow
from array_record.python import array_record_module
from pyarrow import parquet

from hybridret_jax.data.corpora import pairs


def jsonl(path, rows):
  path.parent.mkdir(parents=True, exist_ok=True)
  data = "".join(json.dumps(x, ensure_ascii=False) + "\n" for x in rows)
  if path.suffix == ".zst":
    path.write_bytes(pyarrow.compress(data.encode(), "zstd", asbytes=True))
  elif path.suffix == ".gz":
    path.write_bytes(gzip.compress(data.encode()))
  else:
    path.write_text(data, "utf-8")
  return path


def flat(rows):
  """Rows whose negatives are columns of their own, as a table has them."""
  most = max((len(x.get("negatives", ())) for x in rows), default=0)
  made = []
  for row in rows:
    negatives = row.get("negatives", ())
    made.append({k: v for k, v in row.items() if k != "negatives"})
    made[-1] |= {
      f"negative_{n + 1}": negatives[n] if n < len(negatives) else ""
      for n in range(most)
    }
  return made


def table(path, rows):
  path.parent.mkdir(parents=True, exist_ok=True)
  with path.open("w", newline="", encoding="utf-8") as file:
    if path.suffix == ".tsv":
      lines = [list(rows[0]), *(x.values() for x in rows)]
      file.write("".join("\t".join(map(str, x)) + "\n" for x in lines))
    else:
      writer = csv.DictWriter(file, list(rows[0]))
      writer.writeheader()
      writer.writerows(rows)
  return path


def parquet_file(path, rows):
  path.parent.mkdir(parents=True, exist_ok=True)
  parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=3)
  return path


def dataset_folder(path, rows):
  """As `datasets.Dataset.save_to_disk` writes it, in two files."""
  path.mkdir(parents=True, exist_ok=True)
  schema = pyarrow.Table.from_pylist(rows).schema
  names = [f"data-0000{n}-of-00002.arrow" for n in range(2)]
  half = len(rows) // 2
  for name, part in zip(names, (rows[:half], rows[half:]), strict=True):
    made = pyarrow.Table.from_pylist(part, schema=schema)
    with pyarrow.ipc.new_stream(path / name, schema) as writer:
      writer.write_table(made, max_chunksize=2)
  state = {"_data_files": [{"filename": x} for x in names], "_split": None}
  (path / "state.json").write_text(json.dumps(state))
  (path / "dataset_info.json").write_text("{}")
  return path


def array_record(path, rows):
  path.parent.mkdir(parents=True, exist_ok=True)
  writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
  for row in rows:
    data = row if isinstance(row, bytes) else json.dumps(row).encode()
    writer.write(data)
  writer.close()
  return path


def tfds(folder, rows, name):
  source = jsonl(folder / f"{name}.jsonl", rows)
  pairs.build(source, data_dir=folder / "tfds")
  return f"tfds:pairs/{name}?data_dir={folder / 'tfds'}"
