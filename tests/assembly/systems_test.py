"""Names of systems, and what their corrections do."""

import numpy as np
import pytest

from hybridret_jax.assembly import systems
from hybridret_jax.retrieval import baselines, small_vectors


def unit(vectors):
  return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize(
  ("name", "label"),
  [
    ("untrained", "untrained"),
    ("trained_means_subtracted", "trained, language means subtracted"),
    ("untrained_lir_2", "untrained, LIR r=2"),
    ("trained_256", "trained, 256 dimensions"),
    ("untrained_binary", "untrained, candidates in binary"),
    ("trained_64_int8", "trained, 64 dimensions, candidates in int8"),
    (
      "trained_lir_1_on_training_texts",
      "trained, LIR r=1, estimated on training texts",
    ),
  ],
)
def test_names_have_labels(name, label):
  assert systems.parse(name).label == label


@pytest.mark.parametrize(
  "name",
  [
    *("", "trainned", "trained_lir", "trained_on_training_texts"),
    *("trained_0", "trained_int4", "trained_int8_64", "trained_lir_1_int8"),
  ],
)
def test_other_names_are_refused(name):
  with pytest.raises(ValueError, match=f"names '{name}'"):
    systems.parse(name)


def test_corrections_are_those_of_the_baselines():
  rng = np.random.default_rng(0)
  vectors, known = (
    unit(rng.normal(size=(12, 6))),
    unit(rng.normal(size=(30, 6))),
  )
  language, known_language = np.arange(12) % 3, np.arange(30) % 3
  given = (known, known_language)

  def apply(name):
    return systems.parse(name).apply(vectors, language, given)

  np.testing.assert_array_equal(apply("trained"), vectors)
  np.testing.assert_array_equal(
    apply("trained_means_subtracted"),
    baselines.subtract_language_means(vectors, language),
  )
  np.testing.assert_array_equal(
    apply("trained_lir_2_on_training_texts"),
    baselines.remove_language_directions(
      vectors, language, 2, known_ND=known, known_language_N=known_language
    ),
  )


def test_small_vectors_change_candidates_and_cut_both_sides():
  rng = np.random.default_rng(0)
  vectors, language = unit(rng.normal(size=(12, 6))), np.zeros(12, int)

  def apply(name, side):
    return systems.parse(name).apply(vectors, language, side=side)

  np.testing.assert_array_equal(apply("trained_int8", "query"), vectors)
  np.testing.assert_array_equal(
    apply("trained_4_binary", "candidate"),
    small_vectors.stored(small_vectors.cut(vectors, 4), "binary"),
  )
  assert apply("trained_4_binary", "query").shape == (12, 4)


def test_given_vectors_are_judged_as_the_others_are():
  names = ("trained_int8", "untrained_4", "trained_lir_1_on_training_texts")
  names += ("untrained_int8", "untrained_means_subtracted")
  made = systems.of_given("bm", [systems.parse(name) for name in names])
  assert [one.name for one in made] == [
    *("bm", "bm_int8", "bm_4", "bm_means_subtracted")
  ]
  assert made[2].label == "bm, 4 dimensions" and made[2].dims == 4
