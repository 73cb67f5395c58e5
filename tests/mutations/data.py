"""Bugs of batches: what is in them, and when."""

from tests.mutations.mutation import Mutation

_PIPELINE = "hybridret_jax/data/pipeline.py"
_BUILT = """      seed=seed,
      step=int(step),
      switched=switched,
    )"""
_OTHERWISE = """      seed={},
      step={},
      switched=switched,
    )"""
_SWITCHING = "hybridret_jax/data/code_switching.py"
_IDENTITY = "hybridret_jax/data/identity.py"
_NEGATIVE = (
  "tests/data/identity_test.py::test_in_no_batch_a_positives_text_is_a_negative"
)
_HOSTS = (
  "tests/data/pipeline_test.py::test_hosts_hold_slices_of_the_same_rows[False]"
)

MUTATIONS = (
  Mutation(
    name="batches_drawn_by_host",
    bug="Each host draws its own batch, so that a monolingual one is not one"
    " when it is gathered.",
    known_from="sentence-transformers' data parallel samplers",
    file=_PIPELINE,
    old=_BUILT,
    new=_OTHERWISE.format("seed + process_index", "int(step)"),
    tests=(_HOSTS,),
  ),
  Mutation(
    name="languages_drawn_by_row",
    bug="A monolingual batch draws a language for each row.",
    known_from="fairseq #4084",
    file="hybridret_jax/data/composer.py",
    old="direction = draws.directions(rng, draw, 1 if fixed else size)",
    new="direction = draws.directions(rng, draw, size)",
    tests=(
      "tests/data/composer_test.py::test_shares_are_as_asked[monolingual]",
    ),
  ),
  Mutation(
    name="resume_replays",
    bug="A run that goes on begins with the first batches again.",
    known_from="FlagEmbedding #294",
    file=_PIPELINE,
    old="tf.data.Dataset.range(start_step, total_steps)",
    new="tf.data.Dataset.range(total_steps - start_step)",
    tests=(
      "tests/data/pipeline_resume_test.py"
      "::test_a_run_that_goes_on_repeats_no_batch[7]",
    ),
  ),
  Mutation(
    name="resume_depends_on_hosts",
    bug="Which batch comes next depends on the number of hosts.",
    known_from="MaxText #3673",
    file=_PIPELINE,
    old=_BUILT,
    new=_OTHERWISE.format("seed", "int(step) * process_count"),
    tests=(_HOSTS,),
  ),
  Mutation(
    name="copies_in_two_blocks",
    bug="Two groups with one passage meet in a batch, and stand on both sides"
    " of the split.",
    known_from="",
    file=_IDENTITY,
    old="    joined[block] = first.setdefault(int(label[block]), block)\n",
    new="    joined[block] = block\n",
    tests=(
      _NEGATIVE,
      "tests/data/identity_test.py::test_no_text_stands_on_both_sides_of_a_split",
    ),
  ),
  Mutation(
    name="own_translation_as_hard_negative",
    bug="A row's hard negatives may hold a passage of its own group.",
    known_from="",
    file=_IDENTITY,
    old="group * size + identities.passage_of_row\n  )\n",
    new="group * size + identities.passage_of_row\n  ) & (row < 0)\n",
    tests=(_NEGATIVE,),
  ),
  Mutation(
    name="others_positives_unknown",
    bug="A hard negative that is a passage of another group of the batch is not"
    " known to be one.",
    known_from="",
    file=_IDENTITY,
    old="  some_BK = end_BK > start_BK\n",
    new="  some_BK = end_BK > start_BK + 1\n",
    tests=(_NEGATIVE,),
  ),
  Mutation(
    name="translations_mined",
    bug="A translation of the positive, or what shares its block, is mined as a"
    " hard negative.",
    known_from="",
    file="hybridret_jax/data/mining.py",
    old="  is_own = is_real & (pool.block_N[found_QK] == block_Q[:, None])",
    new="  is_own = is_real & (pool.block_N[found_QK] == -1)",
    tests=(
      "tests/assembly/mining_test.py"
      "::test_planted_false_negatives_are_left_out",
    ),
  ),
  Mutation(
    name="own_passages_count_as_ranks",
    bug="Passages of the query's own block use up the window of ranks.",
    known_from="",
    file="hybridret_jax/data/mining.py",
    old="np.cumsum(is_real & ~is_own, axis=1)",
    new="np.cumsum(is_real, axis=1)",
    tests=("tests/assembly/mining_test.py::test_equals_brute_force",),
  ),
  Mutation(
    name="share_of_another_languages_positive",
    bug="A candidate of another language is held against the positive of the"
    " query's own, which scores higher: answers there pass for negatives.",
    known_from="",
    file="hybridret_jax/data/mining.py",
    old="  return np.where(of_group < 0, own[:, None], of_group)",
    new="  return np.where(of_group < -1, of_group, own[:, None])",
    tests=("tests/assembly/mining_test.py::test_equals_brute_force",),
  ),
  Mutation(
    name="near_duplicates_mined",
    bug="A copy of the positive with another end of the line is a negative.",
    known_from="",
    file="hybridret_jax/data/mining.py",
    old="text_N[answer]]) >= most",
    new="text_N[answer]]) > 1",
    tests=(
      "tests/assembly/mining_test.py"
      "::test_planted_false_negatives_are_left_out",
    ),
  ),
  Mutation(
    name="certificate_without_negatives",
    bug="A batch's digest does not follow from its hard negatives.",
    known_from="",
    file="hybridret_jax/data/certificate.py",
    old="    add(corpus.texts[text])",
    new="    add(str(len(corpus.texts)))",
    tests=("tests/data/certificate_test.py::test_every_part_of_a_plan_counts",),
  ),
  Mutation(
    name="certificate_lost_at_a_checkpoint",
    bug="Digests between the last log and a checkpoint are lost when a run"
    " stops there.",
    known_from="",
    file="hybridret_jax/verbs/train.py",
    old="          composed.flush()\n          checkpoint.save(",
    new="          checkpoint.save(",
    tests=(
      "tests/verbs/audit_test.py::test_every_step_is_logged_once_and_agrees",
    ),
  ),
  Mutation(
    name="shares_since_the_last_start",
    bug="A run that goes on tells the shares of its own steps as the run's.",
    known_from="",
    file="hybridret_jax/verbs/train.py",
    old="      mixed.go_on(notes[_SHARES])\n",
    new="      pass\n",
    tests=(
      "tests/verbs/audit_test.py"
      "::test_a_run_in_one_go_has_the_same_certificate",
    ),
  ),
  Mutation(
    name="switched_alike_at_every_step",
    bug="Of a text the same words are replaced whenever it is drawn.",
    known_from="",
    file=_SWITCHING,
    old="key=np.array([seed, step], np.uint64),",
    new="key=np.array([seed, 0 * step], np.uint64),",
    tests=(
      "tests/data/code_switching_test.py"
      "::test_a_text_follows_from_seed_step_side_and_place",
    ),
  ),
  Mutation(
    name="negatives_in_one_language",
    bug="Hard negatives stay as they are where positives are code-switched, so"
    " that the language tells them apart.",
    known_from="",
    file=_SWITCHING,
    old='      add("passage", size + n,',
    new='      add("negative", size + n,',
    tests=(
      "tests/data/code_switching_test.py"
      "::test_of_a_small_lexicon_the_output_is_exact",
    ),
  ),
  Mutation(
    name="switched_into_another_text",
    bug="Two texts that become the same by their translations are each other's"
    " negatives.",
    known_from="",
    file="hybridret_jax/data/batch_texts.py",
    old="      runs[place] = as_it_was[place]\n",
    new="      pass\n",
    tests=(
      "tests/data/batch_texts_test.py"
      "::test_texts_that_became_the_same_stay_apart",
    ),
  ),
  Mutation(
    name="weights_of_directions_without_use",
    bug="Weights of languages and pairs are read and not used.",
    known_from="",
    file="hybridret_jax/data/draws.py",
    old="    weight_P = weight_P * factor_P",
    new="    weight_P = weight_P * 1.0",
    tests=(
      "tests/data/mixture_test.py"
      "::test_a_factor_multiplies_what_a_language_weighs",
    ),
  ),
  Mutation(
    name="cut_texts_as_long_as_the_cut",
    bug="A text that is cut counts as no longer than that, so that a look at"
    " the data shows no loss.",
    known_from="",
    file="hybridret_jax/data/text_lengths.py",
    old="(lengths >= longest[side])",
    new="(lengths > longest[side])",
    tests=(
      "tests/data/text_lengths_test.py"
      "::test_what_is_cut_is_counted_in_texts_and_tokens",
    ),
  ),
  Mutation(
    name="first_batches_for_the_run",
    bug="What the first batches draw is told as what the run draws, whatever"
    " becomes of alpha.",
    known_from="",
    file="hybridret_jax/assembly/inspecting.py",
    old="at = np.linspace(0, steps - 1, number).round()",
    new="at = np.arange(number)",
    tests=(
      "tests/assembly/inspecting_test.py"
      "::test_of_a_long_run_batches_from_all_of_it_are_counted",
    ),
  ),
  Mutation(
    name="texts_steer_a_look",
    bug="A bidirectional override in a text turns round the page on which one"
    " looks at it.",
    known_from="",
    file="hybridret_jax/reporting/inspected.py",
    old="  found = visible(found)\n  environment",
    new="  environment",
    tests=(
      "tests/reporting/inspected_test.py"
      "::test_no_text_steers_the_page_or_the_terminal",
    ),
  ),
)
