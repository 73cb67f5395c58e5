"""A run that goes on gets the batches that were still to come."""

import pytest

from tests.data import pipeline_test

parts = pipeline_test.parts


@pytest.mark.parametrize("start", [1, 7, 11])
def test_a_run_that_goes_on_repeats_no_batch(parts, start):
  """Each batch knows its own step, so only their number in line tells."""
  whole = pipeline_test.read(parts, start_step=0, total_steps=12)
  rest = pipeline_test.read(parts, start_step=start, total_steps=12)
  for batch, wanted in zip(rest, whole[start:], strict=True):
    pipeline_test.assert_same(batch, wanted)
