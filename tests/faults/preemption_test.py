"""A run that is told to end saves what is done, and goes on to the same."""

from benchmarks import preemptions


def test_told_to_end_twice_it_loses_nothing(tmp_path):
  """The short form of `benchmarks/preemptions.py`, whose 100 are recorded."""
  rows = preemptions.tell_each(
    tmp_path / "runs",
    tmp_path / "signals.jsonl",
    signals=2,
    in_a_row=2,
    steps=40,
    seed=1,
  )
  assert [row for row in rows if not preemptions.is_right(row)] == []
  assert rows[-1]["alike"]


def test_what_is_not_right():
  row = {"kind": "SIGTERM", "status": 143, "lost": 0, "alike": None}
  assert preemptions.is_right(row)
  for wrong in ({"status": 1}, {"lost": 1}, {"alike": False}, {"status": -2}):
    assert not preemptions.is_right(row | wrong)
