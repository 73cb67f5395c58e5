"""Bugs that others shipped, planted one at a time to see a test catch each.

  python -m tests.mutations            plants all of them
  python -m tests.mutations --list     says what they are
  python -m tests.mutations --only pool_of_a_slice ties_to_the_higher_index

Nothing is changed here: the repository is copied to a temporary folder, the
chosen tests pass there once as they are, and then each bug is planted in the
copy, in one place, and the tests that are named beside it run until one fails.
A bug that no test catches, or whose place has changed, ends with status 1.
"""
