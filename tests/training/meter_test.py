"""Figures of a record, and a loss that is no number."""

import jax.numpy as jnp
import pytest

from hybridret_jax.training import meter


def add(one, step, loss, kind="monolingual"):
  metrics = {"loss": jnp.float32(loss), "accuracy": jnp.float32(step / 10)}
  one.add(step, metrics, kind=kind, pairs=4, tokens=30, slots=40)


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
  with pytest.raises(FloatingPointError, match=r"step 2 is nan \(a cross_l"):
    add(one, 3, 1.0)


def test_the_newest_step_is_checked_before_a_record():
  one = meter.Meter()
  add(one, 1, float("inf"))
  with pytest.raises(FloatingPointError, match="step 1 is inf"):
    one.record()
