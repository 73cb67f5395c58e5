"""Bugs of what a run, its inputs and its results are known by."""

from tests.mutations.mutation import Mutation

_OWN = "hybridret_jax/assembly/own_settings.py"
_OWN_TEST = "tests/assembly/own_settings_test.py"
_ALTERED = (
  f"{_OWN_TEST}::test_an_altered_byte_of_what_a_run_was_made_from_is_refused"
)

MUTATIONS = (
  Mutation(
    name="flags_of_the_day_bind",
    bug="A run is judged and shipped with the pooling that is given today.",
    known_from="",
    file=_OWN,
    old="  if refused:\n    raise faults.Fault(\n      workdir,\n"
    '      f"holds a run whose',
    new="  if refused and config is None:\n    raise faults.Fault(\n"
    '      workdir,\n      f"holds a run whose',
    tests=(
      f"{_OWN_TEST}::test_other_vectors_than_the_runs_are_refused_by_name"
      "[model.pooling-export]",
    ),
  ),
  Mutation(
    name="described_by_the_flags_of_the_day",
    bug="Results and cards of a finished run tell of today's settings.",
    known_from="",
    file=_OWN,
    old="    key: value for key, value in before.items()"
    " if binding.kind(key) not in free",
    new="    key: value for key, value in before.items()"
    " if binding.kind(key) == binding.VECTORS",
    tests=(
      f"{_OWN_TEST}::test_a_run_is_told_by_its_record_and_not_by_the_flags",
    ),
  ),
  Mutation(
    name="resumed_on_other_data",
    bug="A run goes on with data that are not those it began with.",
    known_from="",
    file="hybridret_jax/assembly/run_folder.py",
    old="    check_made_of(workdir, corpus=corpus, made=made, lexicons=found)",
    new="    check_made_of(workdir, made=made, lexicons=found)",
    tests=(f"{_ALTERED}[train-False-data]",),
  ),
  Mutation(
    name="texts_without_a_digest",
    bug="The digest of a source follows from its ids alone.",
    known_from="",
    file="hybridret_jax/data/sources.py",
    old="    self.digests[-1].add([*names, query, passage, *negatives])",
    new="    self.digests[-1].add([*names])",
    tests=(
      "tests/data/sources_test.py"
      "::test_a_sources_digest_follows_from_all_of_its_rows",
    ),
  ),
  Mutation(
    name="tasks_compared_by_name",
    bug="A report ranks runs that were judged on two tasks of one name.",
    known_from="",
    file="hybridret_jax/reporting/results.py",
    old="    if len(by_digest) > 1:",
    new="    if len(by_digest) > len(known):",
    tests=(
      "tests/reporting/results_test.py"
      "::test_different_tasks_of_one_name_do_not_compare[judgements]",
    ),
  ),
  Mutation(
    name="another_run_at_the_tracker",
    bug="A run that goes on begins a new one at its tracker.",
    known_from="",
    file="hybridret_jax/reporting/trackers.py",
    old='before.get("id") if before.get("project") == project else None',
    new="None",
    tests=(
      "tests/reporting/trackers_test.py"
      "::test_a_run_that_goes_on_is_the_same_run_there",
    ),
  ),
  Mutation(
    name="preset_dropped",
    bug="A TPU trains with the settings of a CPU, whatever stands behind :.",
    known_from="",
    file="hybridret_jax/shipped.py",
    old="  given = (argument,) if argument else ()",
    new="  given = ()",
    tests=(
      "tests/shipped_test.py::test_what_stands_behind_a_colon_is_handed_on",
    ),
  ),
  Mutation(
    name="lost_tracker_ends_the_training",
    bug="A tracker that cannot be reached for a moment ends the training.",
    known_from="",
    file="hybridret_jax/reporting/training_log.py",
    old="      except Exception as error:  # Theirs:",
    new="      except ZeroDivisionError as error:  # Theirs:",
    tests=(
      "tests/reporting/trackers_test.py"
      "::test_a_tracker_that_fails_ends_no_training",
    ),
  ),
  Mutation(
    name="grades_without_a_digest",
    bug="Two tasks whose judgements differ in their grades count as one.",
    known_from="",
    file="hybridret_jax/retrieval/tasks/digests.py",
    old="([grade for grade in row if grade > 0] for row in grades.tolist())",
    new="([1 for grade in row if grade > 0] for row in grades.tolist())",
    tests=(
      "tests/retrieval/tasks/digests_test.py"
      "::test_a_change_shows_in_its_part_alone[judgements-changes8]",
    ),
  ),
)
