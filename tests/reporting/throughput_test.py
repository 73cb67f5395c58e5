"""A run's cost: kept over restarts, added up, and shown as it is."""

import json

import pytest

from hybridret_jax.reporting import throughput
from hybridret_jax.training import meter


def card_of(first, last, *, pairs_per_second=100.0, records=5, kind="TPU v4"):
  """A part of a run as `Meter.card` gives it."""
  steps = last - first
  steady = {"records": records}
  if records:
    steady["pairs_per_second"] = pairs_per_second
  card = meter.Meter().card()
  card["devices"] |= {"kind": kind, "count": 4}
  card["total"] |= {
    "steps": steps,
    "pairs": 10 * steps,
    "seconds": 60.0 * steps,
    "model_flops": 10**12 * steps,
  }
  return card | {
    "first_step": first,
    "last_step": last,
    "steady": steady,
    "compilations": {"step": 2, "all": 9, "step_seconds": 30.0},
    "negatives_per_query": 63.0,
    "peak_memory": {"bytes": last * 2**20, "of": "device"},
  }


def steps_of(folder):
  return [
    (part["first_step"], part["last_step"]) for part in throughput.load(folder)
  ]


def test_a_run_that_went_on_has_a_part_for_each_time(tmp_path):
  assert throughput.load(tmp_path) == []
  for first, last in ((0, 10), (0, 20), (20, 30), (20, 40)):
    path = throughput.save(tmp_path, card_of(first, last))
  assert path == tmp_path / "throughput.json"
  assert steps_of(tmp_path) == [(0, 20), (20, 40)]
  throughput.save(tmp_path, card_of(10, 30))  # From an older checkpoint.
  assert steps_of(tmp_path) == [(0, 20), (10, 30)]
  throughput.save(tmp_path, card_of(0, 0))  # Nothing was left to do.
  assert steps_of(tmp_path) == [(0, 20), (10, 30)]
  throughput.save(tmp_path, card_of(0, 5))
  assert steps_of(tmp_path) == [(0, 5)]


def test_what_the_meter_gives_is_read_back(tmp_path):
  card = card_of(0, 3)
  throughput.save(tmp_path, card)
  assert throughput.load(tmp_path) == [card]


@pytest.mark.parametrize(
  ("text", "wrong"),
  [
    ("{", "throughput.json:1: not JSON"),
    ('{"schema": 7, "parts": [{}]}', "throughput.json: schema 7"),
    ('{"schema": 1, "parts": []}', "no parts"),
    ("[]", "is not a JSON object"),
    ('{"schema": 1, "parts": [3]}', "part 0 has no first_step"),
  ],
)
def test_another_file_is_refused(tmp_path, text, wrong):
  (tmp_path / throughput.FILE).write_text(text)
  with pytest.raises(ValueError, match=f"{wrong}.*delete the file"):
    throughput.load(tmp_path)


def test_parts_are_added_up(tmp_path):
  throughput.save(tmp_path, card_of(0, 30, pairs_per_second=10, records=3))
  throughput.save(tmp_path, card_of(30, 40, records=0, kind="TPU v5 lite"))
  found = throughput.of_run(tmp_path)
  assert found["devices"] == "4 × TPU v4, 4 × TPU v5 lite"
  assert found["steps"] == 40
  assert found["seconds"] == 40 * 60
  # Of the part with more records of the steady state.
  assert found["pairs_per_second"] == 10
  assert found["mfu"] is None
  assert found["flops_per_pair"] == 10**11
  assert found["step_compilations"] == 4
  assert found["peak_memory_bytes"] == 40 * 2**20


def test_a_run_without_a_card_has_what_its_log_says(tmp_path):
  records = [
    {"step": 1, "train/loss": 1, "train/pairs_per_second": 1.0},
    {"step": 1, "eval/held_out/selection": 0.5},
    {"step": 2, "train/loss": 1, "train/pairs_per_second": 7.0},
    {"step": 3, "train/loss": 1, "train/pairs_per_second": None},
    {
      "step": 4,
      "train/loss": 1,
      "train/pairs_per_second": 2.0,
      "train/step_compilations": 1,
    },
    {"step": 5, "train/loss": 1, "train/pairs_per_second": 9.0},
  ]
  lines = "".join(json.dumps(record) + "\n" for record in records)
  (tmp_path / "metrics.jsonl").write_text(lines)
  found = throughput.of_run(tmp_path)
  assert found["pairs_per_second"] == 8
  assert found["steps"] == 5
  assert found["mfu"] is None
  assert throughput.summary([], [])["steps"] is None


def test_the_table_shows_what_is_known(tmp_path):
  throughput.save(tmp_path, card_of(0, 40))
  known = throughput.of_run(tmp_path) | {"mfu": 0.417, "padding_share": 0.031}
  heads, rows = throughput.table(
    {"hybrid": known, "old": throughput.summary([], [])}
  )
  assert dict(zip(heads, rows[0], strict=True)) == {
    "Run": "hybrid",
    "Devices": "4 × TPU v4",
    "Steps": "40",
    "Training time": "40 min",
    "Pairs/s": "100",
    "Padding": "3.1 %",
    "Share of peak": "41.7 %",
    "FLOPs a pair": "100 G",
    "Steps compiled": "2 in 30 s",
    "Negatives a query": "63",
    "Peak memory": "0.0391 GiB a device",
  }
  assert rows[1] == ["old"] + ["–"] * (len(heads) - 1)
  text = throughput.markdown({"hybrid": known})
  assert text.startswith("## Training cost\n") and "| hybrid" in text
  assert throughput.markdown({"old": throughput.summary([], [])}) == ""
