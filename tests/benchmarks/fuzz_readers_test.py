"""Every reader takes or refuses mutated files, in a short form."""

import pytest

from benchmarks import fuzz_readers, fuzz_targets
from hybridret_jax.ground import faults


@pytest.mark.parametrize("name", fuzz_targets.TARGETS)
def test_only_faults_that_name_their_file(name):
  counts = fuzz_readers.run(name, seed=0, examples=60)
  assert not [key for key in counts if key.startswith("finding")]
  assert counts["Fault"] and counts["read"] + counts["Fault"] > 40


def test_what_is_no_fault_is_found():
  def breaks(folder):
    raise KeyError("x")

  def says_nothing(folder):
    raise faults.Fault("somewhere", "wrong", "mend it")

  files = {"s.jsonl": b"{}"}
  for read, what in [(breaks, "KeyError at"), (says_nothing, "names no file")]:
    target = fuzz_targets.Target({"s.jsonl": "{}"}, read)
    assert what in (fuzz_readers.finding(target, files)[1] or "")
