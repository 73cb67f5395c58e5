"""Figures of a record, what a run cost, and a loss that is no number."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import (
  compilation_cache as compilation_caches,
)

from hybridret_jax.training import meter


class Clock:
  """Seconds that pass when a test says so."""

  def __init__(self):
    self.now = 100.0

  def __call__(self):
    return self.now


@pytest.fixture
def clock(monkeypatch):
  clock = Clock()
  monkeypatch.setattr(meter.time, "perf_counter", clock)
  return clock


def add(one, step, loss=1.0, kind="monolingual", **more):
  metrics = {"loss": jnp.float32(loss), "accuracy": jnp.float32(step / 10)}
  one.add(step, metrics, kind=kind, pairs=4, tokens=30, slots=40, **more)


def test_a_record_adds_up_and_starts_anew():
  one = meter.Meter()
  add(one, 1, 2.0)
  add(one, 2, 4.0)
  add(one, 3, 9.0, kind="cross_lingual")
  record = one.record()
  assert record["train/loss"] == 5
  assert record["train/loss_monolingual"] == 3
  assert record["train/loss_cross_lingual"] == 9
  assert record["train/monolingual_share"] == pytest.approx(2 / 3)
  assert record["train/padding_share"] == pytest.approx(0.25)
  assert record["train/accuracy"] == pytest.approx(0.3)
  rate = record["train/pairs_per_second"] / record["train/tokens_per_second"]
  assert rate == pytest.approx(12 / 90)
  add(one, 4, 1.0)
  assert one.record()["train/loss"] == 1


def test_a_loss_that_is_no_number_names_its_step():
  one = meter.Meter()
  add(one, 1, 1.0)
  add(one, 2, float("nan"), kind="cross_lingual")  # Fetched one step behind.
  with pytest.raises(FloatingPointError, match=r"step 2 is nan .*\(a cross_l"):
    add(one, 3, 1.0)


def test_the_newest_step_is_checked_before_a_record():
  one = meter.Meter()
  add(one, 1, float("inf"))
  with pytest.raises(FloatingPointError, match="step 1 is inf"):
    one.record()


def test_rates_per_device_and_shares_of_the_peak(clock):
  one = meter.Meter(peak_flops=50.0)
  flops = {"model_flops": 1000, "hardware_flops": 3000}
  add(one, 1, **flops, negatives=7)
  add(one, 2, **flops, negatives=5)
  clock.now += 10
  record = one.record()
  assert record["train/seconds_per_step"] == 5
  assert record["train/pairs_per_second"] == 8 / 10
  assert record["train/tokens_per_second"] == 6
  assert record["train/tokens_per_second_per_device"] == 6 / 8
  assert record["train/model_flops_per_second"] == 200
  assert record["train/mfu"] == 200 / (50 * 8)
  assert record["train/hfu"] == 600 / (50 * 8)
  assert record["train/negatives_per_query"] == 6


def test_what_is_not_known_is_left_out():
  one = meter.Meter()
  add(one, 1, model_flops=1000)
  record = one.record()
  assert "train/model_flops_per_second" in record
  assert not {"train/mfu", "train/hfu", "train/hardware_flops_per_second"} & {
    *record
  }
  assert "train/negatives_per_query" not in record


def test_waiting_for_input_is_timed(clock):
  def slow():
    for batch in "ab":
      clock.now += 3
      yield batch

  one, seen = meter.Meter(), []
  for step, batch in enumerate(one.timed(slow()), start=1):
    seen.append(batch)
    clock.now += 1
    add(one, step)
  record = one.record()
  assert seen == ["a", "b"]
  assert record["train/input_wait_seconds"] == 6
  assert record["train/input_wait_share"] == 6 / 8


def test_the_card_adds_up_what_was_trained_and_no_evaluation(clock):
  one = meter.Meter()
  clock.now += 1000  # A first evaluation.
  one.restart()
  for step in range(6, 12):
    clock.now += 2
    add(one, step, model_flops=60, negatives=3)
    if step == 8:
      one.record()
      clock.now += 500
      one.restart()
    if step == 10:  # Between two records.
      one.settle()
      clock.now += 500
      one.restart()
  card = one.card()
  assert (card["first_step"], card["last_step"]) == (5, 11)
  assert card["total"]["seconds"] == 12
  assert card["wall_seconds"] == 2012
  assert card["total"]["steps"] == 6
  assert card["total"]["pairs"] == 24
  assert card["flops_per_pair"] == 15
  assert card["negatives_per_query"] == 3
  assert card["devices"]["count"] == 8
  assert json.loads(json.dumps(card)) == card
  assert one.card()["total"] == card["total"]


def test_a_checkpoint_in_between_takes_its_time(clock):
  one = meter.Meter()
  add(one, 1)
  clock.now += 2
  one.settle()
  clock.now += 5
  add(one, 2)
  clock.now += 1
  assert one.record()["train/seconds_per_step"] == 4


def test_the_steady_state_is_the_median_after_the_first_record(clock):
  one = meter.Meter()
  assert one.card()["steady"] == {"records": 0}
  for step, seconds in enumerate((100, 4, 1, 2), start=1):
    add(one, step)
    clock.now += seconds
    one.record()
  steady = one.card()["steady"]
  assert steady["records"] == 3
  assert steady["seconds_per_step"] == 2
  assert steady["pairs_per_second"] == 2
  assert steady["padding_share"] == pytest.approx(0.25)


def test_compilations_of_the_step_are_counted_apart():
  def train_step(x):
    return {"loss": jnp.sin(x).sum()}

  compiled = jax.jit(train_step)
  shapes = [jnp.ones(n) for n in (3, 3, 5, 5)]
  records = []
  with meter.Meter() as one:
    for step, x in enumerate(shapes, start=1):
      one.add(step, compiled(x), kind="mixed", pairs=1, tokens=1, slots=1)
      records.append(one.record())
    jax.jit(lambda x: x + 2)(shapes[0])
  compiled(jnp.ones(7))  # Not entered any more.
  assert [x["train/step_compilations"] for x in records] == [1, 0, 1, 0]
  assert records[0]["train/compile_seconds"] > 0
  card = one.card()
  assert card["compilations"]["step"] == 2
  assert card["compilations"]["all"] > 2
  assert card["compilations"]["from_cache"] == 0
  assert card["compilations"]["step_seconds"] > 0
  assert card["compilations"]["step_seconds"] < card["compilations"]["seconds"]
  # A record in which the step is compiled is not steady, nor is the first.
  assert card["steady"]["records"] == 2


@pytest.fixture
def compilation_cache(tmp_path):
  """A compilation cache of a test's own, which keeps every program."""
  settings = {
    "jax_compilation_cache_dir": str(tmp_path),
    "jax_persistent_cache_min_compile_time_secs": 0,
    "jax_persistent_cache_min_entry_size_bytes": 0,
  }
  before = {key: getattr(jax.config, key) for key in settings}
  for values in (settings, before):
    for key, value in values.items():
      jax.config.update(key, value)
    compilation_caches.reset_cache()
    if values is settings:
      yield


@pytest.mark.usefixtures("compilation_cache")
def test_a_program_from_the_cache_counts_as_one():
  def fresh():
    def train_step(x):
      return jnp.cos(x * 17).sum()

    return jax.jit(train_step)

  x, found = jnp.ones(11), []
  for _ in range(2):
    with meter.Meter() as one:
      fresh()(x)
    found.append(one.card()["compilations"])
  assert [x["step"] for x in found] == [1, 1]
  assert [x["from_cache"] for x in found] == [0, 1]


def test_negatives_are_the_other_passages_without_translations():
  group_B = np.array([0, 1, 2, 2])
  none = np.zeros((4, 0), int)
  assert meter.negatives_per_query(np.arange(4), none) == 3
  # The queries of group 2 have two passages that do not count.
  assert meter.negatives_per_query(group_B, none) == (3 + 3 + 2 + 2) / 4
  unknown = np.full((4, 2), -1)
  assert meter.negatives_per_query(group_B, unknown) == 8 + 2.5
  # A hard negative that is a passage of group 2 counts for neither of its two.
  of_two = np.array([[2, -1], [-1, -1], [-1, -1], [-1, -1]])
  assert meter.negatives_per_query(group_B, of_two) == 8 + (3 + 3 + 1 + 1) / 4


def test_peak_memory_is_that_of_the_process_on_a_cpu():
  held, of = meter.peak_memory()
  assert of == "process"
  assert 50 * 2**20 < held < 2**40


def test_a_window_that_another_process_began_is_recorded_whole():
  """As one process would record it, whatever the kinds' order."""
  steps = [
    ("monolingual", 0.1, 3.0),
    ("hybrid", 0.3, 5.0),
    ("hybrid", 0.2, 4.0),
  ]

  def add(made, some):
    for number, (kind, loss, negatives) in some:
      made.add(
        number,
        {"loss": jnp.float32(loss)},
        kind=kind,
        pairs=1,
        tokens=1,
        slots=1,
        negatives=negatives,
      )

  numbered = list(enumerate(steps, start=1))
  whole, first, second = meter.Meter(), meter.Meter(), meter.Meter()
  add(whole, numbered)
  add(first, numbered[:1])
  second.go_on(json.loads(json.dumps(first.window())))
  add(second, numbered[1:])
  wanted, found = whole.record(), second.record()
  same = [k for k in wanted if "loss" in k or "share" in k or "negatives" in k]
  assert len(same) >= 5
  assert {k: found[k] for k in same} == {k: wanted[k] for k in same}
  assert whole.window() == {}
