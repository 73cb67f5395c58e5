"""Bugs of what is written, and of what is not ours."""

from tests.mutations.mutation import Mutation

_WRITING = "hybridret_jax/ground/writing.py"
_PLACES = "hybridret_jax/assembly/places.py"
_CHECKPOINTS = "hybridret_jax/training/checkpoint_folder.py"

MUTATIONS = (
  Mutation(
    name="written_in_place",
    bug="A file is written where it stands, so a kill leaves half of it.",
    known_from="",
    file=_WRITING,
    old="      yield aside\n      _flush(aside)\n      os.replace(aside, path)",
    new="      yield path\n      _flush(path)",
    tests=(
      "tests/ground/writing_test.py"
      "::test_a_failed_write_leaves_the_old_file_and_nothing_else",
    ),
  ),
  Mutation(
    name="living_process_cleaned_up_after",
    bug="What another process is writing is removed as a leftover.",
    known_from="",
    file=_WRITING,
    old="    return _born(int(pid)) == int(born)",
    new="    return False",
    tests=(
      "tests/ground/writing_test.py"
      "::test_what_a_dead_process_left_is_removed_and_nothing_else",
    ),
  ),
  Mutation(
    name="control_characters_shown",
    bug="Text of data steers the terminal that shows it.",
    known_from="",
    file="hybridret_jax/ground/display.py",
    old="  return _ONE_LINE.sub(_written, text)",
    new="  return text",
    tests=(
      "tests/ground/display_test.py"
      "::test_control_and_bidirectional_characters_are_written_out",
    ),
  ),
  Mutation(
    name="foreign_folder_replaced",
    bug="An export outside of the run's folder replaces what lies there.",
    known_from="",
    file=_PLACES,
    old="    if held and not within:",
    new="    if held and not within and not (target / MARK).is_file():",
    tests=(
      "tests/assembly/places_test.py"
      "::test_an_earlier_export_is_replaced_in_the_run_only",
    ),
  ),
  Mutation(
    name="checkpoints_replaced",
    bug="An export may take the place of the run's checkpoints.",
    known_from="",
    file=_PLACES,
    old='    *(CONFIG, "checkpoints", ',
    new="    *(CONFIG, ",
    tests=(
      "tests/assembly/places_test.py"
      "::test_a_target_that_is_not_ours_is_refused[checkpoints/6]",
    ),
  ),
  Mutation(
    name="unfinished_checkpoint_read",
    bug="A reader takes what the training is still writing.",
    known_from="",
    file=_CHECKPOINTS,
    old="if n.isdecimal())",
    new="if n[:1].isdecimal())",
    tests=("tests/training/checkpoint_test.py::test_a_reader_changes_nothing",),
  ),
  Mutation(
    name="brackets_as_a_pattern",
    bug="In a path with [ a checkpoint is written and never found again.",
    known_from="",
    file=_CHECKPOINTS,
    old="  if not _MISREAD.search(str(folder)) or not folder.is_dir():",
    new="  if folder.is_dir():",
    tests=(
      "tests/training/checkpoint_test.py::test_any_path_is_read_again[[x]]",
    ),
  ),
  Mutation(
    name="half_a_tokenizer",
    bug="A tokenizer is used whatever became of its file.",
    known_from="",
    file="hybridret_jax/data/tokenizer_made.py",
    old='    whole = there and made["sha256"] == found',
    new="    whole = there and bool(found)",
    tests=(
      "tests/data/tokenizer_made_test.py"
      "::test_a_trained_tokenizer_is_known_whole",
    ),
  ),
  Mutation(
    name="stopped_run_trains_on",
    bug="A run that was stopped early trains one more step at each repetition.",
    known_from="",
    file="hybridret_jax/verbs/train.py",
    old="  if patience and since_best >= patience:",
    new="  if patience and since_best > patience:",
    tests=("tests/verbs/train_test.py::test_a_stopped_run_is_over",),
  ),
  Mutation(
    name="overtaken_and_not_told",
    bug="A process that was away and whose run another has taken over writes"
    " on.",
    known_from="",
    file="hybridret_jax/ground/owning.py",
    old="    if self._lost.is_set() or not leases.is_held(self._lease):",
    new="    if False:",
    tests=(
      "tests/ground/owning_test.py"
      "::test_one_that_was_away_too_long_writes_no_more",
    ),
  ),
  Mutation(
    name="shards_of_any_name",
    bug="A store's manifest names files outside of the store, and they are"
    " read.",
    known_from="",
    file="hybridret_jax/retrieval/store.py",
    old="""      if shard["file"] != f"{number:05}.npy":""",
    new="      if False:",
    tests=(
      "tests/faults/hostile_files_test.py"
      "::test_each_is_refused_in_a_line_or_does_nothing",
    ),
  ),
)
