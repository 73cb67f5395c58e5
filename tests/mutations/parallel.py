"""Bugs of what devices exchange."""

from tests.mutations.mutation import Mutation

_FILE = "hybridret_jax/parallel/collectives.py"
_GATHERED = "lambda x, spec: self.varying(self._gather_leaf(x, spec))"
_TESTS = (
  "tests/training/step_test.py"
  "::test_loss_gradients_and_five_sgd_steps_equal_one_device[layout0-0]",
)

MUTATIONS = (
  Mutation(
    name="gradients_of_one_slice",
    bug="Parameters learn from the first slice's rows alone.",
    known_from="",
    file=_FILE,
    old=_GATHERED,
    new="lambda x, spec: (\n"
    "        lambda y: jax.numpy.where(\n"
    "          self.index() == 0, y, jax.lax.stop_gradient(y)\n"
    "        )\n"
    "      )(self.varying(self._gather_leaf(x, spec)))",
    tests=_TESTS,
  ),
  Mutation(
    name="gradients_averaged_twice",
    bug="The slices' gradients of a mean over the whole batch are averaged"
    " where they are to be summed.",
    known_from="",
    file=_FILE,
    old=_GATHERED,
    new="lambda x, spec: (\n"
    "        lambda y: jax.lax.stop_gradient(y)\n"
    "        + (y - jax.lax.stop_gradient(y)) / self.count\n"
    "      )(self.varying(self._gather_leaf(x, spec)))",
    tests=_TESTS,
  ),
  Mutation(
    name="the_lost_are_waited_for",
    bug="A process that gives no sign of life is waited for without end.",
    known_from="",
    file="hybridret_jax/parallel/watch.py",
    old="      if now - self._seen[index] > self._limit:",
    new="      if False:",
    tests=(
      "tests/parallel/watch_test.py"
      "::test_one_that_signs_no_more_is_named_by_all",
    ),
  ),
)
