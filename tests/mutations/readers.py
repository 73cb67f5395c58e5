"""Bugs of what is read, and of what it counts as."""

from tests.mutations.mutation import Mutation

_READING = "hybridret_jax/ground/reading.py"
_FIGURES = "hybridret_jax/retrieval/evaluation.py"
_TAGS = (
  "tests/retrieval/evaluation_test.py"
  "::test_directions_are_pairs_whatever_the_tags"
)

MUTATIONS = (
  Mutation(
    name="plain_beside_packed",
    bug="Of a file and its packed copy the plain one is read, whatever the"
    " other holds.",
    known_from="",
    file=_READING,
    old="  if len(there) > 1:",
    new="  if len(there) > 2:",
    tests=(
      "tests/retrieval/tasks/jsonl_test.py"
      "::test_a_file_plain_and_packed_is_refused",
    ),
  ),
  Mutation(
    name="half_a_surrogate_read",
    bug="An escaped half of a surrogate pair is read, and breaks what writes"
    " the text, once all is encoded.",
    known_from="",
    file=_READING,
    old='(?:[dD][89a-fA-F]|0000)")',
    new='(?:0000)")',
    tests=("tests/ground/reading_test.py::test_no_json",),
  ),
  Mutation(
    name="a_key_twice",
    bug="Of a key that stands twice in an object the last value counts.",
    known_from="",
    file=_READING,
    old="  if len(made) < len(pairs):",
    new="  if not pairs and made:",
    tests=("tests/ground/reading_test.py::test_no_json",),
  ),
  Mutation(
    name="tags_as_written",
    bug="EN and en are two languages.",
    known_from="",
    file="hybridret_jax/ground/languages.py",
    old="  return made if langcodes.tag_is_valid(made) else None",
    new="  return tag if langcodes.tag_is_valid(made) else None",
    tests=("tests/ground/languages_test.py::test_one_spelling",),
  ),
  Mutation(
    name="directions_split",
    bug="Whether a direction is monolingual is read off its name, so pt-BR"
    " breaks or counts as another.",
    known_from="",
    file="hybridret_jax/retrieval/means.py",
    old="    (query == answer, directions[key])",
    new='    (len(set(key.split("-"))) == 1, directions[key])',
    tests=(_TAGS,),
  ),
  Mutation(
    name="missing_passages_flatter",
    bug="A relevant passage that the corpus lacks is no miss.",
    known_from="",
    file=_FIGURES,
    old="  if task.misses is None:\n    return rank_QR, grade_QR",
    new="  if task.misses is not None:\n    return rank_QR, grade_QR\n"
    "  if task.misses is None:\n    return rank_QR, grade_QR",
    tests=(
      "tests/retrieval/evaluation_test.py"
      "::test_what_the_corpus_lacks_is_never_found",
    ),
  ),
  Mutation(
    name="own_candidate_ranked",
    bug="A query that is left out of its own ranking stands in the way of what"
    " is relevant.",
    known_from="mteb's ignore_identical_ids",
    file="hybridret_jax/retrieval/left_out.py",
    old="language_N[left_out_Q[query]]] -= 1",
    new="language_N[left_out_Q[query]]] -= 0",
    tests=(
      "tests/retrieval/left_out_test.py"
      "::test_counts_are_those_of_a_sort_without_it",
    ),
  ),
  Mutation(
    name="copies_of_other_languages",
    bug="A copy of what is relevant is relevant in another language too.",
    known_from="",
    file="hybridret_jax/retrieval/tasks/copies.py",
    old="    both_N + task.candidate_language, return",
    new="    both_N, return",
    tests=(
      "tests/retrieval/tasks/copies_test.py"
      "::test_what_the_encoder_sees_decides",
    ),
  ),
  Mutation(
    name="answer_anywhere",
    bug="An answer that does not stand at answer_start makes the sentence there"
    " relevant.",
    known_from="",
    file="hybridret_jax/retrieval/tasks/xquad_r.py",
    old="    if not text.strip() or there != text:",
    new="    if not text.strip():",
    tests=(
      "tests/retrieval/tasks/xquad_r_test.py"
      "::test_misshapen_paragraphs_are_named",
    ),
  ),
  Mutation(
    name="group_in_some_rows",
    bug="A row without the group that the others have is silently its own, and"
    " its translations are in-batch negatives.",
    known_from="",
    file="hybridret_jax/data/columns.py",
    old='    elif field != "block" or "block" in options:',
    new='    elif field in ("query", "passage"):',
    tests=("tests/data/bad_input_test.py::test_bad_input_is_told_in_a_line",),
  ),
  Mutation(
    name="numbers_by_line",
    bug="Rows without an id are numbered by the file's lines, so a header moves"
    " them and another form holds other blocks out.",
    known_from="",
    file="hybridret_jax/data/records.py",
    old='    own = f"{name}:{language}:{counts[language]}"',
    new='    own = f"{name}:{language}:{place.line}"',
    tests=(
      "tests/data/records_test.py::test_rows_without_names_are_their_own",
    ),
  ),
  Mutation(
    name="trained_on_the_test_split",
    bug="Of a folder with splits all files are trained on.",
    known_from="",
    file="hybridret_jax/data/folders.py",
    old='  return [Part(path, "") for path in splits[wanted]]',
    new='  return [Part(path, "") for path in files]',
    tests=(
      "tests/data/records_test.py::test_splits_are_chosen_and_the_others_told",
    ),
  ),
  Mutation(
    name="labelled_pairs",
    bug="Sentence pairs that are labelled unlike are trained on as positives.",
    known_from="",
    file="hybridret_jax/data/columns.py",
    old='_GRADED = ("label", ',
    new="_GRADED = (",
    tests=("tests/data/bad_input_test.py::test_bad_input_is_told_in_a_line",),
  ),
)
