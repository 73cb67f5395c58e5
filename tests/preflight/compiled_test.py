"""A config's train step, compiled for devices that may not be here."""

import functools

import jax
import numpy as np
import pytest

from hybridret_jax import defaults
from hybridret_jax.preflight import compiled as compiling
from hybridret_jax.preflight import figures, planning, program, topologies
from hybridret_jax.preflight import largest as searching

TEXTS = compiling.Texts(query=24, passage=40, shortest=8, full=0.9)
GIB = 2**30


def settings(**changes):
  """A tiny model on four slices."""
  config = defaults.get_config()
  config.update_from_flattened_dict(
    {
      "model.init": "scratch",
      "model.tokenizer": "train",
      "model.tokenizer_size": 500,
      "model.scratch.hidden_size": 32,
      "model.scratch.mlp_size": 64,
      "model.dropout": 0.0,
      "model.attention_dropout": 0.0,
      "model.attention": "xla",
      "data.query_length": 32,
      "data.passage_length": 64,
      "packing.row_lengths": (32, 64),
      "packing.row_multiple": 4,
      "mesh.fsdp": 4,
      "batches.batch_size": 64,
      "train.chunk_tokens": 512,
      **changes,
    }
  )
  return config


@functools.cache
def compiled(batch_size):
  config = settings(**{"batches.batch_size": batch_size})
  topology = topologies.of("cpu:4")
  found = compiling.compile_step(config, topology, TEXTS)
  told = figures.figures(config, topology, TEXTS, found, utilisation=0.4)
  return found, told


def sent(figures):
  by_purpose = {}
  for row in figures["collectives"]:
    assert row["counted"]
    by_purpose.setdefault(row["purpose"], 0)
    by_purpose[row["purpose"]] += row["bytes"]
  return by_purpose


def test_only_vectors_move_more_with_a_larger_batch():
  """Their bytes are B D; parameters and gradients do not know the batch."""
  (small, small_figures), (large, large_figures) = compiled(64), compiled(256)
  # Nothing is exchanged within a chunk, however many there are.
  assert small.chunks["both"] < large.chunks["both"]
  for found in (small, large):
    assert {one.times for one in found.collectives} == {1}
  before, after = sent(small_figures), sent(large_figures)
  assert set(before) == {"parameters", "gradients", "vectors", "sums"}
  for purpose in ("parameters", "gradients", "sums"):
    assert after[purpose] == before[purpose]
  assert after["vectors"] == pytest.approx(4 * before["vectors"], rel=0.02)
  # Queries and passages are summed and split, passages gathered, and so back.
  vectors = 6 * 256 * 32 * 4 * 3 / 4
  assert vectors <= after["vectors"] <= 1.2 * vectors
  assert before["parameters"] >= 500 * 32 * 4 * 3 / 4


def test_memory_is_that_of_the_chunk():
  small, large = compiled(64)[0].memory, compiled(256)[0].memory
  state = sum(
    np.prod(shape) * 4
    for shape in [(512, 32), (2, 32, 64), (2, 64, 32), *[(2, 32, 32)] * 4]
  )
  # Parameters and two moments, a quarter each.
  assert small.arguments > 3 * state / 4
  assert large.temporaries < 2 * small.temporaries
  assert small.total == (
    small.arguments + small.outputs - small.aliased + small.temporaries
  )
  # The state is given up for the next one.
  assert small.aliased > 0.9 * small.outputs


def test_figures_say_what_was_assumed_and_what_came_of_it():
  found, figures = compiled(64)
  assert figures["topology"] == "cpu:4" and figures["device_kind"] == "cpu"
  assert figures["mesh"] == {"data": 1, "fsdp": 4, "tensor": 1}
  assert figures["rows"] == {"both": [[56, 32], [48, 64]]}
  assert figures["chunks"] == {"both": 3}
  assert figures["needed_bytes"] == found.memory.total
  assert figures["fits"] and figures["capacity_bytes"] is None
  assert figures["pairs_per_second_bound"] is None
  flops = figures["flops_per_pair"]
  dense = 2 * 2 * 64 * (4 * 32**2 + 2 * 32 * 64)
  assert flops["model"] > 3 * dense
  assert flops["hardware"] > 4 * dense / 0.95


def test_rows_hold_the_texts_and_split_over_the_slices():
  rows = compiling.rows(settings(), TEXTS, slices=8)["both"]
  assert [tier[0].shape[1] for tier in rows] == [32, 64]
  for tier, tokens in zip(rows, (64 * 24, 64 * 40), strict=True):
    count, length = tier[0].shape
    assert not count % 8
    assert 0 <= count - tokens / length / TEXTS.full < 8
    assert [x.shape for x in tier] == [(count, length)] * 4 + [(count,)]


def test_texts_as_long_as_rows_fill_them():
  exact = compiling.Texts(query=32, passage=64, full=1.0)
  rows = compiling.rows(settings(), exact, slices=8)["both"]
  assert [tier[0].shape for tier in rows] == [(64, 32), (64, 64)]


def test_hard_negatives_and_parallel_queries_take_rows_too():
  config = settings(
    **{
      "batches.negatives": 2,
      "batches.parallel_share": 0.5,
      "model.tied": False,
    }
  )
  packs = compiling.texts_by_pack(config, TEXTS)
  assert packs == {"query": [(64, 24), (32, 24)], "passage": [(192, 40)]}
  rows = compiling.rows(config, TEXTS, slices=4)
  assert [x[0].shape for x in rows["query"]] == [(80, 32)]
  assert [x[0].shape for x in rows["passage"]] == [(136, 64)]


def test_given_rows_are_taken_as_they_are():
  given = {"packing.row_counts": ((8, 8), (16, 12), (28, 4))}
  rows = compiling.rows(settings(**given), TEXTS, slices=4)["both"]
  assert [tier[0].shape for tier in rows] == [(16, 32), (12, 64)]
  with pytest.raises(ValueError, match="multiple of the 8 slices"):
    compiling.rows(settings(**given), TEXTS, slices=8)


def test_texts_longer_than_rows_are_refused():
  long = compiling.Texts(query=24, passage=65)
  with pytest.raises(ValueError, match="65 tokens on average do not fit"):
    compiling.rows(settings(), long, slices=4)


def test_a_model_without_a_shape_is_refused():
  with pytest.raises(ValueError, match="model.init is not set"):
    compiling.module(settings(**{"model.init": None}))
  module = compiling.module(
    settings(**{"model.init": "sentence-transformers/LaBSE"})
  )
  assert module.encoder.vocab_size == 501_153
  assert module.encoder.attention_dropout == 0.0


@pytest.mark.parametrize(
  ("message", "gib"),
  [
    (
      "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required"
      " for HLO temporaries (18.73G) exceeds available HBM (15.75G).",
      18.73,
    ),
    (
      "RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory"
      " in memory space hbm. Used 16.98G of 15.75G hbm. Exceeded hbm capacity"
      " by 1.23G.",
      16.98,
    ),
    ("INTERNAL: Mosaic failed to compile TPU kernel", 0),
  ],
)
def test_reads_what_a_refusal_says(message, gib):
  assert compiling.needed_bytes(message) == int(gib * GIB)


@pytest.mark.parametrize(
  ("memory", "needed", "capacity", "verdict"),
  [
    (True, 10 * GIB, 16 * GIB, True),
    (True, 17 * GIB, 16 * GIB, False),  # Let pass by the compiler.
    (False, 10 * GIB, 16 * GIB, False),  # Refused by it.
    (True, 17 * GIB, None, True),
  ],
)
def test_what_fits(memory, needed, capacity, verdict):
  found = compiling.Compiled(
    compiling.Memory(0, 0, 0, needed) if memory else None, needed, [], {}, 0.0
  )
  topology = topologies.Topology("v5e:1x1", (), "TPU v5 lite", capacity)
  assert figures.fits(topology, found) is verdict


def test_a_mistake_of_the_compiler_is_told_and_does_not_fit(monkeypatch):
  said = "INTERNAL: RET_CHECK failure (live_range_finder.cc:57)"

  def fail(self):
    raise jax.errors.JaxRuntimeError(said)

  monkeypatch.setattr(jax.stages.Lowered, "compile", fail)
  config = settings()
  topology = topologies.of("cpu:4")
  found = compiling.compile_step(config, topology, TEXTS)
  assert found.failed == said and not figures.fits(topology, found)
  made = figures.figures(config, topology, TEXTS, found, utilisation=0.4)
  assert "DOES NOT COMPILE" in planning.text(made)
  said = "INVALID_ARGUMENT: a setting"
  with pytest.raises(jax.errors.JaxRuntimeError, match="a setting"):
    compiling.compile_step(config, topology, TEXTS)


@pytest.mark.parametrize("largest", [None, 1, 2, 8, 9, 10])
def test_bisection_finds_the_last_that_is_good(largest):
  asked = []

  def good(number):
    asked.append(number)
    return largest is not None and number <= largest

  assert searching.bisect(range(1, 11), good) == largest
  assert len(asked) <= 4 and len(set(asked)) == len(asked)
  assert searching.bisect([], good) is None


def test_searches_a_chunk_among_powers_of_two():
  config = settings(**{"batches.batch_size": 4096})
  tokens = sum(
    count * length // 4
    for count, length in (
      tier[0].shape for tier in compiling.rows(config, TEXTS, slices=4)["both"]
    )
  )
  assert tokens > 2**16
  for most, expected in ((2**12, 4096), (5000, 4096), (2**40, 0), (9, None)):

    def fits(chunk, most=most):
      return (chunk or tokens) <= most

    assert searching.chunk(config, TEXTS, 4, fits, fits) == expected


@pytest.mark.parametrize(
  ("most", "found"),
  [(64, 64), (71, 64), (72, 72), (1000, 960), (20, 20), (5, 4), (3, None)],
)
def test_searches_a_batch_by_powers_of_two_and_eighths(most, found):
  def fits(size):
    assert not size % 4
    return size <= most

  assert searching.batch(settings(), TEXTS, 4, fits, lambda n: None) == found


def test_vectors_are_known_by_their_shape_where_nobody_is_named():
  def one(shape, functions=(), kind="all-reduce"):
    return program.Collective(kind, 4, (shape,), 64, 1, True, functions)

  found = figures.moved(
    [
      one((640, 32)),
      one((645, 32), kind="reduce-scatter"),  # As libtpu pads it.
      one((20, 32, 32)),
      one((7000, 32), kind="reduce-scatter"),
      one((640, 32), ("Slices.gather_parameters",), "all-gather"),
      one((7, 32), ("f", "Layer.__call__")),
    ],
    batch_size=640,
  )
  assert [(row["purpose"], row["kind"]) for row in found] == [
    ("parameters", "all-gather"),
    *((name, "all-reduce") for name in ("vectors", "gradients", "activations")),
    *((name, "reduce-scatter") for name in ("vectors", "gradients")),
  ]
