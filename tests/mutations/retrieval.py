"""Bugs of ranks and figures."""

from tests.mutations.mutation import Mutation

_RANKING = "hybridret_jax/retrieval/ranking.py"
_SORTED = (
  "tests/retrieval/ranking_test.py"
  "::test_ranks_equal_a_full_sort[4-7-one_device-queries]"
)

MUTATIONS = (
  Mutation(
    name="filling_is_ranked",
    bug="What fills the last chunk up ranks as a candidate, so that figures"
    " depend on the chunk size.",
    known_from="mteb #4009",
    file=_RANKING,
    old="return None, jnp.where(slots_C[None, :] >= 0, score_BC, -jnp.inf)",
    new="return None, score_BC",
    tests=(_SORTED,),
  ),
  Mutation(
    name="ties_to_the_higher_index",
    bug="Of candidates that score equally the higher index ranks first.",
    known_from="",
    file=_RANKING,
    old="lower_BC = slots_C[None, :] < relevant_B[:, None]",
    new="lower_BC = slots_C[None, :] > relevant_B[:, None]",
    tests=(_SORTED,),
  ),
  Mutation(
    name="all_scores_in_memory",
    bug="The scores of all queries with all candidates exist at once.",
    known_from="sentence-transformers #1715, mteb #726",
    file=_RANKING,
    old="query_block = min(query_block, max(scores // scored, 1))",
    new="query_block = len(relevant_QR)",
    tests=(
      "tests/retrieval/ranking_test.py"
      "::test_no_queries_by_candidates_array_is_compiled[queries]",
    ),
  ),
  Mutation(
    name="ndcg_above_one",
    bug="The best order's gain is that of ungraded candidates.",
    known_from="mteb #3030",
    file="hybridret_jax/retrieval/metrics.py",
    old="return np.minimum(_divide(found_QR.sum(axis=1), best_QR.sum(axis=1)),"
    " 1.0)",
    new="best_QR = _discounted(1.0 * (grade_QR > 0), place_R[None, :], k)\n"
    "  return _divide(found_QR.sum(axis=1), best_QR.sum(axis=1))",
    tests=("tests/retrieval/metrics_test.py::test_graded_gain_by_hand",),
  ),
)
