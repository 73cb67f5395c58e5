"""Bias of rankings: worked examples, scipy, and planted values."""

import numpy as np
import pytest
from scipy import stats

from hybridret_jax.retrieval import evaluation, fairness
from hybridret_jax.retrieval.tasks import task

LANGUAGES = ("ar", "de", "en", "es")


def planted(bonus, *, items=60, noise=0.0, seed=0):
  """A parallel task, and vectors whose scores have a known language bonus.

  Each item is one query and one candidate in every language; equal meanings
  score 1, and equal languages score `bonus` more.
  """
  X, rng = len(LANGUAGES), np.random.default_rng(seed)
  language = np.repeat(np.arange(X, dtype=np.int32), items)
  item = np.tile(np.arange(items), X)
  names = tuple(
    f"{LANGUAGES[x]}-{i}" for x, i in zip(language, item, strict=True)
  )
  made = task.Task(
    name="planted",
    languages=LANGUAGES,
    query_texts=names,
    query_ids=names,
    query_language=language,
    candidate_texts=names,
    candidate_ids=names,
    candidate_language=language,
    candidate_context=None,
    relevant=np.stack([item + items * x for x in range(X)], 1).astype(np.int32),
    query_cluster=tuple(str(i // 4) for i in item),
    query_group=tuple(str(i) for i in item),
    candidate_group=tuple(str(i) for i in item),
  )
  meaning = np.linalg.qr(rng.normal(size=(items, items)))[0][item]
  spoken = np.eye(X)[language] * np.sqrt(bonus)
  jitter = noise * rng.normal(size=(len(item), 8))
  return made, *(
    np.concatenate([meaning, spoken, side], 1).astype(np.float32)
    for side in (jitter, noise * rng.normal(size=jitter.shape))
  )


def test_top_shares_of_a_worked_example():
  shares = fairness.top_shares(
    np.array([[0, 1, 2, 3], [2, 3, 2, 3]]), np.array([0, 0, 1, 2]), 4
  )
  np.testing.assert_allclose(shares, [[0.5, 0.25, 0.25, 0], [0, 0.5, 0.5, 0]])


def test_equal_expected_rank_is_kruskal_wallis_of_each_level():
  rng = np.random.default_rng(0)
  for _ in range(20):
    language_N = rng.integers(0, 3, 30)
    order = rng.permutation(30)
    relevant = rng.choice(30, 9, replace=False)
    grade = rng.integers(1, 3, 9)
    value = fairness.equal_expected_rank(
      order[None, :20],
      relevant[None],
      language_N,
      3,
      grades_QR=grade[None],
      weights={0: 0.2, 1: 0.3, 2: 0.5},
    )[0]
    level_of = dict(zip(relevant.tolist(), grade.tolist(), strict=True))
    want = 0
    for level, weight in ((0, 0.2), (1, 0.3), (2, 0.5)):
      ranks = [[], [], []]
      for place, n in enumerate(order.tolist()):
        if level_of.get(n, 0) == level and (place < 20 or level):
          # Beyond the cutoff all are equally far.
          ranks[language_N[n]].append(min(place, 20))
      ranks = [sample for sample in ranks if sample]
      found = any(place < 20 for sample in ranks for place in sample)
      p = stats.kruskal(*ranks).pvalue if len(ranks) > 1 and found else 1.0
      want += weight * p
    assert value == pytest.approx(want, abs=1e-12)


def test_one_answer_a_language_says_nothing():
  # The note in the method's description: the level is constant.
  language_N = np.repeat(np.arange(5), 4)
  relevant = np.array([[0, 4, 8, 12, 16]])
  values = {
    float(
      fairness.equal_expected_rank(
        np.random.default_rng(seed).permutation(20)[None],
        relevant,
        language_N,
        5,
        weights={1: 1.0},
      )[0]
    )
    for seed in range(5)
  }
  assert max(values) - min(values) < 1e-12


def test_weights_sum_to_one():
  with pytest.raises(ValueError, match="sum to 1"):
    fairness.equal_expected_rank(
      np.zeros((1, 1), int), np.zeros((1, 1), int), [0], 1, weights={0: 0.5}
    )


def test_without_a_bonus_every_figure_is_neutral():
  # Noise only breaks ties, without regard to language.
  made, q_QD, c_ND = planted(0, noise=1e-3)
  figures = evaluation.judge(made, q_QD, c_ND, depth=100).figures
  pool = figures["macro"]["multilingual_pool"]
  assert pool["rank_distance"] == len(LANGUAGES) - 1
  assert pool["same_language_first"] == pytest.approx(0.25, abs=0.08)
  for shares in figures["bias"]["top_shares"]["by_language"].values():
    for share in shares.values():
      assert share == pytest.approx(0.25, abs=0.03)
  assert figures["bias"]["without_own_language"]["macro"] == pytest.approx(1)
  assert figures["bias"]["one_copy"]["macro"] == pytest.approx(1)
  # p-values of true hypotheses are uniform; relevant ones come first, alike.
  assert figures["bias"]["peer"]["macro"] == pytest.approx(0.45, abs=0.12)


def test_a_large_bonus_is_found_by_every_figure():
  made, q_QD, c_ND = planted(1.5, noise=1e-3)
  figures = evaluation.judge(made, q_QD, c_ND, depth=50).figures
  pool = figures["macro"]["multilingual_pool"]
  # The answer in the own language, its 59 neighbours, then the others.
  assert pool["rank_distance"] == 60 + len(LANGUAGES) - 2
  assert pool["same_language_first"] == 1
  for code, shares in figures["bias"]["top_shares"]["by_language"].items():
    assert shares[code] == 1
  # The first 59 places are the own language's, then come the three answers.
  want = np.mean([1 / 60, 2 / 61, 3 / 62])
  found = figures["bias"]["without_own_language"]["macro"]
  assert found == pytest.approx(want, abs=1e-6)
  # A quarter of the items have their copy in the query's language, on top;
  # the others stand behind the quarter of the pool in that language.
  assert 0.2 < figures["bias"]["one_copy"]["macro"] < 0.4


def test_rank_correlation_of_known_rankings():
  made, q_QD, c_ND = planted(0)
  # Two languages rank alike, one the other way round, one at random.
  rng = np.random.default_rng(0)
  c_ND = rng.normal(size=c_ND.shape).astype(np.float32)
  base = rng.normal(size=(60, c_ND.shape[1])).astype(np.float32)
  free = rng.normal(size=base.shape).astype(np.float32)
  q_QD = np.concatenate([base, 2 * base, -base, free])
  rho_XX, undefined = fairness.rank_correlations(made, q_QD, c_ND)
  assert undefined == 0
  assert np.isnan(np.diag(rho_XX)).all()
  np.testing.assert_allclose(rho_XX[0, 1], 1)
  np.testing.assert_allclose(rho_XX[[0, 1], 2], -1)
  np.testing.assert_allclose(rho_XX[3, :3], 0, atol=0.05)
  one = stats.spearmanr(q_QD[0] @ c_ND.T, q_QD[180] @ c_ND.T).statistic
  few_XX, _ = fairness.rank_correlations(made, q_QD, c_ND, groups=1)
  np.testing.assert_allclose(few_XX[0, 3], one, atol=1e-6)


def test_a_ranking_in_which_all_tie_has_no_correlation_and_is_counted():
  made, _, c_ND = planted(0)
  rng = np.random.default_rng(0)
  q_QD = rng.normal(size=(240, c_ND.shape[1])).astype(np.float32)
  whole_XX, _ = fairness.rank_correlations(made, q_QD, c_ND)
  q_QD[60:120] = 0  # The second language's.
  q_QD[7] = 0  # A query of the first.
  rho_XX, undefined = fairness.rank_correlations(made, q_QD, c_ND)
  assert undefined == 60 * 3 + 2
  assert np.isnan(rho_XX[1]).all() and np.isnan(rho_XX[:, 1]).all()
  np.testing.assert_allclose(rho_XX[2, 3], whole_XX[2, 3])
  few = np.delete(np.arange(60), 7)
  left, _ = fairness.rank_correlations(made, q_QD, c_ND, groups=60)
  one = [
    stats.spearmanr(q_QD[i] @ c_ND.T, q_QD[120 + i] @ c_ND.T).statistic
    for i in few
  ]
  np.testing.assert_allclose(left[0, 2], np.mean(one), atol=1e-6)


def test_one_copy_keeps_one_language_of_each_group():
  made, q_QD, c_ND = planted(1.5)
  rank_QR = fairness.one_copy_ranks(made, q_QD, c_ND, seed=0)
  np.testing.assert_array_equal((rank_QR > 0).sum(axis=1), 1)
  # All translations of a query look for the same copy.
  kept = (rank_QR > 0).argmax(axis=1).reshape(len(LANGUAGES), -1)
  assert (kept == kept[0]).all()
  assert len(set(kept[0].tolist())) == len(LANGUAGES)
  assert rank_QR.max() <= 60
