"""The log keeps each step once, also after a resume."""

import io
import math
import pathlib
import struct

import numpy as np
import pytest
from tensorboardX.proto import event_pb2

from hybridret_jax.reporting import training_log


def write(folder, steps, *, start_step=0):
  with training_log.TrainingLog(folder, start_step=start_step) as log:
    for step in steps:
      log.write(step, {"loss": 1 / step})


def steps_of(folder):
  return [record["step"] for record in training_log.read(folder)]


def test_records_come_back(tmp_path):
  with training_log.TrainingLog(tmp_path) as log:
    log.write(1, {"loss": np.float32(0.5), "rows": 46})
    log.write(2, {"loss": math.nan})
  records = training_log.read(tmp_path)
  assert records == [
    {"step": 1, "loss": 0.5, "rows": 46},
    {"step": 2, "loss": None},
  ]
  assert isinstance(records[0]["rows"], int)


def test_a_record_is_readable_before_the_log_is_closed(tmp_path):
  with training_log.TrainingLog(tmp_path) as log:
    log.write(1, {"loss": 0.5})
    assert steps_of(tmp_path) == [1]


@pytest.mark.parametrize("start_step", [1, 2, 4, 9])
def test_a_resumed_run_drops_later_steps(tmp_path, start_step):
  write(tmp_path, [1, 2, 2, 4, 5])
  write(tmp_path, [start_step + 1], start_step=start_step)
  kept = [step for step in (1, 2, 2, 4, 5) if step <= start_step]
  assert steps_of(tmp_path) == [*kept, start_step + 1]
  assert [x.name for x in tmp_path.iterdir() if x.name.startswith(".")] == []


def test_a_fresh_run_starts_an_empty_file(tmp_path):
  write(tmp_path, [1, 2])
  write(tmp_path, [1])
  assert steps_of(tmp_path) == [1]


def test_a_line_cut_short_by_an_interruption_is_dropped(tmp_path):
  write(tmp_path, [1, 2])
  path = tmp_path / training_log.FILE
  path.write_text(path.read_text() + '{"step": 3, "lo')
  assert steps_of(tmp_path) == [1, 2]
  write(tmp_path, [3], start_step=2)
  assert steps_of(tmp_path) == [1, 2, 3]


@pytest.mark.parametrize("line", ["{", "[1]", '{"loss": 1}', '{"step": "a"}'])
def test_another_broken_line_is_named(tmp_path, line):
  path = tmp_path / training_log.FILE
  path.write_text(f'{{"step": 1}}\n{line}\n{{"step": 3}}\n')
  with pytest.raises(ValueError, match=r"metrics\.jsonl:2: .*remove the line"):
    training_log.read(tmp_path)


def test_no_log_has_no_records(tmp_path):
  assert training_log.read(tmp_path) == []


def test_tensorboard_has_the_same_numbers_and_purges_on_resume(tmp_path):
  write(tmp_path, [1, 2, 4])
  first = set(tmp_path.glob("tensorboard/*"))
  write(tmp_path, [3], start_step=2)
  (second,) = set(tmp_path.glob("tensorboard/*")) - first
  scalars = [
    (event.step, value.tag, round(value.simple_value, 6))
    for event in events(first.pop())
    for value in event.summary.value
  ]
  assert scalars == [(1, "loss", 1.0), (2, "loss", 0.5), (4, "loss", 0.25)]
  purges = [
    event.step
    for event in events(second)
    if event.session_log.status == event_pb2.SessionLog.START
  ]
  assert purges == [3]


def events(path: pathlib.Path):
  """The events of a TensorBoard file: length, checksum, event, checksum."""
  stream = io.BytesIO(path.read_bytes())
  while header := stream.read(12):
    (length,) = struct.unpack("<Q", header[:8])
    yield event_pb2.Event.FromString(stream.read(length))
    stream.read(4)


def test_progress_starts_where_the_run_resumes(capsys):
  with training_log.progress(40, start=20, name="train") as bar:
    bar.update(20)
    bar.set_postfix(loss="0.50")
  shown = capsys.readouterr().err
  assert "train" in shown and "20/40" in shown and "40/40" in shown
  assert "loss=0.50" in shown
