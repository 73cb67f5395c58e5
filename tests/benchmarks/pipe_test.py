"""Requests and answers between processes."""

import sys

import pytest

from benchmarks.workers import pipe


@pytest.fixture
def worker():
  with pipe.Worker(sys.executable, "tests.benchmarks.echo") as started:
    yield started


def test_answers_come_back_whatever_is_printed(worker):
  for said in ({"a": [1, 2.5, None]}, "слово\nऔर", ["x" * 100_000]):
    assert worker.ask("repeat", said=said) == said


def test_an_end_names_the_program_and_the_request(capfd):
  # Started here, as a fixture's process would write elsewhere.
  with pipe.Worker(sys.executable, "tests.benchmarks.echo") as worker:
    with pytest.raises(RuntimeError, match=r"echo` ended .*status 1 .*'fail'"):
      worker.ask("fail")
    assert "ValueError: it cannot" in capfd.readouterr().err
    with pytest.raises(RuntimeError, match="'repeat'"):
      worker.ask("repeat", said=1)


def test_memory_is_the_most_that_was_held(worker):
  worker.ask("repeat", said="so that all is imported")
  before = worker.peak_bytes()
  assert 1 << 20 < before < 1 << 29
  assert worker.ask("hold", megabytes=200) == 200
  peak = worker.peak_bytes()
  assert peak - before > 150 << 20
  worker.ask("repeat", said="what was held is given back")
  assert worker.peak_bytes() >= peak


def test_processor_time_is_that_of_the_process_alone(worker):
  worker.ask("repeat", said="")
  before = worker.processor_seconds()
  sum(range(10**6))
  assert worker.processor_seconds() - before < 0.05
  worker.ask("work", seconds=0.3)
  assert 0.25 < worker.processor_seconds() - before < 0.5


def test_a_closed_worker_has_ended():
  worker = pipe.Worker(sys.executable, "tests.benchmarks.echo")
  assert worker.ask("repeat", said=1) == 1
  worker.close()
  with pytest.raises(FileNotFoundError):
    worker.peak_bytes()
