"""A digest is equal only if all that a batch was composed of is."""

import dataclasses

import numpy as np
import pytest

from hybridret_jax.data import certificate, composer, sources
from tests.data import forms
from tests.data.records_test import ROWS


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  path = forms.jsonl(tmp_path_factory.mktemp("c") / "s.jsonl", ROWS)
  corpus = sources.read([path])
  composed = composer.Composer(
    corpus, strategy="mixed", batch_size=4, negatives=1, parallel_share=0.5
  )
  return corpus, composed


def test_steps_have_digests_of_their_own(made):
  corpus, composed = made
  plans = [composed.plan(0, step) for step in range(50)]
  found = [certificate.of(plan, corpus) for plan in plans]
  assert found == [
    certificate.of(composed.plan(0, step), corpus) for step in range(50)
  ]
  assert len(set(found)) == 50
  assert all(len(x) == 16 for x in found)


@pytest.mark.parametrize(
  "field", ["query_row", "passage_row", "parallel_row", "negative_text"]
)
def test_every_part_of_a_plan_counts(made, field):
  corpus, composed = made
  plan = composed.plan(0, 0)
  value = getattr(plan, field).copy()
  place = np.unravel_index(1, value.shape) if value.ndim > 1 else 1
  value[place] = (value[place] + 1) % len(corpus)
  other = dataclasses.replace(plan, **{field: value})
  assert certificate.of(other, corpus) != certificate.of(plan, corpus)
  kind = dataclasses.replace(plan, kind="cross_lingual")
  assert certificate.of(kind, corpus) != certificate.of(plan, corpus)


def test_every_name_counts(made):
  corpus, composed = made
  plan = composed.plan(0, 0)
  row = int(plan.query_row[0])
  ids = list(corpus.ids)
  ids[row] = f"{ids[row]}x"
  for change in (
    {"ids": tuple(ids)},
    {"sources": ("other",)},
    {"languages": ("de", "tr")},
  ):
    other = dataclasses.replace(corpus, **change)
    assert certificate.of(plan, other) != certificate.of(plan, corpus), change
