"""Bugs of batches: what is in them, and when."""

from tests.mutations.mutation import Mutation

_PIPELINE = "hybridret_jax/data/pipeline.py"
_BUILT = (
  "batch = build_batch(composer, tokens, layout, seed=seed, step=int(step))"
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
    new="own, at = seed + process_index, int(step)\n"
    "    batch = build_batch(composer, tokens, layout, seed=own, step=at)",
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
    new="at = int(step) * process_count\n"
    "    batch = build_batch(composer, tokens, layout, seed=seed, step=at)",
    tests=(_HOSTS,),
  ),
)
